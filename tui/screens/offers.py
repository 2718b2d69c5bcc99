"""F6, Find: everybody's resources that fit a need, and what was rented of them by hand."""

from collections.abc import Iterable, Sequence
from typing import Final

from textual import events
from textual.widget import Widget

from exchange.find.need import Known, Need
from exchange.find.offers import Found, Offer, Purchase, above_limit, cheapest, search
from exchange.units import count_text
from manager.control.frames import BurstRow, UnitRow
from manager.control.requests import BurstEnd
from tui.actions import Action
from tui.screens.base import Deed
from tui.screens.form import fill
from tui.screens.lists import ListScreen
from tui.shared import Shared
from tui.view import renting
from tui.view.connection import explanation
from tui.view.entry import Fault
from tui.view.form import Values
from tui.view.need_line import NeedLine
from tui.view.offer_rows import OFFER_COLUMNS, known_of, offer_rows, summary_lines
from tui.view.steps import STEP_COLUMNS, step_rows
from tui.view.table import ListView, Row
from tui.view.text import fit, span
from tui.widgets.need_pane import NeedPane

NO_MANAGER: Final = "no Manager runs here, which starts VMs: units can only be bought"
OLD: Final = " · OLD, no Manager answers"
ASKING: Final = "asking the exchange"
NOT_TOLD: Final = "the exchange has not yet told what is offered"
NOTHING: Final = Found([], 0)


