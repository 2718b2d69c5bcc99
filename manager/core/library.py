"""The library of stored VMs: what a rule starts on the units it buys.

A `StoredVm` is complete: its image is named by SHA-256 (the shell resolved the file), its user data
is text. Pure. Source: manager.md, ``[[vm]]``.
"""

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from exchange.wire.requests import VmStart


class StoredVm(Struct, frozen=True, kw_only=True):
    """An image with its boot settings. ``ports[0]`` joins the balancer."""

    name: str
    image: str
    vm_class: str
    ports: tuple[int, ...] = ()
    health: str = ""
    cmdline: str | None = None
    user_data: str | None = None
    allow_from: tuple[str, ...] | None = None
    backend: str = ""


Library: TypeAlias = Sequence[StoredVm]


def find(library: Library, name: str | None) -> StoredVm | None:
    """Return the stored VM ``name``; without a name the only one there is."""
    if name is None:
        return library[0] if len(library) == 1 else None
    return next((vm for vm in library if vm.name == name), None)


def start_request(vm: StoredVm, req_id: int, lease_id: str, vm_name: str) -> VmStart:
    """Return the request that starts ``vm`` under ``vm_name`` on a unit of ``lease_id``."""
    return VmStart(
        req_id=req_id,
        lease_id=lease_id,
        name=vm_name,
        image=vm.image,
        cmdline=vm.cmdline,
        user_data=vm.user_data,
        ports=list(vm.ports) or None,
        allow_from=None if vm.allow_from is None else list(vm.allow_from),
    )
