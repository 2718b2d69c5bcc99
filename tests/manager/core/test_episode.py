"""Episodes through the pure core: from a rule that fires to units given back."""

import pytest

from exchange.wire.frames import (
    Charge,
    ErrorReply,
    LeaseUpdate,
    Notice,
    OrderUpdate,
    VmUpdate,
)
from exchange.wire.requests import LeaseRelease, OrderCancel, OrderPlace, VmStart, VmStop
from exchange.wire.terms import FAILURE_FAULTS
from exchange.wire.types import Endpoint
from manager.core.farm import DEFAULT_LEAVE_MS
from manager.core.messages import (
    BackendFailed,
    Connected,
    Disconnected,
    LoadSample,
    Log,
    RegisterBackend,
    RemoveBackend,
)
from tests.manager.farm import (
    BOOT_MS,
    BURST,
    CALM,
    MINUTE_MS,
    NOTICE_MS,
    PRICE_UCR,
    STALE_MS,
    START_MS,
    WEB,
    Farm,
    drained,
    fail,
    new_manager,
    requests,
)


def busy_farm(units: int = 4) -> Farm:
    """Return a farm whose 4 bought units are in service."""
    farm = Farm(BURST, CALM)
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS)
    assert farm.counts() == (units, 0, units)
    farm.paper.outs.clear()
    return farm


def test_a_full_episode() -> None:
    """Buy -> start -> ready -> balancer -> calm -> drain -> stop -> release, in that order."""
    farm = Farm(BURST, CALM)
    farm.load(90, for_ms=2 * MINUTE_MS - 1)
    assert requests(farm.paper.outs, OrderPlace) == [], "70 % has not held for 2 minutes yet"
    farm.paper.advance(START_MS + 2 * MINUTE_MS)
    [order] = requests(farm.paper.outs, OrderPlace)
    assert (order.symbol, order.qty, order.price_ucr) == ("small.eu-de.flat.spot", 4, 100_000)
    assert order.time_in_force == "ioc"
    assert order.client_order_id.startswith(f"rule/burst/{START_MS + 2 * MINUTE_MS}-")
    starts = requests(farm.paper.outs, VmStart)
    assert [start.image for start in starts] == [WEB.image] * 4
    assert farm.counts() == (0, 4, 4)

    farm.load(90, for_ms=BOOT_MS)
    registered = [out for out in farm.paper.outs if isinstance(out, RegisterBackend)]
    assert [(out.port, out.backend, out.health) for out in registered] == [
        (80, "farm", "/healthz")
    ] * 4
    assert farm.counts() == (4, 0, 4)

    farm.paper.outs.clear()
    farm.load(50, for_ms=15 * MINUTE_MS)  # 25 % of what is in service now
    kinds = [type(out).__name__ for out in farm.paper.outs]
    assert kinds.index("DrainBackend") < kinds.index("RemoveBackend")
    assert len(requests(farm.paper.outs, VmStop)) == 4
    released = [r for r in requests(farm.paper.outs, LeaseRelease) if r.at_ms is None]
    assert len(released) == 4
    assert farm.counts() == (0, 0, 0)
    assert farm.paper.leases == {}


def test_units_under_way_are_not_bought_twice() -> None:
    farm = Farm(BURST, CALM)
    farm.load(110, for_ms=2 * MINUTE_MS + BOOT_MS - 1)  # still 110 % of what is ready
    assert len(requests(farm.paper.outs, OrderPlace)) == 1


def test_what_nobody_offers_rests_for_the_cooldown() -> None:
    farm = Farm(BURST, CALM, supply=1)
    farm.load(200, for_ms=2 * MINUTE_MS)
    first, rest = requests(farm.paper.outs, OrderPlace)
    assert (first.qty, first.time_in_force) == (4, "ioc")
    assert (rest.qty, rest.time_in_force, rest.price_ucr) == (3, "gtd", 100_000)
    assert rest.expire_ms == farm.now_ms + MINUTE_MS
    assert first.client_order_id != rest.client_order_id
    assert farm.counts() == (0, 4, 4)
    farm.paper.advance(farm.now_ms + MINUTE_MS)
    assert len(requests(farm.paper.outs, OrderPlace)) == 4, "expired, cooled down: tried again"


