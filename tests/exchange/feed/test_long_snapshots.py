"""Snapshots of thousands of instruments and hosts: in frames of bounded length, and nothing lost.

A client that takes updates for rows has all of them, as ever; ours waits for the last and tells one
snapshot.
"""

from typing import Any, Final

import pytest

from exchange.client.snapshots import Snapshots
from exchange.engine.engine import Engine
from exchange.wire.codec import CODECS, JSON
from exchange.wire.frames import (
    DirectorySnapshot,
    DirectoryUpdate,
    Heartbeat,
    Hello,
    InstrumentsSnapshot,
    InstrumentUpdate,
    ServerMessage,
)
from exchange.wire.login import login_message
from exchange.wire.types import SENT_FRAME_BYTES
from tests.exchange.feed.test_directory import row
from tests.exchange.gateway.test_gateway import Rig

HOSTS: Final = [row(f"h-{number}", units=3) for number in range(10_000)]
INSTRUMENTS: Final = [
    InstrumentUpdate(
        f"small.eu-de.flat.w{number}", "open", 100, "small", "eu-de", "DE", "flat", "window"
    )
    for number in range(5_000)
]


class Crowded(Engine):
    """An engine with a great many instruments and hosts to show."""

    def instruments(self) -> list[InstrumentUpdate]:
        return list(INSTRUMENTS)

    def owners(self) -> list[str]:
        return ["farm"]

    def directory_rows(self, account: str) -> tuple[list[DirectoryUpdate], int]:
        return (list(HOSTS), 0) if account == "farm" else ([], 0)


def sent(channel: str, codec: str) -> list[bytes]:
    """Return what a subscriber of ``channel`` is sent behind the ack."""
    rig = Rig(Crowded)
    number = rig.connect(codec)
    subscribe = {"type": "subscribe", "req_id": 1, "channel": channel}
    rig.gateway.receive(number, CODECS[codec].encode(subscribe), rig.now_ms)
    _, *items = rig.gateway.take().deliveries[number]
    return [item for item in items if isinstance(item, bytes)]


def written(rows: list[Any]) -> list[bytes]:
    return [JSON.encode(row) for row in rows]


@pytest.mark.parametrize("codec", ["json", "msgpack"])
@pytest.mark.parametrize(
    ("channel", "field", "rows"),
    [("instruments", "instruments", INSTRUMENTS), ("directory", "hosts", HOSTS)],
)
def test_a_long_snapshot_goes_on_as_updates(
    channel: str, field: str, rows: list[Any], codec: str
) -> None:
    """(Seen to fail: one frame of 0.9 MB of instruments, of 4.6 MB of hosts.)"""
    items = sent(channel, codec)
    assert max(map(len, items)) <= SENT_FRAME_BYTES
    snapshot, *updates = [CODECS[codec].decode_frame(item) for item in items]
    assert isinstance(snapshot, InstrumentsSnapshot | DirectorySnapshot)
    assert snapshot.more == len(updates) > 0
    assert written([*getattr(snapshot, field), *updates]) == written(rows)

    joining = Snapshots()
    told = [joining.whole(CODECS[codec].decode_frame(item)) for item in items]
    *held, whole = told
    assert not any(held)
    assert isinstance(whole, InstrumentsSnapshot | DirectorySnapshot)
    assert (written(getattr(whole, field)), whole.more) == (written(rows), None)
    assert joining.whole(updates[0]) is updates[0], "later ones are themselves"


def test_what_is_between_is_told_and_a_lost_connection_forgets() -> None:
    joining = Snapshots()
    begun = InstrumentsSnapshot(INSTRUMENTS[:1], 2)
    beat: ServerMessage = Heartbeat(1, 1)
    assert joining.whole(begun) is None
    assert joining.whole(beat) is beat
    assert joining.whole(INSTRUMENTS[1]) is None
    joining.lost()
    assert joining.whole(INSTRUMENTS[2]) is INSTRUMENTS[2]
    short = InstrumentsSnapshot(INSTRUMENTS[:1])
    assert joining.whole(short) is short


def test_an_older_exchange_is_told_no_minor_version() -> None:
    """It would refuse the field."""
    for minor in (None, 1):
        hello = Hello("exchange", "00", 1, 0, minor)
        assert login_message("key", lambda _: "signature", hello).minor == minor
