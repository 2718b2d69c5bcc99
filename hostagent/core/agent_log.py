"""What an agent logs of each message: what came, what it changed, and what goes out. Pure."""

from collections.abc import Iterator

from exchange.log.line import LogLine
from exchange.wire.requests import HostAnnounce
from hostagent.core import log_events, offer_log
from hostagent.core.core import HostCore
from hostagent.core.exchange_time import SkewLog
from hostagent.core.log_events import VmLog
from hostagent.core.offer_log import ResidualLog
from hostagent.core.pause import PauseLog
from hostagent.core.ports import Message, Observed, Out, Send


class AgentLog:
    """Remembers what was logged, so that only changes are logged again."""

    def __init__(self) -> None:
        self._skew = SkewLog()
        self._vms = VmLog()
        self._residual = ResidualLog()
        self._pause = PauseLog()
        self._offer: LogLine | None = None

    def lines(
        self, core: HostCore, message: Message, outs: list[Out], skew_ms: int | None
    ) -> list[LogLine]:
        """Return the lines about ``message``, which ``core`` has answered with ``outs``.

        ``skew_ms``: how far the wall clock is ahead of the exchange's time; None: not known yet.
        """
        return [line for line in self._lines(core, message, outs, skew_ms) if line is not None]

    def _lines(
        self, core: HostCore, message: Message, outs: list[Out], skew_ms: int | None
    ) -> Iterator[LogLine | None]:
        if skew_ms is not None:
            yield self._skew.look(skew_ms)
        yield log_events.of_message(message)
        yield from self._vms.changes(core.vms, isinstance(message, Observed))
        yield from self._residual.changes(core.offer.offering())
        yield self._pause.change(core.offer.offering().paused)
        for out in outs:
            if isinstance(out, Send) and isinstance(out.message, HostAnnounce):
                yield self._announced(core, out.message)
            else:
                yield log_events.of_out(out)

    def _announced(self, core: HostCore, message: HostAnnounce) -> LogLine | None:
        """An offer is logged only when it is another: each login announces it again."""
        line = offer_log.offer(core.offer.offering(), message.classes)
        known, self._offer = self._offer, line
        return line if line != known else None
