"""One thread at a time makes and reads the history, also when its question was given up."""

import asyncio
import contextlib
from pathlib import Path

from exchange.recovery.loading import load
from exchange.server.server import ExchangeServer, Settings
from exchange.storage.history import FILE_NAME, require_whole
from exchange.storage.sqlite_journal import DataLock
from exchange.storage.sqlite_store import SqliteStore
from tests.exchange.support.harness import create_exchange

ROUNDS = 150


def test_a_thread_whose_question_is_given_up_is_waited_for(tmp_path: Path) -> None:
    """(Seen to fail: the next one made the same file beside it, and one of the two lost.)"""
    data_dir = tmp_path / "data"
    create_exchange(data_dir)

    async def main() -> None:
        settings = Settings(data_dir=data_dir, host="127.0.0.1", port=0)
        history = ExchangeServer(settings, load(SqliteStore(data_dir)))._history
        for number in range(ROUNDS):
            given_up = asyncio.create_task(history.follow())
            asyncio.get_running_loop().call_later(0.0005 * (number % 8), given_up.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await given_up
            await history.follow()
            require_whole(data_dir / FILE_NAME)
            for file in data_dir.glob(f"{FILE_NAME}*"):
                file.unlink()

    with DataLock(data_dir):
        asyncio.run(main())
