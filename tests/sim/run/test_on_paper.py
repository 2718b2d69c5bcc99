"""Small files whose every figure can be worked out on paper: each gives the right one.

They once gave a wrong one: a bid far above every ask, a law that was none, a fault that ended
another, a cloud that waited for the exchange. A farm of one unit serves 100 rps, 80 of them within
the promise; messages take no time, guests boot in 60 s, and every ask is at 0.06.
"""

from pathlib import Path

import pytest

from tests.sim.scenes import PAPER_BOOT_S, PAPER_PEAK, PAPER_RULES, outcome, paper, seller

FLAT = '[workload]\nkind = "profile"\npoints = [[0, 300]]\n'
KEEP_THREE = """
[[policy.rules.rule]]
name = "burst"
when = "util > 70 for 30s"
do = "buy to 3"
price_max = 0.50
max_units = 3
"""
BUY_ONE = """
[[policy.rules.rule]]
name = "burst"
when = "util > 70"
do = "buy 1"
price_max = 0.10
cooldown = "1m"
"""
CLOUD = '[policy.cloud]\nlike = "rules"\nlist_price = 0.10\n'
STATIC = "[policy.static]\nunits = 3\n"
PEAK_REQUESTS = 250 * 3600 + 50 * 3600


def played(
    folder: Path, policy: str, duration_s: int, *parts: str, peak: str = PAPER_PEAK
) -> dict[str, float]:
    """Run one policy of a file made of ``parts``; a broken law would raise."""
    return outcome(folder, paper(*parts, duration_s=duration_s, peak=peak), policy).metrics


def fault(kind: str, at_s: int, for_s: int, more: str = "") -> str:
    return f'[[fault]]\nkind = "{kind}"\nat_s = {at_s}\nfor_s = {for_s}\n{more}'


def crashes() -> str:
    """Two that overlap: the only host is away from 600 to 2400 s."""
    whose = 'seller = "dc"\n'
    return fault("host_crash", 600, 600, whose) + fault("host_crash", 900, 1500, whose)


def had_s(metrics: dict[str, float], price: float = 0.06) -> float:
    """Return for how many seconds three units at ``price`` were paid."""
    return metrics["cost"] / (3 * price) * 3600


def test_a_peak_is_served_and_paid_as_long_as_it_lasts(tmp_path: Path) -> None:
    parts = (seller("dc", 4, 0.06), PAPER_RULES, STATIC, CLOUD, "[policy.none]\n")
    none, rules, static, cloud = (
        played(tmp_path, policy, 7200, *parts) for policy in ("none", "rules", "static", "cloud")
    )
    assert none["slo_violation_pct"] == pytest.approx(100 * 170 * 3600 / PEAK_REQUESTS)
    # A minute until the rule acts and one for the boot; two until it gives back.
    late = 100 * 170 * (60 + PAPER_BOOT_S) / PEAK_REQUESTS
    assert rules["slo_violation_pct"] == pytest.approx(late, rel=0.02)
    assert had_s(rules) == pytest.approx(3600 - 60 - PAPER_BOOT_S + 120, rel=0.01)
    assert had_s(static) == pytest.approx(7200 - PAPER_BOOT_S, rel=0.001)
    assert static["slo_violation_pct"] == 0
    # A cloud bills the boot too.
    assert cloud["slo_violation_pct"] == pytest.approx(late, rel=0.02)
    assert had_s(cloud, 0.10) == pytest.approx(3600 - 60 + 120, rel=0.01)


def test_a_restart_of_the_exchange_delays_its_buyers_and_no_cloud(tmp_path: Path) -> None:
    parts = (seller("dc", 4, 0.06), PAPER_RULES, CLOUD, fault("exchange_restart", 990, 1200))
    cloud = played(tmp_path, "cloud", 7200, *parts)
    late = 100 * 170 * (60 + PAPER_BOOT_S) / PEAK_REQUESTS
    assert cloud["slo_violation_pct"] == pytest.approx(late, rel=0.02)
    # 1190 s into the peak it is back; then comes the boot.
    rules = played(tmp_path, "rules", 7200, *parts)
    late = 100 * 170 * (1190 + PAPER_BOOT_S) / PEAK_REQUESTS
    assert rules["slo_violation_pct"] == pytest.approx(late, rel=0.02)


def test_a_restart_while_a_bid_expires_breaks_no_law(tmp_path: Path) -> None:
    """Nobody sells at 0.10: one unit is wanted from start to end and never had."""
    parts = (seller("dc", 1, 0.50), BUY_ONE, fault("exchange_restart", 310, 120))
    found = played(tmp_path, "rules", 1200, *parts, peak=FLAT)
    assert found["cost"] == found["leases"] == 0
    assert found["slo_violation_pct"] == pytest.approx(100 * 220 / 300)
    assert found["unfilled_units"] == 1
    assert found["missing_unit_hours"] == pytest.approx(1200 / 3600, rel=0.1)


def test_fixed_units_are_bought_again_at_the_dearest_ask(tmp_path: Path) -> None:
    found = played(tmp_path, "static", 3600, seller("dc", 1, 0.06), STATIC, crashes(), peak=FLAT)
    assert found["price_max"] == 0.06
    assert found["paid_over_best_ask"] == 0
    assert had_s(found) == pytest.approx(600 - PAPER_BOOT_S + 1200 - PAPER_BOOT_S, rel=0.05)
    assert found["missing_unit_hours"] == pytest.approx(3 * 1800 / 3600, rel=0.05)
    assert found["penalties"] == pytest.approx(0.03)


def test_a_rule_that_may_pay_more_pays_its_own_bid_when_that_waits(tmp_path: Path) -> None:
    found = played(tmp_path, "rules", 3600, seller("dc", 1, 0.06), KEEP_THREE, crashes(), peak=FLAT)
    before, after = 3 * (600 - 30 - PAPER_BOOT_S) * 0.06, 3 * (1200 - PAPER_BOOT_S) * 0.50
    assert found["cost"] == pytest.approx((before + after) / 3600, rel=0.05)
    assert found["price_mean"] == pytest.approx((0.06 + 0.50) / 2)
    assert found["paid_over_best_ask"] == pytest.approx(0.44 / 2)


def test_boots_fail_until_the_last_fault_about_them_is_over(tmp_path: Path) -> None:
    fails = fault("boot_failures", 0, 1000, "fail = 1.0\n")
    fails += fault("boot_failures", 500, 2500, "fail = 1.0\n")
    found = played(tmp_path, "static", 3600, seller("dc", 1, 0.06), STATIC, fails, peak=FLAT)
    late_s = 3000 + PAPER_BOOT_S
    assert found["slo_violation_pct"] == pytest.approx(100 * 220 * late_s / (300 * 3600), rel=0.01)
    assert had_s(found) == pytest.approx(600 - PAPER_BOOT_S, rel=0.05)