def test_a_zone_that_sells_nothing_is_followed_by_the_next() -> None:
    farm = Farm(BURST | {"zones": ["eu-de", "eu-fr"], "cooldown": "1s"}, supply=1)
    farm.load(90, for_ms=2 * MINUTE_MS)
    orders = requests(farm.paper.outs, OrderPlace)[:2]
    assert [(order.symbol, order.qty) for order in orders] == [
        ("small.eu-de.flat.spot", 4),
        ("small.eu-fr.flat.spot", 3),
    ]
    rests = requests(farm.paper.outs, OrderPlace)[2]
    assert (rests.symbol, rests.qty, rests.time_in_force) == ("small.eu-de.flat.spot", 3, "gtd")


def test_a_refused_order_is_one_line_and_costs_nothing() -> None:
    manager = new_manager(BURST | {"when": "util > 70"})
    manager.apply(Connected(0, [], [], []), START_MS)
    [order] = requests(manager.apply(LoadSample(900.0, START_MS), START_MS), OrderPlace)
    outs = manager.apply(
        ErrorReply(order.req_id, "insufficient_funds", "0 available"), START_MS + 120_001
    )
    assert [str(getattr(out, "text", "")) for out in outs] == [
        "no load for 60 s; no rule acts until there is one",
        "rule burst: order for small.eu-de.flat.spot refused: insufficient_funds: 0 available",
    ]
    assert manager.reading().paid == 0


def test_a_purchase_takes_draining_units_back_first() -> None:
    farm = busy_farm()
    units = [unit for _, unit in farm.manager.rented.units()]
    outs = farm.manager.apply(LoadSample(300.0, farm.now_ms), farm.now_ms)
    at_ms = farm.now_ms + 10 * MINUTE_MS
    for sample_ms in range(farm.now_ms, at_ms, MINUTE_MS):
        outs += farm.manager.apply(LoadSample(300.0, sample_ms), sample_ms)
    outs = farm.manager.apply(LoadSample(300.0, at_ms), at_ms)
    assert len(drained(outs)) == 2
    assert farm.manager.reading().bought == 2
    for step in range(4):
        outs = farm.manager.apply(LoadSample(1500.0, at_ms + step * 40_000), at_ms + step * 40_000)
    assert [type(out) for out in outs][:2] == [RegisterBackend, RegisterBackend]
    assert [order.qty for order in requests(outs, OrderPlace)] == [2]
    assert [unit.state for unit in units].count("joining") == 2


def test_the_most_expensive_goes_first() -> None:
    farm = busy_farm()
    prices = (20_000, 50_000, 30_000, 50_000)
    for lease, price_ucr in zip(farm.manager.rented.leases.values(), prices, strict=True):
        lease.price_ucr = price_ucr
    leases = list(farm.manager.rented.leases)
    farm.load(30, for_ms=10 * MINUTE_MS)
    assert drained(farm.paper.outs) == [f"{leases[3]}-0", f"{leases[1]}-0"], "the newest first"


def test_a_lost_host_leaves_the_balancer_and_is_replaced() -> None:
    farm = busy_farm()
    lease_id = next(iter(farm.paper.leases))
    farm.load(160)
    farm.paper.end(lease_id, "host_lost")
    farm.load(160, for_ms=2 * MINUTE_MS)
    assert RemoveBackend(f"{lease_id}-0") in farm.paper.outs
    assert [order.qty for order in requests(farm.paper.outs, OrderPlace)] == [1, 4]


def test_a_recalled_unit_drains_and_stops_but_is_not_released() -> None:
    """Its end pays the bond; a release before would owe 5 minutes and forgo it."""
    farm = busy_farm()
    lease_id = next(iter(farm.paper.leases))
    farm.paper.advance(farm.now_ms + STALE_MS + 1)  # nothing is bought for it
    farm.paper.feed(notice(farm, "recall", lease_id), farm.now_ms)
    farm.paper.advance(farm.now_ms + NOTICE_MS - DEFAULT_LEAVE_MS - 1)
    assert drained(farm.paper.outs) == []
    assert farm.counts() == (4, 0, 3)
    farm.paper.advance(farm.now_ms + 1)
    assert drained(farm.paper.outs) == [f"{lease_id}-0"]
    assert len(requests(farm.paper.outs, VmStop)) == 1
    assert requests(farm.paper.outs, LeaseRelease) == []
    assert farm.counts() == (3, 0, 3)
    farm.paper.end(lease_id, "recalled")
    farm.paper.advance(farm.now_ms)
    assert farm.counts() == (3, 0, 3)


