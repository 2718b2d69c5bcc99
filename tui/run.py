"""Run the application from first dial to last goodbye, with or without a terminal."""

import asyncio
import os
import signal
import sys
from typing import Final

from exchange.cli.common import EXIT_TERMINATED
from tui.app import HeadroomApp

EXIT_HUNG_UP: Final = 129
SHOWN_ON: Final = (1, 2)
"""File descriptors that lead to the terminal."""


class NoTerminalError(Exception):
    """Standard output is no terminal; ``str`` is one line for the user."""


async def run_app(
    app: HeadroomApp,
    headless: bool = False,
    for_s: float | None = None,
    size: tuple[int, int] | None = None,
    in_browser: bool = False,
) -> int:
    """Dial, run until the trader leaves (or ``for_s`` seconds), hang up; return the exit code.

    Before the screen is touched it raises `LinkError` when the exchange cannot be reached and
    `NoTerminalError` when there is no screen.
    """
    await app.link.open()
    if not (headless or in_browser or sys.stdout.isatty()):
        await app.link.close()
        raise NoTerminalError("the market needs a terminal; this output is none")
    loop = asyncio.get_running_loop()
    timer = loop.call_later(for_s, app.exit) if for_s is not None else None
    # Left as it is, the signal would leave the terminal on its other screen, reporting the mouse.
    loop.add_signal_handler(signal.SIGTERM, lambda: app.exit(return_code=EXIT_TERMINATED))
    if not (headless or in_browser):
        _trust_the_terminal()
        _end_with_terminal(app, loop)
    try:
        await app.run_async(headless=headless, size=size)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        if timer is not None:
            timer.cancel()
        await app.link.close()
    return app.return_code or 0


def _trust_the_terminal() -> None:
    """Draw in the size that the terminal has, whatever the environment says.

    A parent that exports its own size (GNU readline does) would have 80 columns drawn into 160.
    """
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


def _end_with_terminal(app: HeadroomApp, loop: asyncio.AbstractEventLoop) -> None:
    """End in order when the terminal is closed, with what was started from here.

    To write to a terminal that is gone fails, and what waits for it would wait for ever: from the
    signal on, what is drawn goes nowhere.
    """

    def hung_up(number: int, frame: object) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for shown_on in SHOWN_ON:
            os.dup2(nowhere, shown_on)
        os.close(nowhere)
        loop.call_soon_threadsafe(app.exit, None, EXIT_HUNG_UP)

    signal.signal(signal.SIGHUP, hung_up)
