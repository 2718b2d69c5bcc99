"""Run the application from first dial to last goodbye, with or without a terminal."""

import asyncio
import signal
import sys

from exchange.cli.common import EXIT_TERMINATED
from tui.app import HeadroomApp


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
    try:
        await app.run_async(headless=headless, size=size)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        if timer is not None:
            timer.cancel()
        await app.link.close()
    return app.return_code or 0