def test_a_vm_that_ran_and_failed_is_started_once_more() -> None:
    farm = busy_farm()
    lease_id = next(iter(farm.paper.leases))
    fail(farm, lease_id)
    [again] = requests(farm.paper.outs, VmStart)
    assert again.name == f"web-{lease_id}-0.2"
    farm.paper.advance(farm.now_ms + BOOT_MS)
    assert farm.counts() == (4, 0, 4)
    fail(farm, lease_id)
    assert len(requests(farm.paper.outs, VmStart)) == 1, "twice is enough"
    assert [r.lease_id for r in requests(farm.paper.outs, LeaseRelease)] == [lease_id]


def test_a_failed_launch_is_left_to_the_exchange() -> None:
    """It ends the unit and pays the bond (rules.md 5.8); a release would forgo it."""
    farm = Farm(BURST, CALM)
    farm.load(90, for_ms=2 * MINUTE_MS)
    lease_id = next(iter(farm.paper.leases))
    farm.paper.outs.clear()
    fail(farm, lease_id)
    assert [type(out) for out in farm.paper.outs[1:]] == [Log]  # its host is avoided
    farm.paper.end(lease_id, "launch_failed")
    farm.paper.advance(farm.now_ms)
    assert farm.counts() == (0, 3, 3)


@pytest.mark.parametrize("reason", sorted(FAILURE_FAULTS))
def test_a_launch_that_failed_by_our_own_fault_ends_no_unit(reason: str) -> None:
    """The exchange pays no bond and the lease lives on: so the Manager acts, once more, then gives
    the unit back. (Seen to fail for two reasons that only the exchange knew.)"""
    farm = Farm(BURST, CALM)
    farm.load(90, for_ms=2 * MINUTE_MS)
    lease_id = next(iter(farm.paper.leases))
    farm.paper.outs.clear()
    fail(farm, lease_id, reason)
    assert [start.lease_id for start in requests(farm.paper.outs, VmStart)] == [lease_id]


def test_a_server_that_never_passes_its_probe_is_given_back() -> None:
    farm = busy_farm()
    lease_id = next(iter(farm.paper.leases))
    farm.paper.feed(BackendFailed(f"{lease_id}-0", "no answer"), farm.now_ms)
    farm.paper.advance(farm.now_ms)
    assert RemoveBackend(f"{lease_id}-0") in farm.paper.outs
    assert farm.counts() == (3, 0, 3)


def test_while_a_burst_runs_its_release_is_scheduled_ahead_and_renewed() -> None:
    farm = busy_farm()
    farm.load(90, for_ms=30 * MINUTE_MS)
    timers = requests(farm.paper.outs, LeaseRelease)
    assert len(timers) == 3 * 4, "each of 4 leases every 10 minutes"
    assert all(timer.units is None for timer in timers)
    latest = max(timer.at_ms for timer in timers)
    assert farm.now_ms + 20 * MINUTE_MS <= latest <= farm.now_ms + 30 * MINUTE_MS


def test_a_refused_schedule_is_logged_once_and_the_burst_goes_on() -> None:
    farm = Farm(BURST)
    farm.load(90, for_ms=2 * MINUTE_MS)
    timers = [r for r in requests(farm.paper.outs, LeaseRelease) if r.at_ms is not None]
    manager = new_manager(BURST)
    manager.apply(farm.paper.connected(), farm.now_ms)
    outs = manager.wake(farm.now_ms)
    for timer in timers:
        outs += manager.apply(ErrorReply(timer.req_id, "invalid_field", "at_ms"), farm.now_ms)
    assert manager.reading().pending == 4


@pytest.mark.parametrize("minute", range(1, 26))
def test_a_restart_at_any_moment_reaches_the_same_end(minute: int) -> None:
    """Whatever the Manager was doing, a new one finds it in the account and ends it."""
    farm = Farm(BURST, CALM)
    profile = [(90, 5), (50, 25), (10, 15)]
    for util, minutes in profile:
        for _ in range(minutes):
            farm.load(util, for_ms=MINUTE_MS)
            if farm.now_ms == START_MS + minute * MINUTE_MS:
                farm.restart()
    assert farm.counts() == (0, 0, 0)
    assert farm.paper.leases == {}
    names = [start.name for start in requests(farm.paper.outs, VmStart)]
    assert len(names) == 4, "no VM was started twice"
    assert sum(order.qty for order in requests(farm.paper.outs, OrderPlace)) == 4


def test_a_restart_keeps_the_cooldown() -> None:
    farm = Farm(BURST | {"cooldown": "30m"}, supply=1)
    farm.load(200, for_ms=2 * MINUTE_MS)
    before = len(requests(farm.paper.outs, OrderPlace))
    farm.restart()
    farm.load(200, for_ms=10 * MINUTE_MS)
    assert len(requests(farm.paper.outs, OrderPlace)) == before


