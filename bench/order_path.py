"""Where one durable order's microseconds go, by layer: ``python -m bench.order_path``.

The exchange of `bench.wire` runs as a process that looks where its loop is, a thousand times in a
second of CPU time. The innermost call that belongs to a layer gets the CPU time since the last
look; what C code takes is its caller's. The journal's threads are told apart by their clocks.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Final

from bench.wire import FULL, Size, Spent, Subject, ordering
from bench.wire_servers import exchange
from exchange.server.server import ExchangeServer

ROUNDS: Final = 10
LOOK_S: Final = 0.001
OTHER: Final = "other"
THREADS: Final = "journal, its thread: SQLite, the sync"
LAYERS: Final[dict[str, tuple[str, ...]]] = {
    "loop and socket: select, recv, send": ("asyncio", "selectors"),
    "frames in: cut, unmask, queue": (
        *("exchange.server.inflow", "exchange.server.connection", "exchange.server.turns"),
        *("exchange.server.keepalive", "websockets"),
    ),
    "decode the request": ("exchange.wire",),
    "gateway: limits, guard, answers": (
        *("exchange.gateway", "exchange.session", "exchange.server.pump", "exchange.bucket"),
        "exchange.server.clock",
    ),
    "engine": (
        *("exchange.engine", "exchange.trading", "exchange.model", "exchange.leases"),
        *("exchange.hosts", "exchange.price_guard"),
    ),
    "feed: market data, the account's frames": ("exchange.feed",),
    "journal: chain, rows": ("exchange.journal", "exchange.storage", "aiosqlite"),
    "frames out: encode, join, write": ("exchange.server.framing", "exchange.session.outbox"),
}
"""Each layer's modules; the longest name that fits counts."""
OUTBOUND: Final = frozenset(
    {"deliver", "send_data", "write_payloads", "_write", "_queue", "_flush", "resume_writing"}
)
"""What of `exchange.server.connection` writes."""
_OUT: Final = list(LAYERS)[-1]
_BY_MODULE: Final = {module: layer for layer, modules in LAYERS.items() for module in modules}


def layer_of(module: str, function: str) -> str | None:
    """Return the layer of a call, None when it belongs to its caller."""
    if module == "exchange.server.connection" and function in OUTBOUND:
        return _OUT
    while module not in _BY_MODULE:
        module, dot, _ = module.rpartition(".")
        if not dot:
            return None
    return _BY_MODULE[module]


class Looks:
    """CPU seconds of this thread by layer, and of all others together, between `begin` and
    `pause`."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._last_s = self._others_s = 0.0
        signal.signal(signal.SIGPROF, self._look)

    def begin(self) -> None:
        self._last_s, self._others_s = time.thread_time(), _others_s()
        signal.setitimer(signal.ITIMER_PROF, LOOK_S, LOOK_S)

    def pause(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.seconds[THREADS] += _others_s() - self._others_s

    def _look(self, number: int, frame: FrameType | None) -> None:
        now_s = time.thread_time()
        layer = None
        while frame is not None and layer is None:
            module = str(frame.f_globals.get("__name__", ""))
            layer, frame = layer_of(module, frame.f_code.co_name), frame.f_back
        self.seconds[layer or OTHER] += now_s - self._last_s
        self._last_s = time.thread_time()  # without what the look took


def _others_s() -> float:
    return time.process_time() - time.thread_time()


async def serve() -> None:
    """Serve; each line of standard input begins or pauses the looks, its end prints them."""
    async with exchange(ExchangeServer) as url:
        print(url, flush=True)
        looks, going = Looks(), False
        while await asyncio.to_thread(sys.stdin.readline):
            looks.pause() if going else looks.begin()
            going = not going
            print("done", flush=True)
        print(json.dumps(looks.seconds), flush=True)


class Watched(Subject):
    """The exchange, looked at while it is measured."""

    module = __name__ if __name__ != "__main__" else "bench.order_path"

    async def measured(self, work: Callable[[], Awaitable[None]]) -> Spent:
        await self._turn()
        spent = await super().measured(work)
        await self._turn()
        return spent

    async def _turn(self) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write("\n")
        stdin.flush()
        assert await asyncio.to_thread(stdout.readline) == "done\n"

    def seconds(self) -> dict[str, float]:
        """Stop, and return CPU seconds by layer."""
        told, _ = self._process.communicate(timeout=30)
        found: dict[str, float] = json.loads(told)
        return found


async def microseconds(rounds: int, size: Size = FULL) -> dict[str, float]:
    """Return CPU microseconds an order by layer, in the order of `LAYERS`."""
    subject = Watched("durable")
    try:
        await subject.start()
        for _ in range(rounds):
            await ordering(subject, size)
    except BaseException:
        subject.stop()
        raise
    seconds = await asyncio.to_thread(subject.seconds)
    names = (*LAYERS, THREADS, OTHER)
    return {name: seconds.get(name, 0.0) / (rounds * size.orders) * 1e6 for name in names}


def table(us: dict[str, float]) -> str:
    """Return the layers as the rows of a Markdown table."""
    whole = sum(us.values())
    lines = [f"| {name} | {value:.1f} | {value / whole:.0%} |" for name, value in us.items()]
    head = ["| layer | CPU us an order | share |", "|---|---|---|"]
    return "\n".join([*head, *lines, f"| **all** | **{whole:.1f}** | |"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.order_path", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of 20,000 orders each")
    parser.add_argument("kind", nargs="?", choices=["durable"], help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.kind:
        asyncio.run(serve())
    else:
        print(table(asyncio.run(microseconds(chosen.rounds))))


if __name__ == "__main__":
    main()
