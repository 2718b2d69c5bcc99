"""An exchange that is on the bus: the live server, and the writer's side of the doors. Shell."""

import asyncio
from contextlib import suppress

from exchange.doors.bus import BusSettings
from exchange.doors.writer import Writer
from exchange.recovery.loading import Loaded
from exchange.server.server import ExchangeServer, Settings


class BusServer(ExchangeServer):
    """Serves its own sockets too: images and pages are there only."""

    def __init__(self, settings: Settings, loaded: Loaded, bus: BusSettings) -> None:
        super().__init__(settings, loaded)
        self._bus = bus
        self._epoch = loaded.engine.epoch + 1

    async def run(self) -> int:
        writer = Writer(self._bus, self.pump, self.reception, self.url, self._epoch)
        task = asyncio.create_task(writer.run())
        try:
            return await super().run()
        finally:
            await writer.end()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
