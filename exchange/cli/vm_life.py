"""`headroom vm start|stop|list`: VMs on the leases of your account. Shell."""

import re
import secrets
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from exchange.cli import stored_image
from exchange.cli.common import EXIT_NOT_SO, EXIT_USAGE, Json, Key, Url, fail, print_json
from exchange.cli.fleet import work
from exchange.cli.lease_text import reached, vm_lines
from exchange.cli.one_request import ask, checked, logged_in
from exchange.cli.stored_image import DIGEST, NoSuchImage, Stored
from exchange.cli.vm_wait import watched
from exchange.client import Client, Unknown
from exchange.units import MS_PER_SECOND
from exchange.wire.requests import AccountState, VmStart, VmStop
from exchange.wire.text import vm_state
from exchange.wire.types import Request

NAME_BYTES: Final = 4
LIBRARY: Final = Path("library")
WAIT_S: Final = 600
OPTIONS: Final = {
    "lease_id": "LEASE",
    "name": "--name",
    "image": "--image",
    "cmdline": "--cmdline",
    "user_data": "--user-data",
    "ports": "--ports",
    "allow_from": "--allow-from",
}
_PORTS: Final = re.compile(r"[0-9]{1,5}(,[0-9]{1,5})*")

Lease = Annotated[str, typer.Argument(metavar="LEASE", help="On a unit of this lease: l-9.")]
Image = Annotated[
    str, typer.Option("--image", metavar="NAME|SHA", help="Of a stored VM, or a SHA-256.")
]
VmName = Annotated[
    str | None, typer.Option("--name", help="The same again is the same VM; default: made up.")
]
Ports = Annotated[
    str | None,
    typer.Option("--ports", "--guest-ports", metavar="A,B", help="Of the guest: 80,443."),
]
UserData = Annotated[
    Path | None, typer.Option("--user-data", help="A text file for the guest; no secrets.")
]
Cmdline = Annotated[str | None, typer.Option("--cmdline", help="The kernel's, for a bundle.")]
AllowFrom = Annotated[
    list[str] | None,
    typer.Option("--allow-from", metavar="CIDR", help="Who may reach its ports; repeat it."),
]
Library = Annotated[Path, typer.Option("--library", metavar="DIR", help="Where stored VMs are.")]
Wait = Annotated[bool, typer.Option("--wait", help="Until it is ready; then print its ports.")]
WaitS = Annotated[int, typer.Option("--timeout-s", min=1, max=86_400, help="Wait so long.")]


def start(
    lease: Lease,
    image: Image,
    key: Key,
    name: VmName = None,
    ports: Ports = None,
    user_data: UserData = None,
    cmdline: Cmdline = None,
    allow_from: AllowFrom = None,
    library: Library = LIBRARY,
    wait: Wait = False,
    timeout_s: WaitS = WAIT_S,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Start a VM on a free unit of a lease; with --wait, print where it is reached once ready."""
    try:
        found, text = _described(image, library, user_data)
    except NoSuchImage as error:
        fail(f"vm start: {error}", EXIT_USAGE)
    fields = {
        "lease_id": lease,
        "name": name or f"vm-{secrets.token_hex(NAME_BYTES)}",
        "cmdline": cmdline,
        "user_data": text,
        "ports": found.ports if ports is None else _ports(ports),
        "allow_from": allow_from or None,
    }
    fields = {field: value for field, value in fields.items() if value}
    # Refused before an exchange is asked; the digest may have to be asked for.
    checked("vm start", fields | {"image": "0" * 64}, VmStart, OPTIONS)

    async def run(client: Client) -> Any:
        request = fields | {"image": await _digest(client, found.sha256)}
        asked = checked("vm start", request, VmStart, OPTIONS)
        try:
            return await watched(client, asked, timeout_s if wait else 0, not as_json)
        except Unknown as error:
            fail(f"{error}\n--name {asked.name} asks again without starting it twice")

    _show(logged_in(url, key, run, VmStart, OPTIONS), wait, as_json)


def stop(
    vms: Annotated[list[str], typer.Argument(metavar="VM...", help="Such as v-3.")],
    key: Key,
    grace_s: Annotated[
        int | None,
        typer.Option("--grace-s", min=0, max=3_600, help="Then by force."),
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Stop VMs. Their units stay leased, and another VM may be started there."""
    grace_ms = None if grace_s is None else grace_s * MS_PER_SECOND
    jobs: list[work.Job] = [
        ({"vm_id": each}, _stopping(each, grace_ms)) for each in dict.fromkeys(vms)
    ]
    outcome = logged_in(url, key, lambda client: work.each(client, jobs, "stop"))
    work.show(outcome, as_json, "stops")


def list_vms(key: Key, url: Url = None, as_json: Json = False) -> None:
    """List your VMs: lease, state, and where their ports are reached."""
    vms = ask(url, key, AccountState(req_id=1))["vms"]
    if as_json:
        print_json({"vms": vms})
        return
    for line in vm_lines(vms, work.width()):
        typer.echo(line)


def _described(image: str, library: Path, user_data: Path | None) -> tuple[Stored, str | None]:
    """Return (image and ports, the guest's text). Raises `NoSuchImage`."""
    found = stored_image.found(library, image)
    path = user_data
    if path is None and found is not None and found.user_data is not None:
        path = library / image / found.user_data
    text = None if path is None else stored_image.user_data(path)
    return found or Stored(sha256=image), text


def _ports(text: str) -> list[int]:
    if not _PORTS.fullmatch(text):
        fail(f"vm start: --ports {text}: not ports such as 80,443", EXIT_USAGE)
    return [int(each) for each in text.split(",")]


async def _digest(client: Client, name: str) -> str:
    if DIGEST.fullmatch(name):
        return name
    state = await client.request(AccountState(req_id=1), patient=True)
    try:
        return stored_image.digest(name, [row["sha256"] for row in state["images"]])
    except NoSuchImage as error:
        fail(f"vm start: {error}")


def _stopping(vm_id: str, grace_ms: int | None) -> Request:
    fields = {"vm_id": vm_id, "grace_ms": grace_ms}
    return checked("vm stop", fields, VmStop, {"vm_id": "VM"})


def _show(vm: dict[str, Any], wait: bool, as_json: bool) -> None:
    state = vm_state(vm["state"], vm.get("ready_ms"))
    if as_json:
        print_json(vm)
    elif not wait:
        before = "was started before" if vm["duplicate"] else state
        typer.echo(f"{vm['vm_id']} {vm['name']}: {before}")
    else:
        for each in vm["endpoints"]:
            typer.echo(f"{vm['vm_id']}: port {each['guest_port']} at {reached(each)}")
        if not vm["endpoints"]:
            typer.echo(f"{vm['vm_id']}: {state}")
    if wait and state != "ready":
        why = f": {vm['reason']}" if vm.get("reason") else ""
        typer.echo(f"headroom: {vm['vm_id']} is {state}, not ready{why}", err=True)
        raise typer.Exit(EXIT_NOT_SO)
