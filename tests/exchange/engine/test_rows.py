"""State changes only with a row: stories in which it once changed without one.

Each story ends with the replay of its rows, which must be the state that stands.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import pytest

from exchange.engine.engine import Engine
from exchange.engine.paranoid import ParanoidEngine
from exchange.gateway.gateway import Gateway
from exchange.journal.replay import read_command
from exchange.journal.rows import JournalRow
from exchange.keys import verify
from exchange.model.commands import Genesis, HostBack, HostSilent, Started
from exchange.model.config import default_config
from exchange.server.clock import SystemClock
from exchange.units import MS_PER_HOUR
from exchange.wire.admin_requests import AdminHalt, AdminInstrument
from exchange.wire.results import Done
from exchange.wire.terms import SILENT_MS
from sim.network.clock import VirtualTime
from sim.network.marketplace import Marketplace
from tests.exchange.gateway.test_gateway import Rig, be_live, hosting, order
from tests.exchange.support.harness import create_exchange, journal_rows, running
from tests.exchange.support.market import START_MS, Market

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
    create_exchange(data_dir, at_ms=SystemClock().now_ms() - 3 * MS_PER_HOUR)

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
    place.come_back()
    place.start()
    env.run(until=env.now_ms + 1)
    assert kinds(place.rows) == [Genesis, Started, Started]


def kinds(rows: list[JournalRow]) -> list[type]:
    return [type(read_command(row).message) for row in rows]


def test_a_lost_host_is_heard_after_a_restart_as_before_it() -> None:
    """That it was lost is part of the state; heard again, it must agree on what it runs."""
    rig, _, _ = hosting()
    rig.run_to(rig.now_ms + MS_PER_HOUR)
    assert rig.engine.hosts()[0].status == "lost"
    restart(rig)
    rig.log_in("host")
    assert isinstance(rig.messages()[-1], HostBack)
    assert rig.engine.hosts()[0].status == "syncing"


@pytest.mark.parametrize("seed", range(20))
def test_connections_and_silences_leave_rows(seed: int) -> None:
    """Frames, drops, silences and restarts in any order: replay is the state, live and after."""
    story = Wire(seed)
    for _ in range(50):
        story.step()
    story.restart()


def restart(rig: Rig) -> None:
    """End, and begin again from the rows, which lead to the very state there was."""
    before, rig.engine = rig.engine, type(rig.engine)(default_config())
    rig.gateway = Gateway(rig.engine, server_id="rig", verify=verify)
    rig.engine.state.quiet = True
    for row in rig.rows:
        rig.gateway.replay(read_command(row), row.now_ms)
    rig.engine.state.quiet = False
    assert rig.engine.state_hash() == before.state_hash()
    rig.gateway.start(rig.now_ms)
    rig.take()


class Wire:
    """A host and a trader with two connections, as the gateway sees them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"wire {seed}")
        self.rig, self.trader, self.host = hosting(ParanoidEngine)
        self.other = self.rig.log_in("alice")

    def step(self) -> None:
        steps = (self.order, self.order, self.arm, self.drop, self.wait, self.say, self.say)
        self.random.choice((*steps, self.host_drops, self.restart))()

    def order(self) -> None:
        number = self.random.choice((self.trader, self.other))
        side = self.random.choice(("buy", "sell"))
        order(self.rig, number, f"c{self.random.randrange(30)}", side=side)

    def arm(self) -> None:
        enabled = self.random.random() < 0.7
        self.rig.ask(self.other, "order.cancel_on_disconnect", enabled=enabled)

    def drop(self) -> None:
        self.rig.gateway.disconnect(self.other, self.random.random() < 0.3, self.rig.now_ms)
        self.rig.take()
        self.other = self.rig.log_in("alice")

    def wait(self) -> None:
        wait_ms = self.random.choice((1_000, SILENT_MS, SILENT_MS, 60_000, 400_000))
        self.rig.run_to(self.rig.now_ms + wait_ms)

    def say(self) -> None:
        """The host reports, silent or not."""
        rig, what = self.rig, self.random.randrange(3)
        if what == 0:
            rig.tell(self.host, "host.heartbeat", load={"cpu_pct": 1, "mem_pct": 1}, vms=0)
        elif what == 1:
            rig.tell(self.host, "host.synced", instruction_id="i", boot_id="b", vms=[])
        else:
            be_live(rig, self.host)

    def host_drops(self) -> None:
        self.rig.gateway.disconnect(self.host, False, self.rig.now_ms)
        self.host = self.rig.log_in("host")

    def restart(self) -> None:
        restart(self.rig)
        self.trader, self.other = self.rig.log_in("alice"), self.rig.log_in("alice")
        self.host = self.rig.log_in("host")
