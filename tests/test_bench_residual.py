"""A Manager sells what the owner's work leaves of a server, on a load made up here."""

from pathlib import Path

from bench import residual


def busy_at(hour: float) -> float:
    """Return a load in percent: idle, with two peaks."""
    return 60.0 if 1.0 <= hour < 1.5 or 3.0 <= hour < 3.2 else 3.0


def test_idle_capacity_is_sold_and_taken_back_with_notice(tmp_path: Path) -> None:
    trace = tmp_path / "load.csv"
    rows = [f"{t_s},{busy_at(t_s / 3600)}" for t_s in range(0, 5 * 3600, 300)]
    trace.write_text("t_s,cpu_pct\n" + "\n".join(rows) + "\n")
    found = residual.measure(trace, "cpu_pct", 4 * 3600, wanted=3)
    assert (found.above, found.short_notice) == (0, 0)
    assert found.recalled_units >= 3, "at each peak"
    assert 0 < found.longest_s <= residual.LATE_S, "an ask stands until the agent has seen enough"
    assert found.sold_mvcpu / found.idle_mvcpu > 0.25
    assert found.offered_mvcpu / found.idle_mvcpu > 0.5
