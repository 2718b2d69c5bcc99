"""What a Manager does all the time is in the Log, and no toast; what happens to a person is one."""

import pytest

from exchange.wire.frames import AccountFrame, LeaseUpdate, OrderUpdate, VmUpdate
from tui.view.model import STANDS_MS, Model

STAMP = (1, 2, 3)


def order(client_order_id: str) -> OrderUpdate:
    return OrderUpdate(
        *STAMP,
        order_id="o-1",
        client_order_id=client_order_id,
        symbol="small.eu-de.flat.spot",
        side="sell",
        exec="canceled",
        status="canceled",
        order_qty=1,
        filled_qty=0,
        leaves_qty=0,
        filled_notional_ucr=0,
        price_ucr=31_200,
        reason="user",
    )


def ended(side: str) -> LeaseUpdate:
    return LeaseUpdate(
        *STAMP,
        lease_id="l-1",
        trade_id="t-1",
        symbol="small.eu-de.flat.spot",
        side="sell" if side == "sell" else "buy",
        host="h-1",
        units=1,
        price_ucr=31_200,
        state="ended",
        start_ms=1,
        charged_ucr=0,
    )


@pytest.mark.parametrize(
    ("frame", "quiet"),
    [
        (order("group/rack-7/r7-01/1"), True),
        (order("rule/burst/7"), True),
        (order("mine-1"), False),
        (ended("sell"), True),
        (ended("buy"), False),
        (VmUpdate(*STAMP, "v-1", "l-1", "web", "running", []), True),
        (VmUpdate(*STAMP, "v-1", "l-1", "web", "running", [], ready_ms=9), False),
        (VmUpdate(*STAMP, "v-1", "l-1", "web", "failed", []), False),
    ],
)
def test_what_is_routine_is_quiet(frame: AccountFrame, quiet: bool) -> None:
    model = Model()
    model.apply(frame, 5)
    [entry] = model.log.entries
    assert entry.quiet == quiet


def test_what_came_of_a_persons_act_is_not_covered_at_once() -> None:
    model = Model()
    mine, managers = order("tui/1/1"), order("group/rack-7/r7-01/1")
    model.apply(managers, 1)
    model.apply(mine, 2)
    own = model.message
    assert own is not None and own.at_ms == 2
    model.apply(managers, 1 + STANDS_MS)
    assert model.message is own
    model.apply(managers, 2 + STANDS_MS)
    assert model.message is not own
    model.apply(managers, 3 + STANDS_MS)
    assert model.message.at_ms == 3 + STANDS_MS
    assert [entry.quiet for entry in model.log.entries].count(True) == 4
