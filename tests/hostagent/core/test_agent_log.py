"""What an agent logs of each message, and that it says a thing once."""

from exchange.wire.instructions import HostLimit
from exchange.wire.types import ToldCapacity
from hostagent.core.agent_log import AgentLog
from hostagent.core.core import HostCore
from hostagent.core.ports import LinkDown, LinkUp, Message, Observed
from tests.hostagent.rig import CONFIG, START_MS


class Agent:
    """A core and its log, without a server."""

    def __init__(self) -> None:
        self.core, self.log = HostCore(CONFIG), AgentLog()

    def says(self, message: Message, skew_ms: int | None = None) -> list[str]:
        """Return the events that are logged of ``message``."""
        outs = self.core.apply(message, START_MS)
        return [line.event for line in self.log.lines(self.core, message, outs, skew_ms)]


def test_an_offer_is_logged_when_it_is_another() -> None:
    """(Seen to fail with a line for each login.)"""
    agent = Agent()
    agent.says(Observed(START_MS, []))
    assert agent.says(LinkUp()) == ["offer"]
    agent.says(LinkDown())
    assert agent.says(LinkUp()) == []
    limit = HostLimit("i-1", 1, ToldCapacity(1_000, 2_048, 10_240))
    assert agent.says(limit) == ["limit", "offer"]


def test_a_wrong_clock_is_logged_once_and_first() -> None:
    """(Seen to fail with a skew that is not looked at.)"""
    agent = Agent()
    agent.says(Observed(START_MS, []))
    assert agent.says(LinkUp(), 60_000) == ["clock_skewed", "offer"]
    assert agent.says(LinkDown(), 60_000) == []
    assert agent.says(LinkDown(), 0) == ["clock_right"]
