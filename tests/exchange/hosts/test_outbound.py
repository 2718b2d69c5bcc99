"""What a host lets guests connect to: told to everybody, kept, and nothing where not said."""

import msgspec

from exchange.engine.engine import Engine
from exchange.hosts.host_rows import directory_rows
from exchange.wire.requests import HostAnnounce
from exchange.wire.types import Capacity, Outbound
from tests.exchange.support.market import Market

ROOM = Capacity(mvcpu=4000, mem_mib=9000, disk_mib=50_000)


def announcement(outbound: Outbound | None) -> HostAnnounce:
    return HostAnnounce(
        req_id=1,
        capacity=ROOM,
        offered=ROOM,
        classes=["small"],
        cpu_model="x",
        accel="simulated",
        agent_version="1",
        boot_id="b",
        outbound=outbound,
    )


def shown(engine: Engine, account: str) -> str | None:
    ((row,), _) = directory_rows(engine.state, account)
    return row.outbound


def test_the_directory_says_it_and_a_snapshot_keeps_it() -> None:
    market = Market()
    market.open_account("ann")
    host = market.add_host("ann", 2)
    without = market.engine.state_hash()
    assert shown(market.engine, "ann") is None
    for outbound in ("all", "proxy"):
        market.must(announcement(outbound), host=host)
        assert shown(market.engine, "ann") == outbound
        again = Engine.restore(market.engine.snapshot())
        assert shown(again, "ann") == outbound
        assert again.state_hash() == market.engine.state_hash() != without


def test_where_nothing_is_said_nothing_is_written() -> None:
    """So that frames, journals and state hashes of earlier releases stay as they are."""
    assert b"outbound" not in msgspec.json.encode(announcement(None))
    market = Market()
    market.open_account("ann")
    market.add_host("ann", 2)
    ((row,), _) = directory_rows(market.engine.state, "ann")
    assert b"outbound" not in msgspec.json.encode(row)
