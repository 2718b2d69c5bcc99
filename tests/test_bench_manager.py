"""The benchmark of deciding runs end to end on a few hosts."""

import pytest

from bench import manager


def test_deciding_on_a_few_hosts_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "HOSTS", 5)
    monkeypatch.setattr(manager, "SECONDS", 20)
    busy, idle = manager.figures()
    assert busy.reaches(busy.minimum)
    assert 0 <= idle.value < busy.value
