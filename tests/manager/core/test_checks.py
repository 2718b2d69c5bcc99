"""What a rule needs of the exchange is looked at after the login, told once, and blocks it."""

from typing import Any

import pytest
from msgspec.structs import replace

from exchange.wire.frames import Ack, ErrorReply, InstrumentUpdate
from exchange.wire.requests import ImageStat, OrderPlace
from manager.core.core import Manager
from manager.core.messages import Connected, InstrumentsKnown, LoadSample, Log, Out
from tests.manager.farm import BURST, CALM, MINUTE_MS, START_MS, WEB, new_manager, requests

SMALL = InstrumentUpdate(
    "small.eu-de.flat.spot", "open", 1_000, "small", "eu-de", "DE", "flat", "spot"
)
RULE = BURST | {"when": "util > 70", "zones": ["eu-de"]}


def named(symbol: str) -> InstrumentUpdate:
    class_name, zone, pricing, _ = symbol.split(".")
    return replace(SMALL, symbol=symbol, class_=class_name, zone=zone, pricing=pricing)


def logged_in(rule: dict[str, Any], *instruments: InstrumentUpdate) -> tuple[Manager, list[Out]]:
    manager = new_manager(rule, CALM)
    outs = manager.apply(Connected(0, [], [], []), START_MS)
    for instrument in instruments:
        outs += manager.apply(instrument, START_MS)
    known = InstrumentsKnown(frozenset(row.symbol for row in instruments))
    outs += manager.apply(known, START_MS)
    return manager, outs


def told(outs: list[Out]) -> list[str]:
    return [out.text for out in outs if isinstance(out, Log)]


def state(manager: Manager) -> tuple[str, tuple[str, ...]]:
    row = manager.rule_states()[0]
    return row.state, row.reasons


WRONG: list[tuple[dict[str, Any], InstrumentUpdate, str]] = [
    ({}, named("small.eu-fr.flat.spot"), "zone 'eu-de' is not at the exchange, which has eu-fr"),
    ({}, named("large.eu-de.flat.spot"), "class 'small' is not at the exchange, which has large"),
    ({}, named("small.eu-de.metered.spot"),
     "pricing 'flat' is not at the exchange, which has metered"),
    ({}, replace(SMALL, state="halted"), "small.eu-de.flat.spot is halted"),
    ({"price_max": 0.0001}, SMALL,
     "price_max is below small.eu-de.flat.spot's tick of 0.001000 credits"),
    ({}, replace(SMALL, band_low_ucr=200_000),
     "price_max is below small.eu-de.flat.spot's lowest price of 0.200000 credits"),
    ({}, replace(SMALL, delivery="window"), "zone 'eu-de' is not at the exchange, which has none"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "instrument", "problem"), WRONG)
def test_what_is_wrong_is_told_once_and_blocks_until_it_is_right(
    rule: dict[str, Any], instrument: InstrumentUpdate, problem: str
) -> None:
    manager, outs = logged_in(RULE | rule, instrument)
    assert told(outs) == [f"rule burst: blocked: {problem}"]
    assert state(manager) == ("blocked", (problem,))
    assert manager.rule_states()[1].state == "ready", "others go on"
    outs = manager.apply(LoadSample(900.0, START_MS + 1), START_MS + 1)
    assert requests(outs, OrderPlace) == []
    assert told(manager.apply(instrument, START_MS + 2)) == []
    fine = replace(SMALL, tick_ucr=1, band_low_ucr=None)
    outs = manager.apply(fine, START_MS + 3)
    assert told(outs)[0] == "rule burst: what was wrong is right now"
    assert len(requests(outs, OrderPlace)) == 1


def test_a_rule_goes_on_in_the_zone_that_is_right() -> None:
    manager, outs = logged_in(RULE | {"zones": ["eu-xx", "eu-de"]}, SMALL)
    assert told(outs) == ["rule burst: zone 'eu-xx' is not at the exchange, which has eu-de"]
    assert state(manager)[0] == "ready"


def test_an_image_that_is_missing_blocks_until_it_is_there() -> None:
    manager, outs = logged_in(RULE, SMALL)
    [asked] = requests(outs, ImageStat)
    assert asked.sha256 == WEB.image
    unknown = ErrorReply(asked.req_id, "image_unknown", "you have no image with this digest")
    outs = manager.apply(unknown, START_MS)
    problem = f"vm web: image {WEB.image[:12]} is not in the exchange's store"
    assert told(outs) == [f"rule burst: blocked: {problem}"]
    assert state(manager) == ("blocked", (problem,))
    assert manager.next_deadline_ms() == START_MS + MINUTE_MS
    [again] = requests(manager.wake(START_MS + MINUTE_MS), ImageStat)
    assert told(manager.apply(replace(unknown, req_id=again.req_id), START_MS + MINUTE_MS)) == []
    [last] = requests(manager.wake(START_MS + 2 * MINUTE_MS), ImageStat)
    outs = manager.apply(Ack(last.req_id, result={}), START_MS + 2 * MINUTE_MS)
    assert "rule burst: what was wrong is right now" in told(outs)


def test_an_instrument_that_is_gone_after_a_reconnect_blocks() -> None:
    manager, _ = logged_in(RULE, SMALL)
    outs = manager.apply(InstrumentsKnown(frozenset()), START_MS + 1)
    assert told(outs) == [
        "rule burst: blocked: zone 'eu-de' is not at the exchange, which has none"
    ]


def test_before_the_list_is_complete_nothing_is_said() -> None:
    manager = new_manager(RULE)
    manager.apply(Connected(0, [], [], []), START_MS)
    assert told(manager.apply(named("large.eu-fr.flat.spot"), START_MS)) == []
    assert state(manager) == ("ready", ())
