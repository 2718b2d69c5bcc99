"""The benchmark of deciding runs end to end on a few hosts."""

import pytest

from bench import ahead, manager, selling


def test_deciding_on_a_few_hosts_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "HOSTS", 5)
    monkeypatch.setattr(manager, "SECONDS", 20)
    busy, idle = manager.figures()
    assert busy.reaches(busy.minimum)
    assert 0 <= idle.value < busy.value


def test_deciding_while_hours_are_bought_ahead_costs_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manager, "HOSTS", 200)
    monkeypatch.setattr(manager, "SECONDS", 5)
    [figure] = ahead.figures()
    assert figure.reaches(figure.minimum) and figure.value > 0


def test_selling_on_a_few_hosts_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selling, "HOSTS", 20)
    monkeypatch.setattr(selling, "MAX_UNITS", 12)
    monkeypatch.setattr(selling, "SECONDS", 10)
    [figure] = selling.figures()
    assert figure.reaches(figure.minimum) and figure.value > 0
