"""What every screen works with: the account, the Manager, the Log, the keys, and how to ask."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from exchange.wire.types import Request
from manager.control.frames import Change, Snapshot
from manager.control.requests import ControlRequest
from tui.actions import Keyboard
from tui.config import usual
from tui.farm_link import FarmLink
from tui.link import NoAnswerError, RefusedError
from tui.remembered import Remembered
from tui.session import Session
from tui.themes import Paint
from tui.view.alerts import summary
from tui.view.connection import stale_text
from tui.view.desk import Desk
from tui.view.farm import Farm
from tui.view.log import Kind, Log
from tui.view.model import Model
from tui.view.needs import Needs, lack
from tui.view.tabs import TabName
from tui.view.tips import Tip
from tui.view.toasts import Toast, Toasts
from tui.view.words import Refusal, refusal


class Answer(NamedTuple):
    """``ok`` and the ack's result, or not and why in plain words."""

    ok: bool
    result: Any = None
    why: str = ""


class Shared:
    """One for the whole application. Screens read it; `trade` and `manage` are how they act."""

    def __init__(
        self,
        session: Session,
        farm_link: FarmLink,
        keyboard: Keyboard,
        tabs: tuple[TabName, ...],
        paint: Paint,
        remembered: Remembered,
    ) -> None:
        self.session = session
        self.farm = Farm()
        self.farm_link = farm_link
        self.keyboard = keyboard
        self.all_tabs = tabs
        self.paint = paint
        self.remembered = remembered
        self.wanted: dict[str, str] = {}
        """By tab, the key of the row that its cursor is to be put on when it is shown."""
        self.settings: Sequence[tuple[str, str, str]] = usual()
        """What can be set: name, value, where it came from."""
        self.settings_file = "~/.config/headroom/tui.toml"
        self.scenarios = Path("scenarios")
        """The folder of scenario files."""
        self.tips: tuple[Tip, ...] = ()
        """What a visitor of the demo may try; ``tips_shown`` until the card is closed."""
        self.tips_shown = False
        self.toasted = 0
        """The number of the last entry of the Log that a toast was considered for."""
        self.toasts = Toasts()
        self.toasts_drawn: list[Toast] = []

    @property
    def desk(self) -> Desk:
        return self.session.desk

    @property
    def model(self) -> Model:
        """The market and the account."""
        return self.session.model

    @property
    def log(self) -> Log:
        return self.model.log

    @property
    def now_ms(self) -> Callable[[], int]:
        return self.session.now_ms

    @property
    def exchange_ms(self) -> int:
        """The exchange's clock now, for accruals and ages."""
        return self.now_ms() + self.model.clock_offset_ms

    @property
    def read_only(self) -> bool:
        return self.desk.read_only

    @property
    def operator(self) -> bool:
        return self.session.role == "operator"

    @property
    def notice(self) -> str:
        """The most urgent thing that is wrong and not over, "" when all is well."""
        stale = stale_text(self.model.connection, self.now_ms())
        return stale or summary(self.model.account.alerts.open(self.exchange_ms), self.exchange_ms)

    @property
    def tabs(self) -> tuple[TabName, ...]:
        """The tabs that are shown: the operator's only to the operator."""
        return tuple(tab for tab in self.all_tabs if tab.name != "operator" or self.operator)

    def lack(self, needs: Needs) -> list[str]:
        """Return what is missing for a screen that ``needs`` something."""
        if not needs:
            return []
        # Before the login nobody knows what the key is; a screen waits rather than asks for one.
        account = self.session.who or ("" if self.session.frames else "?")
        return lack(needs, account, self.farm, str(self.farm_link.path))

    def farm_lost(self, reason: str) -> None:
        """The Manager does not answer, or there is none."""
        if self.farm.phase == "up":
            self.tell("link", f"The Manager is gone: {reason}", "warn")
        self.farm.lost(reason)

    def farm_shows(self, frame: Snapshot | Change) -> None:
        """Take what the Manager shows; its new alerts go into the Log, old ones quietly."""
        first = not self.farm.present
        if self.farm.phase == "lost":
            self.tell("link", "The Manager is back")
        fresh = self.farm.apply(frame)
        for alert in self.farm.alerts if first else fresh:
            self.log.alert(alert, quiet=first)

    def tell(self, kind: Kind, text: str, ink: str = "text", ident: str = "") -> None:
        """Say something in the Log and as a toast."""
        self.log.add(self.now_ms(), kind, ident, text, ink)

    async def trade(self, message: Request, done: str = "", ident: str = "") -> Answer:
        """Ask the exchange; what became of it goes into the Log, ``done`` when it was done."""
        if self._held_back():
            return Answer(False, why="read-only")
        try:
            result = await self.session.link.request(message)
        except RefusedError as refused:
            return self._refused(refusal(refused.why), ident)
        except NoAnswerError:
            return self._refused("No answer: nobody knows yet what became of it", ident)
        return self._done(result, done, ident)

    async def manage(self, message: ControlRequest, done: str = "", ident: str = "") -> Answer:
        """Ask the Manager; as `trade`."""
        if self._held_back():
            return Answer(False, why="read-only")
        try:
            result = await self.farm_link.request(message)
        except RefusedError as refused:
            return self._refused(_manager_says(refused.why), ident)
        except NoAnswerError as error:
            return self._refused(f"Not done: {error}", ident)
        return self._done(result, done, ident)

    async def read(self, message: Request) -> Answer:
        """Ask the exchange for something that changes nothing; read-only terminals may."""
        try:
            return Answer(True, await self.session.link.request(message))
        except RefusedError as refused:
            return Answer(False, why=refusal(refused.why))
        except NoAnswerError:
            return Answer(False, why="the connection was lost")

    async def look(self, message: ControlRequest) -> Answer:
        """Ask the Manager for something that changes nothing; as `read`."""
        try:
            return Answer(True, await self.farm_link.request(message))
        except RefusedError as refused:
            return Answer(False, why=_manager_says(refused.why))
        except NoAnswerError as error:
            return Answer(False, why=str(error))

    def _held_back(self) -> bool:
        if self.read_only:
            self.tell("refusal", "Read-only: this terminal changes nothing.")
        return self.read_only

    def _done(self, result: Any, done: str, ident: str) -> Answer:
        if done:
            self.tell("done", done, ident=ident)
        return Answer(True, result)

    def _refused(self, why: str, ident: str) -> Answer:
        self.tell("refusal", why, "warn", ident)
        return Answer(False, why=why)


def _manager_says(why: Refusal) -> str:
    return f"The Manager refuses: {why.message or why.reason.replace('_', ' ')}"
