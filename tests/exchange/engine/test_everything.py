"""State changes only with a row, whatever the command: 200,000 of every type there is.

After every one of them, be it accepted, refused or a duplicate, the state must be what the rows
lead to. A failure names its story; ``Everything(17).run(STORY)`` tells that one again.
"""

from functools import cache
from typing import Final, get_args

import pytest
from msgspec import Struct

from exchange.engine.handling import HANDLERS
from exchange.engine.paranoid import LawBrokenError, ParanoidEngine
from exchange.model.commands import Genesis, JournalMessage, Started
from tests.exchange.everything.scene import config
from tests.exchange.everything.stories import STORY, Everything, Outcomes, tell
from tests.exchange.support.market import Market
from tests.exchange.support.planted_bugs import BUGS, planted, wire_name

pytestmark = pytest.mark.storm

BATCH: Final = 40
BATCHES: Final = range(20)
LONG_STORY: Final = 4_000
COMMANDS: Final = STORY * BATCH * len(BATCHES)
NEVER_REFUSED: Final = {Genesis, Started}
"""Neither refused nor a duplicate, ever."""


@cache
def outcomes_of(batch: int) -> Outcomes:
    """Tell a batch of stories once for all tests."""
    return tell(range(batch * BATCH, (batch + 1) * BATCH))


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"stories-{batch}")
def test_state_is_what_the_rows_lead_to(batch: int) -> None:
    assert outcomes_of(batch).total() >= COMMANDS // len(BATCHES)


def test_a_long_story() -> None:
    """An exchange that has seen much: what ended is forgotten, numbers are large."""
    Everything(0).run(LONG_STORY)


def test_every_type_of_command_is_sent() -> None:
    """A new command must be sent by a story, or nobody knows that it keeps the law."""
    kinds = set(get_args(JournalMessage))
    assert kinds == {*HANDLERS, Started}
    assert {kind for kind, _ in outcomes_of(0)} == kinds - {Genesis}


def test_every_type_is_accepted_and_comes_to_nothing() -> None:
    """Volume proves nothing about what never happened."""
    told = outcomes_of(0)
    done = {kind for kind, outcome in told if outcome == "done"}
    nothing = {kind for kind, outcome in told if outcome != "done"}
    assert done == set(get_args(JournalMessage)) - {Genesis}
    assert done - nothing - NEVER_REFUSED == set()


@pytest.mark.parametrize("kind", BUGS, ids=lambda kind: BUGS[kind].__name__)
def test_the_stories_catch(kind: type[Struct]) -> None:
    told = f"after {wire_name(kind)} the state"
    with planted(kind), pytest.raises(AssertionError, match=told):
        tell(range(2 * BATCH))


def test_a_run_begins_with_its_row() -> None:
    """What fell due while the exchange was down waits for `Started`."""
    market = Market(config())
    engine = ParanoidEngine.restore(market.engine.snapshot())
    market.engine = engine
    market.now_ms += 10**8
    with pytest.raises(LawBrokenError, match="advance_time comes before the row"):
        market.settle()
    market.send(Started(2))
