"""F11, the Operator: applications, accounts, markets, and how the exchange is."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from exchange.units import MS_PER_SECOND
from exchange.wire import admin_requests as admin
from exchange.wire.types import Paged, Request
from tui.actions import Action
from tui.figures import NoFiguresError, read_figures
from tui.screens.base import Deed
from tui.screens.form import fill
from tui.screens.lists import ListScreen
from tui.shared import Shared
from tui.view import operator_acts as acts
from tui.view.figures import FIGURE_COLUMNS, Samples, figure_rows, samples
from tui.view.form import Values
from tui.view.operator_rows import (
    ACCOUNT_COLUMNS,
    APPLICATION_COLUMNS,
    MARKET_COLUMNS,
    account_rows,
    application_rows,
    market_rows,
)
from tui.view.request_form import RequestForm, filled, shown
from tui.view.table import ListView, Row
from tui.view.text import span_text

READ_MS: Final = 5 * MS_PER_SECOND
"""How often accounts, applications and figures are read; markets come by themselves."""

LIMIT: Final = 1_000
PAGES_MAX: Final = 200
"""Of `LIMIT` rows each; what is behind them is told to be missing."""

FormOf = Callable[[Row | None], RequestForm | None]


def _act(name: str, title: str, text: str, key: str, label: str = "") -> Action:
    return Action(f"operator_{name}", title, f"{text}, after a question.", "Trade", (key,), label)


ACTIONS: Final = (
    _act("approve", "Approve", "Open the account that was asked for", "a", "Approve"),
    _act("decline", "Decline", "Strike the application off", "x"),
    _act("account", "Open an account", "Open an account, or rename it", "n"),
    _act("key", "Give a key", "Give an account a key", "w"),
    _act("key_end", "End a key", "End a key for good", "v"),
    _act("money", "Book money", "Book money in or out", "m"),
    _act("limits", "Limits", "Limit what an account may order", "l"),
    _act("halt", "Halt or resume", "Halt the market under the cursor or resume it", "h", "Halt"),
    _act("halt_all", "Halt all", "Halt all markets", "H"),
    _act("resume_all", "Resume all", "Resume all markets", "R"),
    _act("kill", "Kill switch", "Stop the account's orders or take them again", "s"),
    _act("kill_all", "Kill switch of all", "Stop everybody's orders or take them again", "S"),
    _act("zone", "Zone", "Add a zone, or change it", "z"),
    _act("market", "Market", "Add a market, or change it", "i"),
)


class OperatorScreen(ListScreen):
    """Reads every five seconds while it is seen; what could not be read is marked as old."""

    CSS_PATH = "operator.tcss"
    ACTIONS = ACTIONS
    LISTS = ("applications", "accounts", "markets", "figures")
    TITLES: ClassVar[dict[str, str]] = {name: name.upper() for name in LISTS}

    def __init__(self, shared: Shared, name: str) -> None:
        self.applications: list[dict[str, Any]] = []
        self.balances: dict[str, dict[str, Any]] = {}
        self.page: Samples = {}
        self._read_ms: dict[str, int] = {}
        """When each list was read last."""
        self._failed: dict[str, str] = {}
        self._begun_ms = 0
        self._reading = False
        super().__init__(shared, name)

    def list_view(self, name: str) -> ListView:
        match name:
            case "applications":
                return ListView(self.TITLES[name], APPLICATION_COLUMNS, "nobody waits")
            case "accounts":
                return ListView(self.TITLES[name], ACCOUNT_COLUMNS, "not read yet")
            case "markets":
                return ListView(self.TITLES[name], MARKET_COLUMNS, "no markets")
            case _:
                return ListView(self.TITLES[name], FIGURE_COLUMNS, "not read yet")

    def rows(self, name: str) -> Sequence[Row]:
        match name:
            case "applications":
                return application_rows(self.applications, self.shared.exchange_ms)
            case "accounts":
                return account_rows(self.balances)
            case "markets":
                return market_rows(self.shared.model.listed())
            case _:
                return figure_rows(self.page) if self.page else ()

    def draw(self) -> None:
        self.set_class(self.all_at_once(), "wide")
        for name, view in self.views.items():
            view.title = self.TITLES[name] + self._age(name)
        super().draw()

    def _age(self, name: str) -> str:
        """Say so when a list could not be read for a while."""
        now_ms, connection = self.shared.now_ms(), self.shared.model.connection
        if name == "markets":
            live = connection.standing(now_ms) == "live"
            return "" if live else f" ! STALE {connection.age_s(now_ms)} s"
        if name not in self._failed:
            return ""
        read_ms = self._read_ms.get(name)
        if read_ms is None:
            return f" ! not read: {self._failed[name]}"
        return f" ! STALE {span_text(now_ms - read_ms)}: {self._failed[name]}"

    # --- reading ---

    def seen(self) -> None:
        self.run_deed(self._read)

    def pulse(self) -> None:
        super().pulse()
        if self.on_top and self.shared.now_ms() - self._begun_ms >= READ_MS:
            self.run_deed(self._read)

    async def _read(self) -> None:
        if self._reading:
            return
        self._reading, self._begun_ms = True, self.shared.now_ms()
        try:
            await self._read_all()
        finally:
            self._reading = False

    async def _read_all(self) -> None:
        found = await self._pages("applications", admin.AdminApplications(req_id=1))
        if found is not None:
            self.applications = [row for page in found for row in page.get("applications", [])]
        found = await self._pages("accounts", admin.AdminBalances(req_id=1))
        if found is not None:
            self.balances = {
                k: row for page in found for k, row in page.get("balances", {}).items()
            }
        try:
            self.page = samples(await read_figures(self.shared.session.link.at))
            self._was_read("figures")
        except NoFiguresError as error:
            self._failed["figures"] = str(error)

    async def _pages(self, name: str, message: Paged) -> list[dict[str, Any]] | None:
        """Return all pages of a list, None when they could not be read."""
        pages: list[dict[str, Any]] = []
        after: str | None = None
        for _ in range(PAGES_MAX):
            asked = type(message)(req_id=1, limit=LIMIT, after=after)
            answer = await self.shared.read(asked)
            if not answer.ok:
                self._failed[name] = answer.why
                return None
            pages.append(answer.result)
            after = answer.result.get("next")
            if after is None:
                self._was_read(name)
                return pages
        self._was_read(name)
        self._failed[name] = "too long, the end is missing"
        return pages

    def _was_read(self, name: str) -> None:
        self._read_ms[name] = self.shared.now_ms()
        self._failed.pop(name, None)

    # --- acts ---

    def deeds(self) -> dict[str, Deed]:
        return {
            "operator_approve": self._form(acts.approval, "applications"),
            "operator_decline": self._decline,
            "operator_account": self._form(acts.account, "accounts"),
            "operator_key": self._form(acts.key, "accounts"),
            "operator_key_end": self._form(acts.key_end, "accounts"),
            "operator_money": self._form(acts.deposit, "accounts"),
            "operator_limits": self._form(acts.limits, "accounts"),
            "operator_halt": self._halt,
            "operator_halt_all": lambda: self._sure(admin.AdminHalt(req_id=1, halted=True)),
            "operator_resume_all": lambda: self._sure(admin.AdminHalt(req_id=1, halted=False)),
            "operator_kill": self._kill,
            "operator_kill_all": self._kill_all,
            "operator_zone": self._form(acts.zone, "markets"),
            "operator_market": self._form(acts.instrument, "markets"),
        }

    def _form(self, form_of: FormOf, name: str) -> Deed:
        def fill_in() -> None:
            if not self._in_sight(name):
                return
            form = form_of(self.views[name].row)
            if form is None:
                self.notify(f"There is nothing in {name}.", timeout=4)
                return
            fill(self, shown(form, self._told), lambda values: self._send(form, values))

        return fill_in

    def _told(self, message: Request) -> str:
        return " ".join(acts.question(message, self.balances))

    def _send(self, form: RequestForm, values: Values) -> None:
        made = filled(form, values)
        assert not isinstance(made, str), "the form let it go on"
        self.run_deed(lambda: self._do(made))

    def _in_sight(self, name: str) -> bool:
        """Nothing is done to a row that nobody sees: its list is shown first."""
        seen = self.panes[name].display
        if not seen:
            self.focus_on = name
        return seen

    def opened(self, row: Row) -> None:
        form_of = {"applications": acts.approval, "accounts": acts.deposit}.get(self.focus_on)
        if self.focus_on == "markets":
            form_of = acts.instrument if row.depth else acts.zone
        if form_of is not None and not self.shared.read_only:
            self._form(form_of, self.focus_on)()

    def _sure(self, message: Request) -> None:
        question, more = acts.question(message, self.balances)
        self.ask(question, lambda: self._do(message), more)

    async def _do(self, message: Request) -> None:
        answer = await self.shared.trade(message)
        if answer.ok:
            self.shared.tell("done", acts.done(message, answer.result or {}))
            await self._read()

    def _decline(self) -> None:
        if not self._in_sight("applications"):
            return
        row = self.views["applications"].row
        if row is None:
            self.notify("Nobody waits.", timeout=4)
        else:
            self._sure(admin.AdminDecline(req_id=1, application=row.key))

    def _halt(self) -> None:
        if not self._in_sight("markets"):
            return
        row = self.views["markets"].row
        if row is None or not row.depth:
            self.notify("Put the cursor on a market.", timeout=4)
        else:
            halted = row.data.state != "halted"
            self._sure(admin.AdminHalt(req_id=1, halted=halted, symbol=row.key))

    def _kill(self) -> None:
        if not self._in_sight("accounts"):
            return
        row = self.views["accounts"].row
        if row is None:
            self.notify("Put the cursor on an account.", timeout=4)
        else:
            enabled = row.data.get("killed") != "account"
            self._sure(admin.AdminKillSwitch(req_id=1, enabled=enabled, account=row.key))

    def _kill_all(self) -> None:
        killed = any(row.get("killed") == "all" for row in self.balances.values())
        self._sure(admin.AdminKillSwitch(req_id=1, enabled=not killed))