def test_a_lost_connection_asks_again_only_for_what_is_missing() -> None:
    farm = busy_farm()
    farm.paper.feed(Disconnected(), farm.now_ms)
    lease_id = next(iter(farm.paper.leases))
    farm.paper.end(lease_id, "host_lost")
    farm.paper._later.clear()  # the frame is lost with the connection
    farm.load(200, for_ms=5 * MINUTE_MS)
    assert requests(farm.paper.outs, OrderPlace) == [], "nothing is asked while disconnected"
    farm.paper.feed(farm.paper.connected(), farm.now_ms)
    assert RemoveBackend(f"{lease_id}-0") in farm.paper.outs
    assert requests(farm.paper.outs, VmStart)[:-4] == []
    assert farm.counts()[0] == 3


def test_a_lease_of_several_units_shrinks_by_what_was_leaving() -> None:
    manager = new_manager(BURST, CALM)
    row = lease_row("l-1", units=3)
    vms = [vm_row("l-1", number, f"v-{number}") for number in range(3)]
    outs = manager.apply(Connected(0, [], [row], vms), START_MS)
    assert [out.server for out in outs if isinstance(out, RegisterBackend)] == [
        "l-1-0",
        "l-1-1",
        "l-1-2",
    ]
    manager.apply(vm_row("l-1", 1, "v-1", state="stopping", account_seq=1), START_MS)
    manager.apply(lease_row("l-1", units=2, account_seq=2), START_MS)
    assert [unit.number for _, unit in manager.rented.units()] == [0, 2]


def test_resting_bids_are_canceled_when_the_load_is_gone() -> None:
    manager = new_manager(BURST, CALM | {"when": "util < 40"})
    resting = OrderUpdate(
        0,
        0,
        0,
        "o-1",
        f"rule/burst/{START_MS - 1}-1",
        "s",
        "buy",
        "new",
        "new",
        3,
        0,
        3,
        0,
        100_000,
    )
    manager.apply(Connected(0, [resting], [], []), START_MS)
    assert manager.reading().pending == 3
    outs = manager.apply(LoadSample(0.0, START_MS), START_MS)
    assert [c.client_order_id for c in requests(outs, OrderCancel)] == [resting.client_order_id]


def test_other_leases_of_the_account_are_left_alone() -> None:
    manager = new_manager(BURST, CALM)
    bought_by_hand = lease_row("l-1", units=1, client_order_id="tui-7")
    sold = lease_row("l-2", units=1, side="sell")
    manager.apply(Connected(0, [], [bought_by_hand, sold], []), START_MS)
    assert manager.reading().paid == 0


def test_the_days_budget_cuts_a_purchase_and_then_gives_back() -> None:
    """Spent plus held stays within budget_day: 0.25 a day pays 2 units at up to 0.10."""
    farm = Farm(BURST | {"budget_day": 0.25}, CALM)
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS)
    assert [order.qty for order in requests(farm.paper.outs, OrderPlace)] == [2]
    lease_id = next(iter(farm.paper.leases))
    farm.paper.outs.clear()
    charge = Charge(farm.paper._frame_head()[0], 0, 0, lease_id, 0, 0, 250_000 - PRICE_UCR)
    farm.paper.feed(charge, farm.now_ms)
    assert len(drained(farm.paper.outs)) == 1, "an hour of one unit is left"


def notice(farm: Farm, kind: str, lease_id: str) -> Notice:
    return Notice(*farm.paper._frame_head(), kind, lease_id, "h-1", 1, farm.now_ms + 120_000)


def lease_row(
    lease_id: str,
    units: int,
    client_order_id: str = f"rule/burst/{START_MS - 3_600_000}-1",
    side: str = "buy",
    account_seq: int = 0,
) -> LeaseUpdate:
    assert side in ("buy", "sell")
    row = LeaseUpdate(
        account_seq, 0, START_MS, lease_id, "t-1", "s", "buy", "h-1", units, PRICE_UCR, "active",
        START_MS - 3_600_000, 0, client_order_id,
    )  # fmt: skip
    if side == "sell":
        row.side = "sell"
    return row


def vm_row(
    lease_id: str, number: int, vm_id: str, state: str = "running", account_seq: int = 0
) -> VmUpdate:
    row = VmUpdate(
        account_seq, 0, START_MS, vm_id, lease_id, f"web-{lease_id}-{number}", "running",
        [Endpoint(80, "192.0.2.1", 8000 + number)], None, START_MS,
    )  # fmt: skip
    if state == "stopping":
        row.state = "stopping"
    return row
