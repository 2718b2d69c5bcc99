"""The benchmark of a fleet runs end to end on a few hosts."""

import logging

import pytest

from bench import fleet


def test_a_small_fleet_is_measured_and_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("SETTLING_S", "QUIET_S", "REPORTING_S"):
        monkeypatch.setattr(fleet, pause, 1.0)
    monkeypatch.setattr(fleet, "REPORTS_WITHIN_MS", 200)
    found = {figure.name: figure for figure in fleet.figures(2)}
    # What one second tells of single messages is noise: `make bench` judges it.
    assert {"CPU a heartbeat", "CPU a usage report", "journal, a host and day"} <= set(found)
    share = found["2 hosts, 4 VMs: CPU of a core"]
    assert share.reaches(share.minimum)
    assert logging.getLogger().isEnabledFor(logging.ERROR), "what is measured later is logged"
