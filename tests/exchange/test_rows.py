"""State changes only with a row: stories in which it once changed without one.

Each story ends with the replay of its rows, which must be the state that stands.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import pytest

from exchange.clock import SystemClock
from exchange.commands import Done, Genesis, HostBack, HostSilent, Started
from exchange.engine import Engine
from exchange.genesis import default_config
from exchange.operator_requests import AdminHalt, AdminInstrument
from exchange.ports import JournalRow
from exchange.replay import read_command
from exchange.units import MS_PER_HOUR
from sim.clock import VirtualTime
from sim.marketplace import Marketplace
from tests.exchange.harness import found, journal_rows, running
from tests.exchange.market import START_MS, Market

LATER: Final = "small.eu-de.metered.spot"


def replay_is_the_state(market: Market) -> None:
    engine = Engine(market.engine.state.config)
    for command, now_ms in market.journal:
        engine.apply(command, now_ms)
    assert engine.seq == market.engine.seq
    assert engine.state_hash() == market.engine.state_hash()


def halt(market: Market, symbol: str | None, *, halted: bool) -> Done:
    reply = market.send(AdminHalt(req_id=1, symbol=symbol, halted=halted))
    assert isinstance(reply, Done)
    return reply


def lifted_by_name_then_for_all(market: Market) -> None:
    halt(market, None, halted=True)
    for symbol in market.engine.symbols():
        halt(market, symbol, halted=False)
    assert halt(market, None, halted=False) == Done({"changed": 0})


def halted_by_name_then_for_all(market: Market) -> None:
    for symbol in market.engine.symbols():
        halt(market, symbol, halted=True)
    assert halt(market, None, halted=True) == Done({"changed": 0})


HALTS: Final[list[tuple[Callable[[Market], None], str]]] = [
    (lifted_by_name_then_for_all, "open"),
    (halted_by_name_then_for_all, "halted"),
]


@pytest.mark.parametrize(("story", "later"), HALTS, ids=lambda it: getattr(it, "__name__", it))
def test_the_halt_of_all_covers_markets_that_open_later(
    story: Callable[[Market], None], later: str
) -> None:
    market = Market()
    story(market)
    again = halt(market, None, halted=later == "halted")
    assert again.duplicate, "the same once more changes nothing"
    market.must(AdminInstrument(req_id=1, symbol=LATER))
    market.advance(MS_PER_HOUR)
    for row in market.engine.instruments():
        assert (row.state == "halted") == (later == "halted"), row
    replay_is_the_state(market)


def test_a_host_that_spoke_while_it_was_silent_opens_with_a_row() -> None:
    """It is back, agrees once more on what it runs, and its next ask is backed."""
    market = Market()
    for name in ("ann", "bob"):
        market.open_account(name)
    host = market.add_host("ann", 5)
    market.now_ms += 15_000
    market.must(HostSilent(host, market.now_ms - 15_000))
    market.sync("ann", host)
    market.announce("ann", host, 5)
    market.must(HostBack(host))
    market.sync("ann", host)
    assert market.engine.hosts()[0].status == "live"
    assert isinstance(market.place("ann.ask", "sell", 5, 100), Done)
    assert isinstance(market.place("bob.bid", "buy", 5, 100), Done)
    assert market.trades
    replay_is_the_state(market)


def test_started_is_the_first_row_whatever_fell_due(tmp_path: Path) -> None:
    """Windows fell due while the exchange was down."""
    data_dir = tmp_path / "data"
    found(data_dir, at_ms=SystemClock().now_ms() - 3 * MS_PER_HOUR)

    async def serve_a_moment() -> None:
        async with running(data_dir):
            pass

    for _ in range(2):
        before = len(journal_rows(data_dir))
        asyncio.run(serve_a_moment())
        assert kinds(journal_rows(data_dir)[before:]) == [Started]


def test_a_simulated_restart_begins_like_a_real_one() -> None:
    env = VirtualTime(START_MS)
    place = Marketplace(env, default_config(), Random(1), keep_rows=True)
    place.gateway.internal(Genesis(default_config(), "operator's key"), env.now_ms)
    place.start()
    place.stop()
    env.run(until=START_MS + 3 * MS_PER_HOUR)
    place.restart()
    env.run(until=env.now_ms + 1)
    assert kinds(place.rows) == [Genesis, Started, Started]


def kinds(rows: list[JournalRow]) -> list[type]:
    return [type(read_command(row).message) for row in rows]
