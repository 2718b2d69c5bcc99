"""An owner's words for a host: shown in directory and fleet, kept, and left out where not said."""

import msgspec
import pytest

from exchange.engine.engine import Engine
from exchange.hosts.host_rows import directory_rows, fleet_rows
from exchange.wire.requests import HostAnnounce
from tests.exchange.hosts.test_outbound import announcement
from tests.exchange.support.market import Market


def shown(engine: Engine) -> tuple[list[str] | None, list[str] | None]:
    ((row,), _), [own] = directory_rows(engine.state, "ann"), fleet_rows(engine.state, "ann")
    return row.tags, own.tags


@pytest.mark.parametrize("outbound", [None, "all"])
def test_both_channels_say_them_and_a_snapshot_keeps_them(outbound: None) -> None:
    market = Market()
    market.open_account("ann")
    host = market.add_host("ann", 2)
    market.must(announcement(outbound), host=host)
    assert shown(market.engine) == (None, None)
    for tags in (["ssd"], ["rack=7", "ssd"], []):
        said = msgspec.structs.replace(announcement(outbound), tags=tags)
        market.must(said, host=host)
        assert shown(market.engine) == (tags or None, tags or None)
        again = Engine.restore(market.engine.snapshot())
        assert shown(again) == shown(market.engine)
        assert again.state_hash() == market.engine.state_hash()
        [row], _ = directory_rows(again.state, "ann")
        assert row.outbound == outbound
    market.must(announcement(outbound), host=host)
    for frame in (announcement(None), row, fleet_rows(again.state, "ann")[0]):
        assert b"tags" not in msgspec.json.encode(frame)


@pytest.mark.parametrize("tag", ["", "a b", "=x", "x=", "a=b=c", "x" * 32, "x\n", "é", "a,b"])
def test_a_word_that_cannot_be_is_refused(tag: str) -> None:
    fields = msgspec.to_builtins(announcement(None)) | {"tags": [tag]}
    with pytest.raises(msgspec.ValidationError, match="tags"):
        msgspec.convert(fields, HostAnnounce)
