"""A connection that has ended leaves nothing that only the garbage collector would find."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange.server.connection import WireConnection
from tests.exchange.support.harness import raw, running, until


@pytest.fixture
def no_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is collected, not even in the exchange's idle moments."""
    gc.collect()
    gc.disable()
    monkeypatch.setattr(gc, "collect", lambda *_: 0)
    yield
    gc.enable()


@pytest.mark.parametrize("goodbye", [True, False], ids=["closed", "cut"])
@pytest.mark.usefixtures("no_collector")
def test_it_is_gone_at_once(tmp_path: Path, goodbye: bool) -> None:
    """(Seen to fail with each of the three things left in the library.)"""

    async def scene() -> None:
        async with running(tmp_path) as server:
            async with raw(server.url) as client:
                await client.frame()
                (connection,) = server.pump.connections.values()
                assert isinstance(connection, WireConnection)
                ended: list[Callable[[], object]] = [weakref.ref(connection)]
                ended.append(weakref.ref(connection.protocol))
                del connection
                if not goodbye:
                    client.connection.transport.abort()
            await until(lambda: all(one() is None for one in ended))

    asyncio.run(scene())
