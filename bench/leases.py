"""Leases in bulk: how fast one posting charges them, and how fast a journal replays. CPU time."""

import time
from collections import deque
from collections.abc import Callable

from bench.engine import FullEngine
from bench.flow import SHAPES, Flow, Row, make
from bench.measure import collector_held
from exchange.engine.engine import Engine
from exchange.journal.replay import replay
from exchange.journal.rows import JournalRow
from exchange.model.commands import SYSTEM, Command
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE
from exchange.wire.codec import MSGPACK
from exchange.wire.requests import OrderPlace
from exchange.wire.results import Done

LEASES = 10_000
REPLAYED = 20_000
REPLAY_RUNS = 3


def charges_per_s() -> float:
    """Return how many charges a second one hourly posting of `LEASES` leases makes."""
    bench = FullEngine(make(SHAPES[0]))
    engine, start_ms = bench.engine, bench.now_ms
    for number in range(LEASES):
        for account, side in (("seller0", "sell"), ("buyer0", "buy")):
            _place(engine, start_ms, account, side, number)
    engine.apply(SYSTEM, start_ms + 50 * MS_PER_MINUTE)
    with collector_held():
        began = time.process_time()
        outs = engine.apply(SYSTEM, start_ms + MS_PER_HOUR)
        took_s = time.process_time() - began
    charges = sum(1 for _, message in outs if type(message).__name__ == "Charge")
    assert charges == LEASES, f"{charges} charges"
    return charges / took_s


def _place(engine: Engine, now_ms: int, account: str, side: str, number: int) -> None:
    symbol = engine.symbols()[0]
    order = OrderPlace(
        req_id=1,
        client_order_id=f"{side}{number}",
        symbol=symbol,
        side="buy" if side == "buy" else "sell",
        order_type="limit",
        qty=1,
        price_ucr=36_000,
    )
    reply = engine.apply(Command(account, "", 0, order), now_ms)[0][1]
    assert isinstance(reply, Done), reply


def replay_ratio() -> float:
    """Return the rate of replaying journal rows (decode, apply) over that of applying alone.

    Each is the best of some runs in turn: the heap grows from run to run.
    """
    flow = make(SHAPES[0])
    rows = [*flow.load, *flow.timed][:REPLAYED]
    runs = [_live_and_replayed_s(flow, rows) for _ in range(REPLAY_RUNS)]
    return min(live_s for live_s, _ in runs) / min(replay_s for _, replay_s in runs)


def _live_and_replayed_s(flow: Flow, rows: list[Row]) -> tuple[float, float]:
    live, again = FullEngine(flow), FullEngine(flow)
    commands = live.prepare(rows)
    bodies = [
        JournalRow(seq, now_ms, MSGPACK.encode(command))
        for seq, (command, now_ms) in enumerate(commands, 1)
    ]
    live_s = _cpu_s(lambda: live.play(commands))
    again.engine.state.quiet = True
    replay_s = _cpu_s(lambda: deque(replay(again.engine.apply, bodies), maxlen=0))
    assert again.engine.state_hash() == live.engine.state_hash()
    return live_s, replay_s


def _cpu_s(run: Callable[[], object]) -> float:
    with collector_held():
        began = time.process_time()
        run()
        return time.process_time() - began
