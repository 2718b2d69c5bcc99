"""Ends this process within a time limit, even if something hangs. Shell module."""

import os
import threading
from typing import Final

from exchange.log import log
from hostagent.core import log_events

END_WITHIN_S: Final = 4.0
"""From SIGTERM. A service manager, or who reads the docs, waits for five seconds."""


def end_in_time(kept: bool, after_s: float = END_WITHIN_S) -> None:
    """Begin the countdown; an agent that ends by itself is quicker. ``kept``: VMs keep running."""
    countdown = threading.Timer(after_s, _end_now, (kept, after_s))
    countdown.daemon = True
    countdown.start()


def _end_now(kept: bool, after_s: float) -> None:
    log.write(log_events.cut_short(after_s))
    log.write(log_events.stopped(kept))
    os._exit(0)
