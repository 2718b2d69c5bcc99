"""`headroom host enroll`: join the exchange with a token, also from a script run again. Shell.

The secret can come from a file, standard input or the environment, since everybody on a server can
read the arguments of its processes.
"""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from exchange import files
from exchange.cli.bounds import by_options, plainly
from exchange.cli.common import DEFAULT_URL, EXIT_USAGE, HostKey, Json, Url, fail, print_json
from exchange.client import Client, Refused, Unknown, Unreachable
from exchange.keys import KeyFileError, load_private_key, new_key, public_key_b64
from exchange.wire import hardware
from exchange.wire.requests import HostEnroll
from hostagent.machine import facts

ENVIRONMENT: Final = "HEADROOM_TOKEN"
TOKEN_MAX: Final = 1_024
STDIN: Final = Path("-")

TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="Read the secret there; -: standard input."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the host's id and nothing else.")]


def enroll(
    key: HostKey,
    name: Annotated[str, typer.Option("--name", help="What the owner calls this server.")],
    token: Annotated[
        str, typer.Option("--token", help="The secret of the owner's host.token.")
    ] = "",
    token_file: TokenFile = None,
    hardware_id: Annotated[
        str | None, typer.Option("--hardware-id", help="Instead of the mainboard's own id.")
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Also when the host of this hardware is live.")
    ] = False,
    url: Url = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Join the exchange with a token. The key file is made when it does not exist.

    The secret is that of --token, --token-file or HEADROOM_TOKEN. Enrolling the same key again
    changes nothing, even when the secret was used up or is too old.
    """
    secret = _secret(token, token_file)
    hardware_id = _hardware_id(hardware_id, quiet)
    made = not os.path.lexists(key)
    try:
        if made:
            new_key(key)
        public_key = public_key_b64(load_private_key(key))
        fields: dict[str, Any] = {"req_id": 1, "token": secret, "name": name}
        fields |= {"public_key": public_key, "take_over": take_over or None}
        fields["hardware_id"] = hardware_id
        request = msgspec.convert(fields, HostEnroll)
    except KeyFileError as error:
        fail(str(error))
    except msgspec.ValidationError as error:
        _forget(key, made)
        fail(f"enroll: {plainly(error, fields, HostEnroll)}", EXIT_USAGE)
    _show(_asked(url or DEFAULT_URL, request, key, made), quiet, as_json)


def _show(joined: dict[str, Any], quiet: bool, as_json: bool) -> None:
    changed = not joined.pop("duplicate", False)
    what = f"{joined['host']}, {joined['status']}"
    if as_json:
        print_json(joined | {"changed": changed})
    elif quiet:
        typer.echo(joined["host"])
    elif not changed:
        typer.echo(f"already enrolled as {what}")
    elif joined["again"]:
        typer.echo(f"enrolled again as {what}; its earlier key no longer works")
    else:
        typer.echo(f"enrolled as {what}")


def _secret(token: str, token_file: Path | None) -> str:
    """Return the secret; exit 2 when there is none, or two on the command line."""
    if token and token_file is not None:
        fail("enroll: --token or --token-file, not both", EXIT_USAGE)
    if token_file is not None:
        path = Path("/dev/stdin") if token_file == STDIN else token_file
        try:
            token = files.read(path, TOKEN_MAX).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = files.why(error) if isinstance(error, OSError) else "is not text"
            fail(f"enroll: --token-file {token_file}: {why}", EXIT_USAGE)
        if not token:
            fail(f"enroll: --token-file {token_file}: is empty", EXIT_USAGE)
    secret = token or os.environ.get(ENVIRONMENT, "")
    if not secret:
        fail(f"enroll: no secret: use --token-file, --token or {ENVIRONMENT}", EXIT_USAGE)
    return secret


def _hardware_id(said: str | None, quiet: bool) -> str:
    """Return what names this server; an id that is none is refused, or replaced and told of."""
    if said is not None:
        if hardware.is_none(said):
            fail(f"--hardware-id {said}: this is a maker's default, no id", EXIT_USAGE)
        return said
    found = facts.hardware_id()
    for where, text in () if quiet else found.skipped:
        typer.echo(f"headroom: {where}: {text!r} is no id; {found.text} is used", err=True)
    return found.text


def _asked(url: str, request: HostEnroll, key: Path, made: bool) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with Client(url) as client:
            return dict(await client.request(request))

    try:
        return asyncio.run(ask())
    except (Refused, Unreachable) as error:
        _forget(key, made)
        fail(f"enroll: {by_options(str(error), HostEnroll)}")
    except Unknown as error:
        # The exchange may have enrolled this key: asking again with it is how to find out.
        fail(f"enroll: {error}")


def _forget(key: Path, made: bool) -> None:
    """Remove a key file that was made for an enrollment that did not happen."""
    if made:
        key.unlink(missing_ok=True)
