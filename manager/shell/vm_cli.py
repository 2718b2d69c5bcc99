"""`headroom manager vm`: the library of stored VMs. Shell.

With ``--library`` a command works on that folder itself; otherwise it asks the Manager that runs,
which also puts the VM into its file and into the exchange's store.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from exchange.cli.common import Json, fail, print_json
from manager.control.requests import (
    VmDelete,
    VmImport,
    VmSet,
    VmSettings,
    VmUpload,
    VmVerify,
)
from manager.control.tables import vm_lines
from manager.shell import control_client
from manager.shell.control_cli import Control, Vm, asked, done, show, valid
from manager.shell.image_check import unchecked
from manager.shell.stored import (
    Entry,
    LibraryError,
    delete_vm,
    entry_names,
    import_vm,
    read_entry,
    verify_vm,
)

app = typer.Typer(no_args_is_help=True, help="The library of stored VMs.")

Library = Annotated[
    Path | None,
    typer.Option("--library", metavar="DIR", help="Work on this folder, without a Manager."),
]
Class = Annotated[str | None, typer.Option("--vm-class", "--class", help="The size it needs.")]
Ports = Annotated[
    str | None, typer.Option("--guest-ports", metavar="A,B", help="Of the guest; the first serves.")
]
Health = Annotated[str | None, typer.Option("--health", help="The path that must answer 200.")]
Backend = Annotated[str | None, typer.Option("--backend", help="The balancer's backend.")]
UserData = Annotated[Path | None, typer.Option("--user-data", help="A text file for the guest.")]


@app.command("list")
def vm_list(library: Library = None, control: Control = None, as_json: Json = False) -> None:
    """Show the stored VMs."""
    if library is not None:
        entries = {name: _read(library, name) for name in entry_names(library)}
        if as_json:
            print_json({name: msgspec.to_builtins(entry) for name, entry in entries.items()})
            return
        for name, entry in entries.items():
            print(f"{name}  {entry.vm_class}  {entry.format}  {entry.size}  {entry.sha256[:12]}")
        if not entries:
            print("there is none")
        return
    shown = done(control_client.status, control)
    if as_json:
        print_json({"library": msgspec.to_builtins(shown.library)})
        return
    for line in list(vm_lines(shown))[1:] or ["there is none"]:
        print(line)


@app.command("import")
def vm_import(
    vm: Vm,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The image: a file or folder.")],
    vm_class: Class = None,
    ports: Ports = None,
    health: Health = None,
    backend: Backend = None,
    user_data: UserData = None,
    library: Library = None,
    control: Control = None,
    as_json: Json = False,
) -> None:
    """Check an image as a host would, and take it into the library."""
    settings = _settings(vm_class, ports, health, backend, user_data)
    given = {"type": "vm.import", "req_id": 1, "vm": vm, "path": str(path.absolute())}
    request = valid(given, VmImport)
    if library is None:
        told = asked(msgspec.structs.replace(request, settings=settings), control)
    else:
        entry = _local(lambda: import_vm(library, vm, path.absolute(), settings, _progress))
        note = unchecked(entry.format)
        told = msgspec.to_builtins(entry) | ({} if note is None else {"note": note})
    show(told, as_json, "sha256", "imported, SHA-256 {}".format)
    if "note" in told and not as_json:
        typer.echo(told["note"], err=True)


@app.command("verify")
def vm_verify(
    vm: Vm, library: Library = None, control: Control = None, as_json: Json = False
) -> None:
    """Compare a stored VM with the hash of when it was imported."""
    if library is None:
        told = asked(valid({"type": "vm.verify", "req_id": 1, "vm": vm}, VmVerify), control)
    else:
        told = msgspec.to_builtins(_local(lambda: verify_vm(library / vm, _progress)))
    show(told, as_json, "sha256", "as imported, SHA-256 {}".format)


@app.command("upload")
def vm_upload(vm: Vm, control: Control = None, as_json: Json = False) -> None:
    """Put a stored VM's image into the exchange's store, ahead of need."""
    told = asked(valid({"type": "vm.upload", "req_id": 1, "vm": vm}, VmUpload), control)
    show(told, as_json, "sha256", "in the store, SHA-256 {}".format)


@app.command("set")
def vm_set(
    vm: Vm,
    vm_class: Class = None,
    ports: Ports = None,
    health: Health = None,
    backend: Backend = None,
    user_data: UserData = None,
    control: Control = None,
    as_json: Json = False,
) -> None:
    """Change how a stored VM is started, from its next start on."""
    settings = _settings(vm_class, ports, health, backend, user_data)
    request = valid({"type": "vm.set", "req_id": 1, "vm": vm, "settings": {}}, VmSet)
    show(asked(msgspec.structs.replace(request, settings=settings), control), as_json)


@app.command("delete")
def vm_delete(
    vm: Vm, library: Library = None, control: Control = None, as_json: Json = False
) -> None:
    """Remove a stored VM that no rule names and nothing runs."""
    request = valid({"type": "vm.delete", "req_id": 1, "vm": vm}, VmDelete)
    if library is None:
        show(asked(request, control), as_json)
    else:
        _local(lambda: delete_vm(library, vm))
        show(None, as_json)


def _settings(
    vm_class: str | None,
    ports: str | None,
    health: str | None,
    backend: str | None,
    user_data: Path | None,
) -> VmSettings:
    given: dict[str, Any] = {"class": vm_class, "health": health, "backend": backend}
    given["user_data"] = None if user_data is None else str(user_data.absolute())
    if ports is not None:
        given["ports"] = [int(port) if port.isdecimal() else port for port in ports.split(",")]
    found: VmSettings = valid({k: v for k, v in given.items() if v is not None}, VmSettings)
    return found


def _local(act: Any) -> Any:
    try:
        return act()
    except LibraryError as error:
        fail(str(error))


def _read(library: Path, name: str) -> Entry:
    entry: Entry = _local(lambda: read_entry(library / name))
    return entry


def _progress(done_bytes: int, size: int) -> None:
    """Show how far it is, where somebody looks."""
    if os.isatty(2):
        end = "\n" if done_bytes >= size else ""
        sys.stderr.write(f"\r{100 * done_bytes // max(1, size)} %{end}")
