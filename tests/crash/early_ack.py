"""An exchange with a planted fault: it acknowledges before it commits. Only for test_kill9.py.

python -m tests.crash.early_ack --data DIR --ready-file F --listen 127.0.0.1:PORT
"""

import asyncio
import sys
from pathlib import Path

from exchange.gateway.batch import Batch
from exchange.gateway.gateway import Gateway
from exchange.recovery.loading import load
from exchange.server.clock import SystemClock
from exchange.server.ports import KeptJournal
from exchange.server.pump import Pump
from exchange.server.server import ExchangeServer, Settings, serve
from exchange.storage.sqlite_journal import DataLock
from exchange.storage.sqlite_store import SqliteStore


class EarlyPump(Pump):
    """Lets a batch out, and only then makes it durable."""

    async def commit(self, batch: Batch) -> None:
        self.release(batch)
        batch.deliveries, batch.closes, batch.jobs = {}, [], []
        await super().commit(batch)


class EarlyServer(ExchangeServer):
    def make_pump(self, gateway: Gateway, journal: KeptJournal, clock: SystemClock) -> Pump:
        return EarlyPump(gateway, journal, clock)


def main() -> int:
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    host, _, port = options["--listen"].rpartition(":")
    data_dir = Path(options["--data"])
    ready_file = Path(options["--ready-file"])
    settings = Settings(data_dir=data_dir, host=host, port=int(port), ready_file=ready_file)
    with DataLock(data_dir):
        return asyncio.run(serve(settings, load(SqliteStore(data_dir)), EarlyServer))


if __name__ == "__main__":
    sys.exit(main())
