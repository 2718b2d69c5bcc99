"""Run the application from first dial to last goodbye, with or without a terminal."""

import asyncio

from tui.app import HeadroomApp


async def run_app(
    app: HeadroomApp,
    headless: bool = False,
    for_s: float | None = None,
    size: tuple[int, int] | None = None,
) -> int:
    """Dial, run until the trader leaves (or ``for_s`` seconds), hang up; return the exit code.

    Raises `LinkError` before the screen is touched when the exchange cannot be reached.
    """
    await app.link.open()
    loop = asyncio.get_running_loop()
    timer = loop.call_later(for_s, app.exit) if for_s is not None else None
    try:
        await app.run_async(headless=headless, size=size)
    finally:
        if timer is not None:
            timer.cancel()
        await app.link.close()
    return app.return_code or 0
