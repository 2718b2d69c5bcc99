"""The tests of the server's protocol, with a door between client and exchange."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from exchange.cluster.nats import Nats
from exchange.doors.door import Door
from exchange.links import messages
from tests.cluster.doors import PATIENCE_BEATS, behind_a_door
from tests.exchange.server import test_server
from tests.exchange.server.test_server import *  # noqa: F403


@pytest.fixture(autouse=True)
def through_a_door(nats: Nats, monkeypatch: pytest.MonkeyPatch) -> None:
    def running(data_dir: Path) -> AbstractAsyncContextManager[Door]:
        return behind_a_door(data_dir, nats.url)

    monkeypatch.setattr(test_server, "running", running)
    monkeypatch.setattr(messages, "SILENT_BEATS", PATIENCE_BEATS)
