"""Starts a VM and follows it until it is ready, has failed, or time is over. Shell."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import typer

from exchange.client import AccountReset, Client, Unsubscribed
from exchange.wire.frames import VmUpdate
from exchange.wire.requests import VmStart
from exchange.wire.text import vm_state

OVER: Final = ("ready", "stopped", "failed")


async def watched(client: Client, request: VmStart, wait_s: int, tell: bool) -> dict[str, Any]:
    """Start the VM and return its row; with ``wait_s``, once it is over or that time is.

    ``tell``: its steps are told on standard error. Raises `Refused` or `Unknown`.
    """
    state = await client.subscribe("account") if wait_s else {"vms": []}
    result = await client.request(request, patient=True)
    vm: dict[str, Any] = {
        "vm_id": result["vm_id"],
        "lease_id": request.lease_id,
        "name": request.name,
        "state": "requested",
        "endpoints": [],
        "duplicate": result["duplicate"],
    }
    if not wait_s:
        return vm
    told = ""
    try:
        async with asyncio.timeout(wait_s):
            async for row in _rows(client, state, vm["vm_id"]):
                vm |= row
                step = vm_state(vm["state"], vm.get("ready_ms"))
                if tell and step != told:
                    typer.echo(f"{vm['vm_id']} {vm['name']}: {step}", err=True)
                told = step
                if step in OVER:
                    break
    except TimeoutError:
        return vm
    return vm


async def _rows(client: Client, state: dict[str, Any], vm_id: str) -> AsyncIterator[dict[str, Any]]:
    """Yield the VM's rows as they come; ends when the exchange tells no more."""
    for row in state["vms"]:
        if row["vm_id"] == vm_id:
            yield row
    async for event in client.events():
        match event:
            case VmUpdate() if event.vm_id == vm_id:
                yield msgspec.to_builtins(event)
            case AccountReset():
                for row in event.account_state["vms"]:
                    if row["vm_id"] == vm_id:
                        yield row
            case Unsubscribed():
                return
            case _:
                pass
