"""Laws that hold whatever the load, the market and the hosts do.

Each was seen to fail on a planted bug: `Rules._room` without ``reading.paid`` breaks the first,
`Bursts.leave` that stops a unit in service at once breaks the second, `Manager.reading` that never
calls a sample stale the third, `Rules._cooled` that is always true the fourth.
"""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from exchange.wire.requests import LeaseRelease, OrderPlace
from manager.core.messages import (
    DrainBackend,
    LoadSample,
    RegisterBackend,
    RemoveBackend,
    Send,
)
from tests.manager.farm import BOOT_MS, BURST, CALM, MINUTE_MS, STALE_MS, Farm, requests

MAX_UNITS = 6
RULES = (
    BURST | {"when": "util > 70 for 1m", "max_units": MAX_UNITS},
    BURST | {"name": "flash", "when": "util > 120", "do": "buy to 5", "max_units": MAX_UNITS},
    CALM | {"when": "util < 40 for 2m"},
    CALM | {"name": "night", "when": "load < 50", "do": "release all", "cooldown": "5m"},
)
COOLDOWN_MS = {"burst": 60_000, "flash": 60_000, "calm": 120_000, "night": 300_000}

steps = st.one_of(
    st.tuples(st.just("load"), st.integers(0, 400)),
    st.tuples(st.just("silence"), st.integers(1, 5)),
    st.tuples(st.just("lost"), st.integers(0, 20)),
    st.tuples(st.just("restart"), st.just(0)),
)
runs = st.lists(steps, min_size=1, max_size=25)
EPISODE = [("load", 90)] * 6 + [("load", 20)] * 12
"""A whole episode, which random plans seldom hit."""


def run(farm: Farm, plan: list[tuple[str, int]]) -> None:
    """Play ``plan``: loads of a minute each, hosts that vanish, samples that do not come."""
    for kind, value in plan:
        match kind:
            case "load":
                farm.load(value, for_ms=MINUTE_MS)
            case "silence":
                farm.paper.advance(farm.now_ms + value * MINUTE_MS)
            case "lost":
                if farm.paper.leases:
                    leases = list(farm.paper.leases)
                    farm.paper.end(leases[value % len(leases)], "host_lost")
            case _:
                farm.restart()


@settings(max_examples=60, deadline=None)
@given(plan=runs, supply=st.one_of(st.none(), st.integers(0, 8)))
def test_never_more_than_max_units_on_order_booting_or_paid_for(
    plan: list[tuple[str, int]], supply: int | None
) -> None:
    farm = Farm(*RULES, supply=supply)
    for step in plan:
        run(farm, [step])
        assert farm.manager.reading().paid <= MAX_UNITS
        assert len(farm.paper.leases) <= MAX_UNITS


@settings(max_examples=60, deadline=None)
@given(plan=runs)
@example(plan=EPISODE)
def test_a_unit_in_service_is_drained_before_it_is_released(plan: list[tuple[str, int]]) -> None:
    farm = Farm(*RULES)
    run(farm, plan)
    in_service: dict[str, bool] = {}
    for out in farm.paper.outs:
        match out:
            case RegisterBackend(server):
                in_service[server] = True
            case DrainBackend(server) | RemoveBackend(server):
                in_service[server] = False
            case Send(LeaseRelease(at_ms=None) as release):
                assert not in_service.get(f"{release.lease_id}-0", False)
            case _:
                pass


@settings(max_examples=60, deadline=None)
@given(plan=runs)
def test_without_a_fresh_sample_no_rule_fires(plan: list[tuple[str, int]]) -> None:
    farm = Farm(*RULES)
    run(farm, plan)
    farm.paper.advance(farm.now_ms + STALE_MS + BOOT_MS)
    seen = len(farm.paper.log)
    farm.paper.advance(farm.now_ms + 60 * MINUTE_MS)
    assert [line for _, line, _ in farm.paper.log[seen:] if line.startswith("rule")] == []


@settings(max_examples=60, deadline=None)
@given(plan=st.lists(steps.filter(lambda step: step[0] != "restart"), min_size=1, max_size=25))
@example(plan=EPISODE)
def test_within_its_cooldown_a_rule_does_not_fire_again(plan: list[tuple[str, int]]) -> None:
    farm = Farm(*RULES)
    run(farm, plan)
    fired: dict[str, int] = {}
    for at_ms, line, _ in farm.paper.log:
        words = line.split(": ")
        if len(words) == 3 and words[2].startswith(("buy", "take back", "release", "cancel")):
            name = words[0].removeprefix("rule ")
            replaced = words[1].endswith("recalled or lost")  # at once, whenever it fired
            assert replaced or at_ms - fired.get(name, -COOLDOWN_MS[name]) >= COOLDOWN_MS[name]
            fired[name] = at_ms


@settings(max_examples=40, deadline=None)
@given(plan=runs)
def test_equal_messages_give_equal_outs(plan: list[tuple[str, int]]) -> None:
    one, two = Farm(*RULES), Farm(*RULES)
    run(one, plan)
    run(two, plan)
    assert one.paper.outs == two.paper.outs


@settings(max_examples=40, deadline=None)
@given(plan=runs)
def test_when_the_load_is_gone_everything_is_given_back(plan: list[tuple[str, int]]) -> None:
    farm = Farm(*RULES)
    run(farm, plan)
    farm.load(0, for_ms=20 * MINUTE_MS)
    assert farm.paper.leases == {}
    assert farm.counts() == (0, 0, 0)


def test_a_late_wake_up_changes_nothing() -> None:
    """Settle, then handle: what is due fires at its own time, whoever calls and when."""
    early, late = Farm(BURST), Farm(BURST)
    for farm in (early, late):
        farm.load(90, for_ms=MINUTE_MS)
    for step in range(1, 6):
        early.paper.advance(early.now_ms + 9_000 + step)
    sample = LoadSample(100.0, late.now_ms + 60_001)
    early.paper.feed(sample, sample.at_ms)
    outs = late.manager.apply(sample, sample.at_ms)
    [order] = requests(outs, OrderPlace)
    [same] = requests(early.paper.outs, OrderPlace)
    assert order.client_order_id == same.client_order_id
