"""`headroom account`: what a trader's key may ask about its own account, one request at a time."""

import hashlib
import secrets
from typing import Annotated

import typer

from exchange.cli.account_text import account_lines
from exchange.cli.common import Json, Key, Url, fail, print_json
from exchange.cli.one_request import ask, checked, show
from exchange.cli.statement import statement
from exchange.cli.typed import units_option
from exchange.keys import KeyFileError, load_private_key, public_key_b64
from exchange.wire.requests import AccountApply, AccountState, HostToken, LeaseRelease

app = typer.Typer(no_args_is_help=True, help="Ask about your own account.")

SECRET_BYTES = 24

app.command("statement")(statement)


@app.command("state")
def state(key: Key, url: Url = None, as_json: Json = False) -> None:
    """Show the money, open orders, leases, VMs and images of your account."""
    result = ask(url, key, AccountState(req_id=1))
    if as_json:
        print_json(result)
        return
    for line in account_lines(result):
        typer.echo(line)


@app.command("apply")
def apply(
    key: Key,
    name: Annotated[str, typer.Option(help="Your organisation.")],
    contact: Annotated[str, typer.Option(help="How the operator reaches you.")],
    side: Annotated[str, typer.Option(help="buy, sell or both.")] = "both",
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Ask the exchange's operator for an account; once approved, your key logs in."""
    try:
        public_key = public_key_b64(load_private_key(key))
    except KeyFileError as error:
        fail(str(error))
    fields = {
        "name": name,
        "contact": contact,
        "public_key": public_key,
        "side": side,
    }
    show(ask(url, None, checked("account apply", fields, AccountApply)), as_json)


@app.command("token")
def token(
    key: Key,
    zone: Annotated[str, typer.Option(help="The zone that the hosts stand in.")],
    uses: Annotated[int, typer.Option(help="How many hosts it lets in.")] = 1,
    ttl_s: Annotated[int, typer.Option("--ttl-s", help="Seconds until it expires.")] = 3_600,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Let hosts enroll: print a new secret for headroom host enroll --token, this once.

    The exchange learns its SHA-256 only. With one use the host is let in at once; with more, each
    waits for your approval.
    """
    secret = secrets.token_hex(SECRET_BYTES)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    fields = {
        "zone": zone,
        "token_sha256": digest,
        "uses": uses,
        "ttl_s": ttl_s,
    }
    result = ask(url, key, checked("account token", fields, HostToken))
    if as_json:
        print_json({"token": secret, **result})
    else:
        typer.echo(secret)


@app.command("release")
def release(
    lease: Annotated[str, typer.Argument(help="The lease, such as l-9.")],
    key: Key,
    units: Annotated[int | None, units_option("--units", "Give back so many; else all.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Give a lease back. Its VMs are stopped, and what is owed so far is charged."""
    fields = {"lease_id": lease, "units": units}
    show(ask(url, key, checked("account release", fields, LeaseRelease)), as_json)
