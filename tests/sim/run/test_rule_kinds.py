"""Every kind of rule acts in a run as the Manager's own, in the list of rules and alone."""

from pathlib import Path

import pytest

from tests.sim.scenes import outcome, scene

TRACK = '{metric = "util", target = 70, stabilise_down = "3m", price_max = 0.1, max_units = 8}'
PREDICT = '{window = "5m", lead = "boot_p95 + 60s", target = 70, price_max = 0.1, max_units = 8}'
AT = 'at = "daily 00:05-00:15"\ndo = "buy to 6"\nprice_max = 0.1\nvm = "shopfront"'


@pytest.mark.parametrize(
    ("policy", "peak_units"),
    [
        (f"track = {TRACK}", 8),
        (f"[[policy.kind.rule]]\nname = 'r'\ntrack = {TRACK}", 8),
        (f"predict = {PREDICT}", 8),
        (f"[[policy.kind.rule]]\nname = 'r'\npredict = {PREDICT}", 8),
        (f"[[policy.kind.rule]]\nname = 'r'\n{AT}", 6),
    ],
)
def test_a_rule_of_this_kind_buys_and_gives_back(
    tmp_path: Path, policy: str, peak_units: int
) -> None:
    found = outcome(tmp_path, scene(f"[policy.kind]\n{policy}\n", 1500), "kind")
    assert found.metrics["peak_units"] == peak_units
    assert found.metrics["unit_hours"] > 1500 / 3600 * 2, "they served"
    assert found.metrics["changes"] >= 2, "and went again"
