"""`headroom` on a server whose wall clock can be set: the file that CLOCK names says how far it is
ahead, in seconds."""

import os
import time
from pathlib import Path
from typing import Final

CLOCK: Final = "HEADROOM_TEST_CLOCK"
_right_ns = time.time_ns


def _shown_ns() -> int:
    return _right_ns() + int(Path(os.environ[CLOCK]).read_text() or 0) * 1_000_000_000


if __name__ == "__main__":
    time.time_ns = _shown_ns
    time.time = lambda: _shown_ns() / 1e9
    from headroom import main

    main()
