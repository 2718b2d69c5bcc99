"""A figure at which no rule would act is only noted: no decision comes out otherwise.

The same loads are played with and without the shortcut. Seen to fail with a release that is due
passed over while units are there, and with conditions compared with units under way.
"""

from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.wire.requests import LeaseRelease, OrderPlace, VmStart
from tests.manager.farm import BURST, CALM, MINUTE_MS, Farm, recall, requests

RULES: Final[tuple[dict[str, Any], ...]] = (
    BURST,
    CALM,
    {"name": "few", "when": ["util > 85", "units < 3"], "do": "buy to 5", "price_max": 0.05},
)

loads = st.lists(
    st.tuples(st.integers(0, 130), st.integers(0, 6), st.booleans()), min_size=1, max_size=25
)
"""(load in percent of the own units, minutes it lasts, is a unit recalled then)."""


def play(plan: list[tuple[int, int, bool]], shortcut: bool) -> dict[str, Any]:
    farm = Farm(*RULES)
    if not shortcut:
        farm.manager._rules.unmoved = lambda reading: False  # type: ignore[method-assign]
    seen = []
    for util_pct, minutes, recalled in plan:
        farm.load(util_pct, for_ms=minutes * MINUTE_MS)
        if recalled and farm.paper.leases:
            recall(farm, next(iter(farm.paper.leases)))
        seen.append(farm.counts())
    outs = farm.paper.outs
    return {
        "counts": seen,
        "orders": requests(outs, OrderPlace),
        "started": [out.name for out in requests(outs, VmStart)],
        "released": [out.lease_id for out in requests(outs, LeaseRelease)],
    }


@settings(max_examples=60, deadline=None)
@given(loads)
def test_what_is_passed_over_changes_nothing(plan: list[tuple[int, int, bool]]) -> None:
    assert play(plan, shortcut=True) == play(plan, shortcut=False)
