"""What the log of a Manager says of what its core asks for."""

from typing import Any, get_args

import pytest

from exchange.log.line import LogLine, as_json, as_text
from exchange.wire.requests import (
    HostOffer,
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderPlace,
    OrderReplace,
    VmStart,
    VmStop,
)
from manager.core import log_events
from manager.core.messages import (
    DrainBackend,
    Log,
    LogEvent,
    RegisterBackend,
    RemoveBackend,
    Send,
)
from tests.exchange.support.harness import ROOT

SECRET = "fL4g-never-logged"
ORDER = OrderPlace(
    req_id=1,
    client_order_id="rule/burst/5-1",
    symbol="small.eu-de.flat.spot",
    side="buy",
    order_type="limit",
    price_ucr=100_000,
    qty=4,
)
START = VmStart(
    req_id=1,
    lease_id="l-7",
    name="web-1",
    image="ab" * 32,
    cmdline=SECRET,
    user_data=SECRET,
)

OUTS: list[tuple[Any, str]] = [
    (
        Send(ORDER),
        "info order: order rule/burst/5-1: 4 of small.eu-de.flat.spot up to 0.10",
    ),
    (
        Send(OrderCancel(req_id=1, client_order_id="rule/burst/5-1")),
        "info cancel: order rule/burst/5-1: cancel",
    ),
    (Send(START), "info vm_start: start VM web-1 on l-7"),
    (Send(VmStop(req_id=1, vm_id="v-3", grace_ms=5)), "info vm_stop: stop VM v-3"),
    (
        Send(LeaseRelease(req_id=1, lease_id="l-7", units=1)),
        "info release: l-7: release 1 unit",
    ),
    (
        Send(LeaseRelease(req_id=1, lease_id="l-7", at_ms=9)),
        "debug release_scheduled: l-7: release scheduled again, in case this Manager dies",
    ),
    (
        Send(OrderReplace(req_id=1, client_order_id="group/r/h-1/5-1", qty=3, price_ucr=20_000)),
        "debug ask: ask group/r/h-1/5-1: 3 units at 0.02",
    ),
    (
        Send(HostOffer(req_id=1, host="h-1", residual_below_pct=10, lift=[])),
        "info host_limit: h-1: only below 10 % own load",
    ),
    (Send(LeaseRecall(req_id=1, lease_id="l-7")), "info recall: l-7: recalled"),
    (
        RegisterBackend("l-7/0", "192.0.2.7", 30_000, "farm", "/"),
        "info joining: l-7/0: joins farm as 192.0.2.7:30000 once healthy",
    ),
    (DrainBackend("l-7/0"), "info draining: l-7/0: drains"),
    (RemoveBackend("l-7/0"), "info removed: l-7/0: out of the balancer"),
    (Log("rule burst: util > 70: buy 4", "fired"), "info fired: rule burst: util > 70: buy 4"),
    (Log("l-7/0: VM v-3 ended: crashed", "vm_ended"), "warning vm_ended: l-7/0: VM v-3 ended"),
]


def brief(told: LogLine | None) -> str:
    assert told is not None
    assert SECRET not in as_json(told, 1) + as_text(told, 1)
    return f"{told.level} {told.event}: {told.text}"


@pytest.mark.parametrize(("out", "said"), OUTS)
def test_what_the_core_asks_for_is_a_line(out: Any, said: str) -> None:
    assert brief(log_events.of_out(out)).startswith(said)


def test_a_file_that_was_read_again_is_told_with_what_is_new() -> None:
    told = [log_events.reloaded(2, changes).text for changes in (["rule night added"], [])]
    assert told == [
        "the file was read again: rule night added; 2 rules at work",
        "the file was read again: nothing has changed; 2 rules at work",
    ]


def test_every_word_of_the_core_has_a_level() -> None:
    assert set(log_events.LEVELS) == set(get_args(LogEvent))


def test_an_address_loses_its_password() -> None:
    told = log_events.load(f"load http://shop:{SECRET}@192.0.2.7/load: answered 401")
    assert brief(told) == f"warning load_lost: {told.text}"
    assert "http://192.0.2.7/load" in as_text(told, 1)


def test_every_event_is_on_the_administrators_page() -> None:
    page = (ROOT / "docs" / "manager.md").read_text()
    told = [log_events.of_out(out) for out, _ in OUTS]
    events = {line.event for line in told if line is not None} | set(log_events.LEVELS)
    assert [event for event in sorted(events) if f"`{event}`" not in page] == []
