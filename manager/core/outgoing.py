"""State shared by the parts of the Manager's core: the time, outgoing messages, open requests.

Every request gets a ``req_id`` and is remembered with its purpose until its answer comes. While
disconnected nothing is asked: `Connected` brings the whole account, and each part then asks for
what is still missing. Pure.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

from manager.core.messages import Log, LogEvent, ManagerRequest, Out, Send

Purpose: TypeAlias = Literal[
    "order", "window", "cancel", "start", "stop", "release", "timer", "look", "image", "sell"
]


class Asked(Struct, frozen=True):
    """``subject``: a client order id, a server name or a lease id, by purpose."""

    purpose: Purpose
    subject: str


class Outgoing:
    """Collects outs; ``now_ms`` is set by the core before each step."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.online = False
        self._ahead_ms = 0
        self._req_id = 0
        self._asked: dict[int, Asked] = {}  # bounded by orders and units, which rules bound
        self._outs: list[Out] = []

    @property
    def exchange_ms(self) -> int:
        """The time by the exchange's clock, taken from its frames."""
        return self.now_ms + self._ahead_ms

    def local_ms(self, exchange_ms: int) -> int:
        """Return a time of the exchange's clock by our own."""
        return exchange_ms - self._ahead_ms

    def heard(self, exchange_ms: int) -> None:
        """A frame was stamped ``exchange_ms``; the two clocks need not agree."""
        self._ahead_ms = exchange_ms - self.now_ms

    def connected(self) -> None:
        self.online = True
        self._asked.clear()

    def disconnected(self) -> None:
        self.online = False
        self._asked.clear()

    def ask(
        self, purpose: Purpose, subject: str, request: Callable[[int], ManagerRequest]
    ) -> int | None:
        """Send ``request(req_id)`` and return the number; ``None`` while disconnected."""
        if not self.online:
            return None
        self._req_id += 1
        self._asked[self._req_id] = Asked(purpose, subject)
        self._outs.append(Send(request(self._req_id)))
        return self._req_id

    def purpose(self, req_id: int) -> Purpose | None:
        """Return what an open request is for."""
        asked = self._asked.get(req_id)
        return None if asked is None else asked.purpose

    def answered(self, req_id: int) -> Asked | None:
        """Return what an answer is for; ``None`` when it is not ours or of an old connection."""
        return self._asked.pop(req_id, None)

    def emit(self, out: Out) -> None:
        self._outs.append(out)

    def log(self, event: LogEvent, text: str) -> None:
        self._outs.append(Log(text, event))

    def take(self) -> list[Out]:
        outs, self._outs = self._outs, []
        return outs
