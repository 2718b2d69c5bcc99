"""An exchange whose journal can be weakened and checkpointed often. Only for test_power_loss.py.

python -m tests.crash.tuned --data DIR --ready-file F --listen 127.0.0.1:PORT --synchronous 2|1
    --checkpoint-rows N
"""

import asyncio
import sys
from pathlib import Path

from exchange.recovery.loading import load
from exchange.server.server import ExchangeServer, Settings, serve
from exchange.storage.sqlite_journal import DataLock, SqliteJournal
from exchange.storage.sqlite_store import SqliteStore


def main() -> int:
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    synchronous, rows = int(options["--synchronous"]), int(options["--checkpoint-rows"])

    class TunedServer(ExchangeServer):
        def make_journal(self, data_dir: Path, last_chain: bytes) -> SqliteJournal:
            return SqliteJournal(data_dir, last_chain, synchronous, rows)

    host, _, port = options["--listen"].rpartition(":")
    data_dir = Path(options["--data"])
    ready_file = Path(options["--ready-file"])
    settings = Settings(data_dir=data_dir, host=host, port=int(port), ready_file=ready_file)
    with DataLock(data_dir):
        return asyncio.run(serve(settings, load(SqliteStore(data_dir)), TunedServer))


if __name__ == "__main__":
    sys.exit(main())
