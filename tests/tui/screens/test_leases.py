"""F4 on a live exchange with simulated hosts: start, console, stop, release, recall."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
from textual.widgets import Input

from exchange.client.images import put_image
from exchange.keys import load_private_key
from manager.control.frames import LoadRow, Snapshot, VmRow
from tests.tui.screens.farm import Visit, visit
from tests.tui.screens.test_orders import place, said
from tui.demo.demo import Stage, stage
from tui.screens.form import FormScreen
from tui.screens.leases import LeasesScreen
from tui.screens.sure import SureScreen

SMALL, LARGE = (80, 24), (160, 50)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_leases_on_a_live_market(tmp_path: Path) -> None:
    """One stage for all, since opening it takes seconds."""

    async def main() -> None:
        async with stage() as opened:
            digest = await upload(opened, tmp_path)
            (tmp_path / "data").write_text("role=1")
            await visit(opened, SMALL, partial(rent, digest, tmp_path / "data"))
            await visit(opened, LARGE, let)
            await visit(opened, LARGE, watch, read_only=True)

    asyncio.run(main())


async def upload(opened: Stage, folder: Path) -> str:
    image = folder / "disk.raw"
    image.write_bytes(bytes(1_024 * 512))
    return await put_image(opened.url, load_private_key(opened.key), image, "raw")


def form(v: Visit) -> str:
    assert isinstance(v.app.screen, FormScreen)
    return str(v.app.screen.query_one("#form-says").render())


async def rent(digest: str, data: Path, v: Visit) -> None:
    """Rent two units, start a VM on one, look at its console, stop it, give one unit back."""
    account = v.app.shared.model.account
    await place(v, "buy", 100_000, 2)
    await v.until(lambda: sum(lease.units for lease in account.leases.values()) == 2)
    await v.press("f4")
    await v.until(lambda: "rent" in v.text("leases"))
    lease = next(iter(account.leases.values()))
    assert lease.lease_id in v.text("leases")
    await v.press("s")
    await v.until(lambda: isinstance(v.app.screen, FormScreen))
    assert digest[:12] in form(v)
    await v.press("escape")
    stored = VmRow("shop", "small", digest, [443])
    v.app.shared.farm.apply(Snapshot(1, LoadRow(80.0, 1), library=[stored]))
    await v.press("s")
    await v.until(lambda: isinstance(v.app.screen, FormScreen))
    assert f"{digest[:12]}…; ports 443, reached from everywhere." in form(v)
    await v.press("enter", "home", *["delete"] * 20, *"web-1", "enter", *"80", "enter", "enter")
    await v.press(*"/no/such/file")
    assert "user data: /no/such/file: No such file" in form(v)
    await v.press("enter")
    assert isinstance(v.app.screen, FormScreen)
    typed = v.app.screen.query_one("#form-user_data", Input)
    typed.value = str(data)
    await v.until(lambda: "user data of 6 characters." in form(v))
    await v.press("enter")
    await v.until(lambda: any(vm.ready_ms for vm in account.vms.values()))
    (vm,) = account.vms.values()
    assert (vm.name, vm.lease_id) == ("web-1", lease.lease_id)
    await v.press("enter")
    assert v.screen.focus_on == "vms"
    await v.until(lambda: "ready" in v.text("vms") and "80 at " in v.text("vms"))
    await look_at_the_console(v)
    await stop_and_release(v, lease.lease_id)


async def look_at_the_console(v: Visit) -> None:
    screen = v.screen
    assert isinstance(screen, LeasesScreen)
    await v.press("v")
    await v.until(lambda: bool(screen.console.lines))
    await v.until(lambda: "CONSOLE web-1 · followed" in v.text("console"))
    assert screen.console.lines[-1][:60] in v.text("console")
    await v.press("shift+tab")
    assert screen.focus_on == "vms"


async def stop_and_release(v: Visit, lease_id: str) -> None:
    account = v.app.shared.model.account
    units = account.leases[lease_id].units
    await v.press("shift+tab", "r")
    assert f"Release {lease_id}" in str(v.app.screen.query_one("#form-title").render())
    assert "Kills 1 VM: web-1. Owed at least" in form(v)
    if units == 2:
        await v.press("1", "enter", "enter")
        assert f"Release 1 of 2 units of {lease_id} now?" in said(v)
        await v.press("enter")
        await v.until(lambda: account.leases[lease_id].units == 1)
    else:
        await v.press("escape")
    await v.press("tab", "x")
    assert "Stop web-1?" in said(v)
    assert f"Its unit of {lease_id} stays leased" in said(v)
    await v.press("enter")
    await v.until(lambda: not account.vms)
    await v.press("shift+tab", "r", "enter", *"+10m", "enter")
    assert f"Release all of {lease_id} in" in said(v)
    await v.press("enter")
    await v.until(lambda: v.logged("To be released"))
    await v.press("r", "enter", "enter", "enter")
    await v.until(lambda: lease_id not in account.leases)


async def let(v: Visit) -> None:
    """Sell a unit, then take it back."""
    account = v.app.shared.model.account
    await v.until(lambda: v.app.desk.book.best_bid_ucr is not None)
    await place(v, "sell", 1_000, 1)
    await v.until(lambda: any(lease.side == "sell" for lease in account.leases.values()))
    await v.press("f4")
    await v.until(lambda: " let " in v.text("leases"))
    await v.press("r")
    while v.screen.row is not None and v.screen.row.cells[1].text != "let":
        if not isinstance(v.app.screen, LeasesScreen):
            await v.press("escape")
        await v.press("down", "r")
    assert v.app.screen is v.screen  # what is let is not released
    await v.press("R")
    assert "It is in its first hour: the bond of" in form(v)
    await v.press("enter")
    assert isinstance(v.app.screen, SureScreen)
    await v.press("enter")
    # The buyer may have released it by itself while the question stood.
    await v.until(lambda: v.logged("Recalled units") or v.logged("Refused"))


async def watch(v: Visit) -> None:
    """Read-only: everything is shown, nothing can be done."""
    await v.press("f4")
    assert not [each for each in v.screen.offered if each.deals]
    await v.press("s", "x", "r", "R")
    assert v.app.screen is v.screen
