"""Listens for real clients of a simulated exchange, with the parts of the live server. Shell."""

from pathlib import Path

from exchange.server.admission import Admission, raise_file_limit
from exchange.server.clock import SystemClock
from exchange.server.image_server import ImageServer
from exchange.server.listening import Listener, listen, stop_accepting
from exchange.server.reception import Reception
from exchange.storage.images import ImageStore
from exchange.wire.close_codes import CLOSE_GOING_AWAY
from sim.serve.pump import FIRST_SESSION, SimulatedPump


class SimulatedServer:
    """`open`, then `close`; ``images`` is a folder for what clients upload."""

    def __init__(self, pump: SimulatedPump, images: Path) -> None:
        self._pump = pump
        pump.on_image_job = ImageServer(ImageStore(images), pump).start
        addresses, now_ms = pump.gateway.limits.addresses, SystemClock().now_ms
        admission = Admission(addresses, {}, now_ms, raise_file_limit())
        self._reception = Reception(pump, admission, None, FIRST_SESSION)
        self._server: Listener
        self.url = ""

    async def open(self, host: str, port: int) -> None:
        """Listen. Raises `OSError`."""
        reception = self._reception
        self._server = await listen(
            host,
            port,
            None,
            handle=reception.handle,
            make_connection=reception.make_connection,
            route=reception.route,
        )
        real_port = self._server.sockets[0].getsockname()[1]
        self.url = f"ws://{f'[{host}]' if ':' in host else host}:{real_port}/v1/ws"

    async def close(self) -> None:
        """Say goodbye and end every connection."""
        for connection in list(self._pump.connections.values()):
            connection.close_soon(CLOSE_GOING_AWAY, "the simulation ends")
        await stop_accepting(self._server)
        self._server.close(code=CLOSE_GOING_AWAY, reason="the simulation ends")
        await self._server.wait_closed()
