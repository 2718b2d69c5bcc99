"""Faults that overlap: what is struck is as it was before once the last of them is over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.units import MS_PER_SECOND
from sim.run.stage import Stage
from sim.run.world import World
from tests.sim.run.test_faults import SELLER, fault
from tests.sim.scenes import scene, world


class Case(NamedTuple):
    kind: str
    keys: dict[str, object]
    struck: Callable[[Stage], Any]
    calm: Any
    """What ``struck`` gives without a fault; during one it is something else."""


def second_host(stage: Stage) -> bool:
    return stage.hosts_of["uni-lab"][1].running


def farm_reached(stage: Stage) -> bool:
    return not stage.connections("shop")[0].cut_off


def seller(stage: Stage) -> Any:
    return stage.robots["uni-lab"].robot


CASES = [
    Case("host_crash", {"seller": SELLER, "hosts": 2}, second_host, True),
    Case("partition", {"between": '["farm", "exchange"]'}, farm_reached, True),
    Case("price_spike", {"factor": 3.0}, lambda stage: seller(stage)._factor, 1.0),
    Case("seller_withdraw", {"seller": SELLER}, lambda stage: seller(stage)._selling, True),
    Case("slow_boot", {"factor": 2.0}, lambda stage: stage.boots.fault_of("uni-lab").factor, 1.0),
    Case("boot_failures", {"fail": 1.0}, lambda stage: stage.boots.fault_of("uni-lab").fail, None),
    Case("stale_metrics", {}, lambda stage: stage.metrics_stale, False),
    Case("exchange_restart", {}, lambda stage: stage.marketplace.up, True),
]
SPANS = st.tuples(st.integers(1, 20), st.integers(1, 15)).map(
    lambda one: (one[0] * 10, one[1] * 10)
)


def at(lived: World, second: int) -> None:
    """Let the run come to half a second after ``second``."""
    begin_ms = lived.scenario.start_ms
    lived.stage.env.run(until=begin_ms + second * MS_PER_SECOND + MS_PER_SECOND // 2)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spans=st.lists(SPANS, min_size=2, max_size=3, unique=True))
def test_each_fault_ends_only_itself(
    tmp_path: Path, case: Case, spans: list[tuple[int, int]]
) -> None:
    """(Seen to fail: the first end of two crashes brought the host back.)"""
    texts = [fault(case.kind, **case.keys, at_s=at_s, for_s=for_s) for at_s, for_s in spans]
    lived = world(tmp_path, scene("".join(texts)))
    lived.begin()
    for second in range(5, 400, 10):
        at(lived, second)
        struck = any(at_s <= second < at_s + for_s for at_s, for_s in spans)
        assert (case.struck(lived.stage) != case.calm) == struck, (second, spans)


def test_factors_of_faults_multiply_while_both_last(tmp_path: Path) -> None:
    first = fault("price_spike", factor=2.0, at_s=10, for_s=40)
    second = fault("price_spike", factor=3.0, at_s=20, for_s=10, seller=SELLER)
    lived = world(tmp_path, scene(first + second))
    lived.begin()
    found = []
    for moment in (5, 15, 25, 35, 55):
        at(lived, moment)
        found.append(seller(lived.stage)._factor)
    assert found == [1.0, 2.0, 6.0, 2.0, 1.0]


def test_hosts_are_named_by_number(tmp_path: Path) -> None:
    crash = fault("host_crash", seller=SELLER, hosts=[3, 1], at_s=10)
    back = fault("host_return", seller=SELLER, hosts=[3], at_s=20)
    lived = world(tmp_path, scene(crash + back))
    lived.begin()
    at(lived, 15)
    assert [host.running for host in lived.stage.hosts_of["uni-lab"]] == [False, True, False]
    at(lived, 25)
    assert [host.running for host in lived.stage.hosts_of["uni-lab"]] == [False, True, True]


def test_a_return_ends_no_crash_that_has_an_end_of_its_own(tmp_path: Path) -> None:
    texts = [
        fault("host_crash", seller=SELLER, hosts=[2], at_s=10),
        fault("host_crash", seller=SELLER, hosts=[2], at_s=20, for_s=40),
        fault("host_return", seller=SELLER, hosts=[2], at_s=30),
    ]
    lived = world(tmp_path, scene("".join(texts)))
    lived.begin()
    at(lived, 35)
    assert not second_host(lived.stage)
    at(lived, 65)
    assert second_host(lived.stage)


def test_a_partition_that_was_healed_does_not_break_the_next_one_early(tmp_path: Path) -> None:
    """The timeout of pings runs anew. (Seen to fail: that of the first partition struck.)"""
    between = '["farm", "exchange"]'
    texts = [fault("partition", between=between, at_s=at_s, for_s=15) for at_s in (100, 118)]
    lived = world(tmp_path, scene("".join(texts)))
    lived.begin()
    connection = lived.stage.connections("shop")[0]
    for second in range(100, 140):
        at(lived, second)
        assert connection.up, second
