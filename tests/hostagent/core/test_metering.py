"""Counters that belong to a boot and never go back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostagent.core.metering import Meter, cpu_pct
from hostagent.core.ports import Reading

counters = st.integers(0, 10_000)
readings = st.builds(Reading, counters, counters, counters, counters, counters)


@given(st.lists(readings, min_size=1))
def test_reports_never_go_back_in_whatever_order_readings_come(told: list[Reading]) -> None:
    meter = Meter("b")
    sent = []
    for reading in told:
        meter.observe(reading)
        if meter.has_news():
            sent.append(meter.report(1, "v-1"))
    assert sent
    for before, after in pairwise(sent):
        assert before.at_ms <= after.at_ms
        assert before.cpu_ms_total <= after.cpu_ms_total
        assert before.net_rx_total <= after.net_rx_total
        assert before.net_tx_total <= after.net_tx_total


def test_the_same_reading_is_no_news() -> None:
    meter = Meter("b")
    assert not meter.has_news()
    meter.observe(Reading(1, 2, 3))
    meter.report(1, "v-1")
    meter.observe(Reading(1, 2, 3))
    assert not meter.has_news()


@pytest.mark.parametrize(
    ("before", "after", "pct"),
    [
        (Reading(0, 0, 1), Reading(1000, 500, 1), 25.0),  # half a vCPU of two
        (None, Reading(1000, 500, 1), 0.0),
        (Reading(1000, 0, 1), Reading(1000, 500, 1), 0.0),
        (Reading(0, 500, 1), Reading(1000, 0, 1), 0.0),
        (Reading(0, 0, 1), Reading(1000, 9000, 1), 100.0),
    ],
)
def test_share_of_the_server(before: Reading | None, after: Reading, pct: float) -> None:
    assert cpu_pct(before, after, host_mvcpu=2000) == pct
