"""F4, Leases: what is rented and let, its VMs, a console; start, stop, release, recall."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Final

from exchange.wire.frames import LeaseUpdate, VmUpdate
from exchange.wire.requests import ImageList, VmStop
from tui.actions import Action
from tui.screens.base import Deed
from tui.screens.form import fill
from tui.screens.lists import FAR, ListScreen
from tui.shared import Shared
from tui.user_data import user_data
from tui.view.console import CONSOLE_COLUMNS, Console, console_rows
from tui.view.form import Values
from tui.view.lease_acts import (
    Ending,
    Images,
    full,
    recall_form,
    recalled,
    release_form,
    released,
    start_form,
    started,
    stop_text,
)
from tui.view.lease_rows import (
    LEASE_COLUMNS,
    VM_COLUMNS,
    is_spot,
    lease_rows,
    sums_text,
    vm_rows,
)
from tui.view.table import ListView, Row
from tui.view.usage import AGAIN_MS, PAGES_MAX, Rate, rates, usage_request

BUSY_PAUSE_S: Final = 0.1
"""Between two parts of a console that has more."""
IDLE_PAUSE_S: Final = 0.5
SILENT_PAUSE_S: Final = 2.0
NAME_BYTES: Final = 3
THREE_LISTS: Final = 30
"""Rows from which on leases, VMs and the console are all shown."""
EMPTY: Final = {
    "leases": "you rent and let nothing",
    "vms": "no VM runs; s on a rented lease starts one",
    "console": "v or Enter on a VM shows what it writes",
}
COLUMNS: Final = {"leases": LEASE_COLUMNS, "vms": VM_COLUMNS, "console": CONSOLE_COLUMNS}

ACTIONS: Final = (
    Action(
        "leases_start",
        "Start a VM",
        "Start a stored VM or an image on a unit of the lease picked.",
        "Trade",
        ("s",),
        "Start",
    ),
    Action(
        "leases_stop",
        "Stop the VM",
        "Stop the VM picked, after a question.",
        "Trade",
        ("x",),
        "Stop",
    ),
    Action(
        "leases_release",
        "Release units",
        "Give back some or all units of the lease picked, now or later, after a question.",
        "Trade",
        ("r",),
        "Release",
    ),
    Action(
        "leases_recall",
        "Recall units",
        "Take back units of a lease that you let, after a question.",
        "Trade",
        ("R",),
    ),
    Action(
        "leases_console",
        "Open the console",
        "Show what the VM picked writes on its serial console, as it comes.",
        "Look",
        ("v",),
    ),
)


class LeasesScreen(ListScreen):
    """Leases and VMs come by themselves; rates and the console are asked for while looked at."""

    LISTS = ("leases", "vms", "console")
    ACTIONS = ACTIONS
    NEEDS = "key"

    def __init__(self, shared: Shared, name: str) -> None:
        self.console = Console()
        self._rates: dict[str, Rate] = {}
        self._rated_ms = 0
        self._rating = self._following = False
        super().__init__(shared, name)

    def list_view(self, name: str) -> ListView:
        return ListView(name.upper(), COLUMNS[name], EMPTY[name])

    def rows(self, name: str) -> Sequence[Row]:
        match name:
            case "leases":
                return lease_rows(self.shared.model, self.shared.exchange_ms)
            case "vms":
                return vm_rows(self.shared.model, self._rates)
            case _:
                return console_rows(self.console)

    def opened(self, row: Row) -> None:
        """A lease leads to its VMs, a VM to its console."""
        vms = self.shared.model.account.vms.values()
        if self.focus_on == "vms":
            self._open_console()
        elif self.focus_on == "leases":
            on_it = [vm.vm_id for vm in vms if vm.lease_id == row.key]
            self.views["vms"].take(self.rows("vms"))  # it may not have been shown yet
            if on_it and self.views["vms"].put_on(on_it[0]):
                self.focus_on = "vms"

    # --- drawing ---

    def all_at_once(self) -> bool:
        return self.room()[1] >= THREE_LISTS

    def draw(self) -> None:
        console = self.views["console"]
        at_end = console.at in (-1, len(console.rows) - 1)
        console.take(self.rows("console"))
        if at_end:
            console.move(FAR)  # as long as nobody looks at earlier lines
        self._name_lists()
        super().draw()

    def _name_lists(self) -> None:
        sums = sums_text(self.shared.model.account)
        shown = self.console
        which = f" {shown.name}" if shown.vm_id else ""
        told = f" · {shown.trouble}" if shown.trouble else " · followed" if shown.vm_id else ""
        titles = {
            "leases": f"LEASES {sums}",
            "vms": "VMS · CPU and network of the last hour",
            "console": f"CONSOLE{which}{told}",
        }
        for name, title in titles.items():
            self.views[name].title = title.rstrip() + self._whereto(name)

    def _whereto(self, name: str) -> str:
        if self.all_at_once():
            return ""
        return f" · Tab: {self.LISTS[(self.LISTS.index(name) + 1) % len(self.LISTS)]}"

    # --- what is asked for while it is looked at ---

    def pulse(self) -> None:
        super().pulse()
        if not self.on_top or not self.shared.session.who:
            return
        due = self.shared.exchange_ms - self._rated_ms >= AGAIN_MS
        if due and not self._rating and self.shared.model.account.vms:
            self._rating = True
            self.run_worker(self._rate())
        if self.console.vm_id and not self.console.ended and not self._following:
            self._following = True
            self.run_worker(self._follow())

    async def _rate(self) -> None:
        """Read the last readings of the VMs; what could not be read stays as it was."""
        now_ms = self._rated_ms = self.shared.exchange_ms
        rows: list[Any] = []
        offset: int | None = 0
        try:
            for _ in range(PAGES_MAX):
                answer = await self.shared.read(usage_request(now_ms, offset or 0))
                if not answer.ok:
                    return
                rows += answer.result.get("rows", [])
                offset = answer.result.get("next")
                if offset is None:
                    break
            self._rates = rates(rows)
        finally:
            self._rating = False

    async def _follow(self) -> None:
        """Ask again and again for what is new, giving back where the last answer ended."""
        try:
            while self.on_top and self.console.vm_id and not self.console.ended:
                pause_s = await self._follow_once(self.console)
                await asyncio.sleep(pause_s)
        finally:
            self._following = False

    async def _follow_once(self, console: Console) -> float:
        """Ask once; returns how many seconds to wait before the next time."""
        answer = await self.shared.read(console.request())
        if console is not self.console:
            return 0.0  # another one was opened meanwhile
        self._stale = True
        if answer.ok:
            return BUSY_PAUSE_S if console.took(answer.result) else IDLE_PAUSE_S
        console.waits(answer.why)
        console.ended = console.vm_id not in self.shared.model.account.vms
        return SILENT_PAUSE_S

    # --- what is picked ---

    def _vm(self) -> VmUpdate | None:
        """Return the VM that is meant: of the list of VMs, or whose console has the keys."""
        key = self.console.vm_id if self.focus_on == "console" else self.row.key if self.row else ""
        vm = self.shared.model.account.vms.get(key) if self.focus_on != "leases" else None
        if vm is None:
            self.notify("Pick one of the VMs first.", timeout=4)
        return vm

    def _lease(self, side: str = "") -> LeaseUpdate | None:
        """Return the lease that is meant: the one picked, or that of the VM picked."""
        account = self.shared.model.account
        key = self.row.key if self.row is not None else ""
        if self.focus_on != "leases":
            vm = account.vms.get(self.console.vm_id if self.focus_on == "console" else key)
            key = vm.lease_id if vm is not None else ""
        lease = account.leases.get(key)
        if lease is None or lease.side != (side or lease.side):
            which = {"buy": " that you rent", "sell": " that you let"}.get(side, "")
            self.notify(f"Pick a lease{which} first.", timeout=4)
            return None
        return lease

    def _held_back(self) -> bool:
        """Tell whether nothing can be sent now, and say why."""
        trouble = self.shared.desk.trouble(self.shared.now_ms())
        if trouble:
            self.shared.tell("refusal", trouble, "warn")
        return bool(trouble)

    # --- acts ---

    def deeds(self) -> dict[str, Deed]:
        return {
            "leases_start": self._start,
            "leases_stop": self._stop,
            "leases_release": self._release,
            "leases_recall": self._recall,
            "leases_console": self._open_console,
        }

    def _open_console(self) -> None:
        vm = self._vm()
        if vm is not None:
            if vm.vm_id != self.console.vm_id or self.console.ended:
                self.console = Console(vm.vm_id, vm.name)
            self.focus_on = "console"

    async def _start(self) -> None:
        lease = self._lease("buy")
        if lease is None or self._held_back():
            return
        if full(lease, self.shared.model.account.vms.values()):
            self.notify(f"Every unit of {lease.lease_id} runs a VM already.", timeout=4)
            return
        await self._ask_start(lease)  # keys pressed meanwhile are the form's, not this list's

    async def _ask_start(self, lease: LeaseUpdate) -> None:
        images = Images(tuple(self.shared.farm.library), await self._digests())
        form = start_form(lease, images, f"vm-{secrets.token_hex(NAME_BYTES)}", user_data)
        fill(self, form, lambda values: self._send_start(lease, images, values))

    async def _digests(self) -> tuple[str, ...]:
        """Return the images that the account may use; none when that cannot be read."""
        answer = await self.shared.read(ImageList(req_id=1))
        rows = answer.result.get("images", []) if answer.ok else []
        return tuple(row["sha256"] for row in rows)

    def _send_start(self, lease: LeaseUpdate, images: Images, values: Values) -> None:
        request = started(lease, images, values, user_data)
        if isinstance(request, str):
            self.notify(request, timeout=4, markup=False, severity="warning")
            return
        if self._held_back():
            return

        async def send() -> None:
            done = f"Starting {request.name} on {lease.lease_id}"
            await self.shared.trade(request, done, request.name)

        self.run_deed(send)

    def _stop(self) -> None:
        vm = self._vm()
        if vm is None:
            return

        async def send() -> None:
            if not self._held_back():
                request = VmStop(req_id=1, vm_id=vm.vm_id)
                await self.shared.trade(request, f"Stopping {vm.name}", vm.name)

        lease = self.shared.model.account.leases.get(vm.lease_id)
        self.ask(f"Stop {vm.name}?", send, stop_text(vm, lease))

    def _release(self) -> None:
        lease = self._lease("buy")
        if lease is None:
            return
        form = release_form(lease, self._vms(), self._silent(lease), self.shared.exchange_ms)
        fill(self, form, lambda values: self._ask_release(lease, values))

    def _ask_release(self, lease: LeaseUpdate, values: Values) -> None:
        now_ms = self.shared.exchange_ms
        ending = released(lease, self._vms(), self._silent(lease), values, now_ms)
        word = "Released" if not values["at"] else "To be released:"
        self._ask_ending(ending, word, lease)

    def _recall(self) -> None:
        lease = self._lease("sell")
        if lease is None:
            return
        if not is_spot(lease):
            self.notify("A window cannot be recalled.", timeout=4)
            return
        form = recall_form(lease, self.shared.exchange_ms)
        fill(self, form, lambda values: self._ask_recall(lease, values))

    def _ask_recall(self, lease: LeaseUpdate, values: Values) -> None:
        self._ask_ending(recalled(lease, values, self.shared.exchange_ms), "Recalled", lease)

    def _ask_ending(self, ending: Ending | str, word: str, lease: LeaseUpdate) -> None:
        if isinstance(ending, str):
            self.notify(ending, timeout=4, markup=False)
            return

        async def send() -> None:
            if not self._held_back():
                done = f"{word} units of {lease.lease_id}"
                await self.shared.trade(ending.request, done, lease.lease_id)

        self.ask(ending.question, send, ending.more)

    def _vms(self) -> list[VmUpdate]:
        return list(self.shared.model.account.vms.values())

    def _silent(self, lease: LeaseUpdate) -> bool:
        return self.shared.model.account.alerts.silent(lease.lease_id)
