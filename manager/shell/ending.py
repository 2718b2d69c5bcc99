"""Ends the process in time once it was asked to end, whatever still hangs. Shell.

What waits in the event loop is canceled and ends at once. A thread cannot be: a name that no server
resolves, an image being hashed or read from a dead disk would each hold the end up, and so would
an exchange that does not say goodbye. Nothing is lost by leaving them: files are written aside and
renamed, and what runs at the exchange is known there.
"""

import os
import threading
from collections.abc import Callable
from typing import Final

from exchange.log import log
from manager.core import log_events

END_S: Final = 4.0


def end_in_time(tidy: Callable[[], None], limit_s: float = END_S) -> None:
    """Leave the process with code 0 after ``limit_s``, unless it has ended by then.

    ``tidy`` runs before that, in a thread of its own.
    """
    timer = threading.Timer(limit_s, _leave, (tidy, limit_s))
    timer.daemon = True
    timer.start()


def _leave(tidy: Callable[[], None], limit_s: float) -> None:
    try:
        log.write(log_events.left_behind(limit_s))
        tidy()
    finally:
        os._exit(0)