class OffersScreen(ListScreen):
    """The need stands above the offers; below them what the Manager makes of a purchase."""

    CSS_PATH = "offers.tcss"
    LISTS = ("offers", "steps")
    ACTIONS = (
        Action("find_need", "Say what you need", "Type what you need.", "Look", ("n",), "Need"),
        Action(
            "find_rent",
            "Rent and start",
            "Rent what is found and start a stored VM on it; without a Manager, buy units.",
            "Trade",
            ("r",),
            "Rent",
        ),
        Action(
            "find_end",
            "Give back",
            "Drain and give back what was rented by hand, after a question.",
            "Trade",
            ("e",),
            "End",
        ),
    )

    def __init__(self, shared: Shared, name: str) -> None:
        super().__init__(shared, name)
        self.need = NeedLine()
        self.found = NOTHING
        self.best: Purchase | None = None
        self.above_limit: Purchase | None = None
        self.need_pane = NeedPane(shared.paint)
        self._offer_rows: list[Row] = []
        self._made_of: tuple[int, int, Need] | None = None

    # --- lists ---

    def list_view(self, name: str) -> ListView:
        if name == "offers":
            return ListView("OFFERS", OFFER_COLUMNS, "nobody offers this")
        return ListView("RENTED BY HAND", STEP_COLUMNS, NO_MANAGER)

    def rows(self, name: str) -> Sequence[Row]:
        if name == "steps":
            return step_rows(self.shared.farm.bursts)
        return self._offers()

    def _offers(self) -> list[Row]:
        model = self.shared.model
        made_of = (model.directory.version, len(model.instruments), self.need.need)
        if made_of != self._made_of:
            self._made_of = made_of
            zones = self._known().zones
            need, hosts = self.need.need, model.directory.hosts.values()
            self.found = search(need, hosts, zones)
            self.best = cheapest(self.found.offers, need.units or 1)
            self.above_limit = above_limit(need, hosts, zones, self.best)
            self._offer_rows = offer_rows(self.found.offers)
        return self._offer_rows

    def _known(self) -> Known:
        return known_of(self.shared.model.instruments.values())

    def pulse(self) -> None:
        super().pulse()
        if self.on_top and not self.shared.model.directory.known:
            self.run_worker(self.shared.session.listen("directory"))

    def _open(self) -> None:
        self.view.take(self.rows(self.focus_on))
        super()._open()

    def opened(self, row: Row) -> None:
        """Go to what trades an offer, or to the lease of a unit."""
        match row.data:
            case Offer(symbol=str(symbol)):
                self.run_deed(lambda: self._show(symbol))
            case UnitRow(lease_id=lease_id):
                self.run_deed(lambda: self.jump("leases", lease_id))
            case _:
                pass

    async def _show(self, symbol: str) -> None:
        await self.shared.session.show(symbol)
        await self.jump("market", symbol)

    # --- drawing ---

    def column(self) -> Iterable[Widget]:
        return self.need_pane, *self.panes.values()

    def draw(self) -> None:
        shared = self.shared
        why = explanation(shared.model.connection, shared.now_ms())
        self.views["offers"].title = "OFFERS · STALE" if why else "OFFERS"
        told = shared.model.directory.known
        self.views["offers"].empty = "nobody offers this" if told else ASKING
        farm = shared.farm
        self.views["steps"].title = "RENTED BY HAND" + (OLD if farm.phase == "lost" else "")
        self.views["steps"].empty = "nothing yet" if farm.present else NO_MANAGER
        super().draw()
        self._offers()  # also when the list is not shown: the lines above it tell what it has
        self._draw_need(why)

    def _draw_need(self, why: str) -> None:
        width = self.need_pane.size.width
        need, found = self.need.need, self.found
        lines = [self.need.line(width)]
        if self.shared.model.directory.known:
            lines += summary_lines(need, found, self.best, self.above_limit, width)
        else:
            lines += [fit((span(f" {ASKING}", "dim"),), width), fit((), width)]
        if self.need.fault:
            lines[1] = self.need.fault_line(width)
        self.need_pane.show(lines)

    # --- the need ---

    def typed(self, event: events.Key) -> bool:
        if not self.need.typing:
            return super().typed(event)
        if self.need.typed(event.key, event.character, self._known()):
            self.focus_on = "offers"
        return True

    def on_paste(self, event: events.Paste) -> None:
        if not self.need.typing:
            super().on_paste(event)
            return
        event.stop()
        self.need.paste(event.text)
        self.redraw()

    def may_act(self, name: str) -> bool:
        return not self.need.typing and super().may_act(name)

    def _back(self) -> None:
        """Esc drops the filter, then the need."""
        if not self.view.back():
            self.need.clear()

    # --- acts ---

    def deeds(self) -> dict[str, Deed]:
        return {
            "find_need": self.need.begin,
            "find_rent": self._rent,
            "find_end": self._end,
            "back": self._back,
        }

    def _rent(self) -> None:
        if self._held_back():
            return
        self.views["offers"].take(self._offers())  # a quick key comes before the next frame
        shared, row = self.shared, self.views["offers"].row
        library = shared.farm.library if shared.farm.phase == "up" else []
        picked = row.data if row is not None else None
        plan = renting.plan(self.need.need, picked, self.found, library, shared.model.instruments)
        if isinstance(plan, str):
            shared.tell("refusal", plan, "warn")
        else:
            fill(self, renting.form(plan), lambda values: self._sure(plan, values))

    def _held_back(self) -> bool:
        """Prices that may be old, or are still to come, are not acted on."""
        shared = self.shared
        why = explanation(shared.model.connection, shared.now_ms())
        if not (why or shared.model.directory.known):
            why = NOT_TOLD
        if why:
            shared.tell("refusal", f"Not sent: {why}", "warn")
        return bool(why)

    def _sure(self, plan: renting.Plan, values: Values) -> None:
        wanted = renting.read(plan, values)
        if isinstance(wanted, Fault):
            return  # the form does not end with such values
        question, more = renting.question(plan, wanted)
        self.ask(question, lambda: self._send(plan, wanted), more)

    async def _send(self, plan: renting.Plan, wanted: renting.Renting) -> None:
        if self._held_back():
            return
        if not wanted.vm:
            order = renting.order(plan, wanted, self.shared.desk.dealing.next_id())
            await self.shared.trade(order)  # the order's own frames say what came of it
            return
        done = f"The Manager rents {wanted.units} {plan.class_name} for {wanted.vm}"
        answer = await self.shared.manage(renting.burst(plan, wanted), done, f"+{wanted.vm}")
        if answer.ok:
            self.focus_on = "steps"

    def _end(self) -> None:
        bursts = [row for row in self.shared.farm.bursts if row.by_hand]
        row = self.views["steps"].row
        picked = [one for one in bursts if row is not None and _belongs(row, one)]
        if not bursts:
            self.shared.tell("refusal", "Nothing was rented by hand.")
            return
        burst = (picked or bursts)[0]
        units = count_text(len(burst.units), "unit")
        self.ask(
            f"Give back what was rented by hand for {burst.vm} ({units})?",
            lambda: self._give_back(burst),
            "The Manager cancels its bids, lets requests drain, stops the VMs and releases the "
            "units. The five minutes of a new lease are owed all the same.",
        )

    async def _give_back(self, burst: BurstRow) -> None:
        await self.shared.manage(
            BurstEnd(req_id=1, vm=burst.vm), f"Giving back the units of {burst.vm}", burst.name
        )


def _belongs(row: Row, burst: BurstRow) -> bool:
    return row.data == burst or row.data in burst.units or row.data in burst.orders
