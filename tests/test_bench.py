"""The benchmark measures what it says: one flow for all engines, the same in every process."""

import pytest

from bench.flow import Flow, Shape, make
from bench.growth import bytes_an_ended_order, start_us
from bench.measure import bytes_a_resting_order, latencies_us, rounds
from bench.report import BASELINE, FULL, Figure, table
from bench.subjects import MAKERS
from exchange.model.ended import BLOCK, KEEP

SMALL = Shape("small", 4, 400, 20, 100, 1_500, seed=3)


@pytest.fixture(scope="module")
def flow() -> Flow:
    return make(SMALL)


def test_a_flow_is_the_same_every_time(flow: Flow) -> None:
    again = make(SMALL)
    assert (again.load, again.timed, again.facts) == (flow.load, flow.timed, flow.facts)
    assert len(flow.load) == SMALL.resting and len(flow.timed) == SMALL.commands


def test_a_flow_keeps_its_depth_and_trades(flow: Flow) -> None:
    adds = [row for row in flow.timed if not row.cancel]
    assert 0.45 < len(adds) / len(flow.timed) < 0.65
    assert 0.8 < sum(qty for _, _, qty in flow.levels) / sum(row.qty for row in flow.load) < 1.2
    both = {(instrument, key > 0) for instrument, key, _ in flow.levels}
    assert len(both) == 2 * SMALL.instruments


def test_all_engines_end_at_the_same_books(flow: Flow) -> None:
    """`rounds` compares the levels of every engine with the flow's in its first round."""
    times = rounds(flow, MAKERS, 1)
    assert all(us > 0 for us in times.us[FULL]) and times.ratio(BASELINE, BASELINE) == 1


def test_an_engine_that_ends_elsewhere_is_found_out(flow: Flow) -> None:
    other = Flow(flow.shape, flow.load, flow.timed[:-100], flow.levels, flow.facts)
    with pytest.raises(AssertionError, match="does not agree"):
        rounds(other, {FULL: MAKERS[FULL]}, 0)


def test_latency_and_memory_are_of_every_command_and_order(flow: Flow) -> None:
    times = latencies_us(flow)
    assert len(times) == SMALL.commands and times == sorted(times)
    assert 300 < bytes_a_resting_order(flow) < 3_000


def test_memory_of_ended_orders_is_of_those_that_are_packed() -> None:
    before = KEEP + BLOCK
    assert 40 < bytes_an_ended_order(before, 3 * BLOCK) < 300


def test_a_start_is_measured_with_rows_and_with_a_snapshot_of_them() -> None:
    """`start_us` compares the snapshot that was read with what it reads again."""
    replayed_us, restored_us = start_us(2 * BLOCK)
    assert replayed_us > 0 < restored_us


@pytest.mark.parametrize(
    ("value", "minimum", "aim", "at_most", "verdict"),
    [
        (2.0, 1.8, 2.5, False, "below aim"),
        (2.6, 1.8, 2.5, False, "ok"),
        (1.7, 1.8, 2.5, False, "FAILED"),
        (1.7, None, 2.5, False, "below aim"),
        (3.0, None, 2.0, True, "below aim"),
        (2.0, None, 2.0, True, "ok"),
        (9.0, None, None, False, ""),
    ],
)
def test_verdicts(
    value: float, minimum: float | None, aim: float | None, at_most: bool, verdict: str
) -> None:
    figure = Figure("flow", "name", value, "x", minimum, aim, at_most)
    assert figure.verdict() == verdict
    assert verdict in table([figure])
