"""The child that checks the rows before the snapshot. Shell.

The address comes in its environment: others may read a command line.
"""

import os
import sys
from typing import Final

from exchange.journal.chain import BrokenChainError
from exchange.postgres.postgres_store import PostgresStore
from exchange.recovery import past
from exchange.storage.sqlite_journal import DataDirError

ENV: Final = "HEADROOM_JOURNAL"
_NICE: Final = 10


def words(upto_seq: int) -> list[str]:
    """Return the command line of the child."""
    return [sys.executable, "-m", __name__, str(upto_seq)]


def main(upto_seq: str) -> int:
    """Run in the child. On an error prints one line on stdout and returns 1."""
    os.nice(_NICE)
    try:
        past.check_rows(PostgresStore(os.environ[ENV]), int(upto_seq))
    except (BrokenChainError, DataDirError) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
