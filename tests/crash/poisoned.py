"""An exchange with planted bugs. Only for test_poison.py.

python -m tests.crash.poisoned --data DIR --ready-file F --listen 127.0.0.1:PORT
"""

import asyncio
import sys
from pathlib import Path

from exchange.engine import deadlines
from exchange.engine.engine import Engine
from exchange.log import log
from exchange.model.commands import Command, Out
from exchange.model.state import State
from exchange.model.timers import TimerKind
from exchange.recovery.loading import load
from exchange.server.server import Settings, serve
from exchange.storage.sqlite_journal import DataLock
from exchange.storage.sqlite_store import SqliteStore
from exchange.wire.requests import OrderPlace


class BuggyEngine(Engine):
    """Breaks on orders of certain names, before and after it has changed something."""

    def apply(self, command: Command, now_ms: int) -> list[Out]:
        message = command.message
        name = message.client_order_id if isinstance(message, OrderPlace) else ""
        assert name != "asserts", "a planted invariant"
        if name == "attribute":
            self.state.counters.order += 1
            raise AttributeError("a planted mistyped name")
        return super().apply(command, now_ms)


def broken_expiry(state: State, number: int) -> None:
    """Take the order out of its book and forget the rest."""
    order = state.expiring[number]
    state.instruments[order.symbol].book.remove(order)
    raise AssertionError("a planted expiry")


def main() -> int:
    right = deadlines.DEADLINES[TimerKind.ORDER]
    deadlines.DEADLINES[TimerKind.ORDER] = right._replace(run=broken_expiry)
    log.set_up("error", "text")
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    host, _, port = options["--listen"].rpartition(":")
    data_dir = Path(options["--data"])
    ready_file = Path(options["--ready-file"])
    settings = Settings(data_dir=data_dir, host=host, port=int(port), ready_file=ready_file)
    with DataLock(data_dir):
        return asyncio.run(serve(settings, load(SqliteStore(data_dir), BuggyEngine)))


if __name__ == "__main__":
    sys.exit(main())
