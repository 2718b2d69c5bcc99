"""`host.offer` changes the limit it names, keeps the other, and says which ones hold."""

from typing import Any

import msgspec
import pytest

from exchange.engine.engine import Engine
from exchange.journal.replay import read_command
from exchange.model.config import default_config
from exchange.wire.requests import HostOffer
from exchange.wire.types import Capacity
from tests.exchange.gateway.test_gateway import Rig, hosting
from tests.exchange.support.market import Market

ROOM = {"mvcpu": 1000, "mem_mib": 2148, "disk_mib": 10_240}
LIMITS = ("offered", "residual_below_pct", "image_max_mib")
LIFTS = ["offered", "residual_below_pct"]


@pytest.mark.parametrize(
    ("requests", "holds"),
    [
        ([{"offered": ROOM}, {"residual_below_pct": 7}], (ROOM, 7)),
        ([{"residual_below_pct": 7}, {"offered": ROOM}], (ROOM, 7)),
        ([{"offered": ROOM, "residual_below_pct": 7}, {}], (ROOM, 7)),
        ([{"offered": ROOM}, {"offered": None, "residual_below_pct": 7}], (ROOM, 7)),
        ([{"offered": ROOM, "residual_below_pct": 7}, {"lift": ["offered"]}], (None, 7)),
        ([{"offered": ROOM}, {"residual_below_pct": 0, "lift": ["offered"]}], (None, 0)),
        ([{"offered": ROOM, "residual_below_pct": 7}, {"lift": LIFTS}], (None, None)),
        ([{"lift": LIFTS}], (None, None)),
    ],
)
def test_what_a_request_does_not_name_stays(
    requests: list[dict[str, Any]], holds: tuple[Any, Any]
) -> None:
    """(Seen to fail: setting one limit dropped the other without a word.)"""
    rig, alice, agent = hosting()
    for fields in requests:
        told = rig.ask(alice, "host.offer", host="h-1", **fields)["result"]
    assert told == {"host": "h-1", "offered": holds[0], "residual_below_pct": holds[1]}
    sent = rig.frames(agent, "host.limit")[-1:]
    for order in sent:
        assert (order.get("offered"), order.get("residual_below_pct")) == holds
    assert replayed(rig) == rig.engine.state_hash()


@pytest.mark.parametrize(
    ("requests", "holds"),
    [
        ([{"image_max_mib": 9}], (None, None, 9)),
        ([{"image_max_mib": 9}, {"residual_below_pct": 7}, {}], (None, 7, 9)),
        ([{"offered": ROOM}, {"image_max_mib": 9}, {"lift": ["offered"]}], (None, None, 9)),
        ([{"image_max_mib": 9}, {"image_max_mib": 3, "lift": LIFTS}], (None, None, 3)),
        ([{"image_max_mib": 9}, {"offered": ROOM, "lift": ["image_max_mib"]}], (ROOM, None, None)),
    ],
)
def test_the_limit_on_images_is_as_the_others(
    requests: list[dict[str, Any]], holds: tuple[Any, ...]
) -> None:
    rig, alice, agent = hosting()
    for fields in requests:
        told = rig.ask(alice, "host.offer", host="h-1", **fields)["result"]
    assert tuple(told.get(name) for name in LIMITS) == holds
    order = rig.frames(agent, "host.limit")[-1]
    assert tuple(order.get(name) for name in LIMITS) == holds
    assert replayed(rig) == rig.engine.state_hash()
    again = Engine.restore(rig.engine.snapshot())
    assert again.state_hash() == rig.engine.state_hash()
    [row] = again.fleet_rows("alice")
    assert (row.image_max_mib, again.host_limit("h-1", "i") is None) == (
        holds[2],
        holds == (None,) * 3,
    )
    assert ("image_max_mib" in told) == (holds[2] is not None)


def test_a_limit_that_holds_already_is_no_news() -> None:
    rig, alice, agent = hosting()
    rig.ask(alice, "host.offer", host="h-1", residual_below_pct=7)
    rows = len(rig.rows)
    again = rig.ask(alice, "host.offer", host="h-1", residual_below_pct=7)["result"]
    assert (again["residual_below_pct"], len(rig.rows)) == (7, rows)
    assert len(rig.frames(agent, "host.limit")) == 1


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"offered": ROOM, "lift": ["offered"]}, "lift"),
        ({"residual_below_pct": 0, "lift": LIFTS}, "lift"),
        ({"lift": ["capacity"]}, "lift[0]"),
        ({"lift": "offered"}, "lift"),
    ],
)
def test_a_lift_that_cannot_be_is_refused(fields: dict[str, Any], named: str) -> None:
    rig, alice, _ = hosting()
    rig.ask(alice, "host.offer", host="h-1", offered=ROOM)
    refused = rig.ask(alice, "host.offer", host="h-1", **fields)
    assert (refused["reason"], refused["field"]) == ("invalid_field", named)
    kept = rig.ask(alice, "host.offer", host="h-1")["result"]
    assert (kept["offered"], kept["residual_below_pct"]) == (ROOM, None)


def test_a_row_of_an_earlier_release_lifts_what_it_does_not_name() -> None:
    """Such rows have no ``lift``; what they did then, they do in every replay."""
    market = Market()
    market.open_account("ann")
    host = market.add_host("ann", 2)
    market.must(HostOffer(req_id=1, host=host, offered=Capacity(**ROOM)), "ann")
    market.must(HostOffer(req_id=2, host=host, residual_below_pct=7), "ann")
    held = market.engine.state.hosts[host]
    assert (held.limit, held.residual_below_pct) == (None, 7)
    assert b"lift" not in msgspec.json.encode(HostOffer(req_id=1, host="h-1"))


def replayed(rig: Rig) -> str:
    engine = Engine(default_config())
    for row in rig.rows:
        engine.apply(read_command(row), row.now_ms)
    return engine.state_hash()
