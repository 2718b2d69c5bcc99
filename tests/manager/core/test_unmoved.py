"""A figure at which no rule would act is only noted: no decision comes out otherwise.

The same loads are played with and without the shortcut. Seen to fail with a condition that begins
to hold passed over, with one that ends to hold, and with one that has held for long enough.
"""

from typing import Any, Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from exchange.wire.requests import LeaseRelease, OrderPlace, VmStart
from tests.manager.farm import BURST, CALM, Farm, recall, requests

RULES: Final[tuple[dict[str, Any], ...]] = (
    BURST,
    CALM,
    {
        "name": "more",
        "when": "util > 85 for 30s",
        "do": "buy 1",
        "price_max": 0.05,
        "cooldown": "1m",
    },
    {"name": "less", "when": "util < 60 for 1m", "do": "release 1", "cooldown": "3m"},
)

loads = st.lists(
    st.tuples(st.integers(0, 260), st.sampled_from((1, 2, 3, 6, 12, 30)), st.booleans()),
    min_size=5,
    max_size=40,
)
"""(load in percent of the own units, ten seconds that it lasts, is a unit recalled then)."""


def play(plan: list[tuple[int, int, bool]], shortcut: bool) -> dict[str, Any]:
    farm = Farm(*RULES)
    if not shortcut:
        farm.manager._rules.unmoved = lambda reading: False  # type: ignore[method-assign]
    seen = []
    for util_pct, tens_s, recalled in plan:
        farm.load(util_pct, for_ms=tens_s * 10_000)
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
@example([(75, 6, False), (65, 1, False), (75, 6, False)])
def test_what_is_passed_over_changes_nothing(plan: list[tuple[int, int, bool]]) -> None:
    assert play(plan, shortcut=True) == play(plan, shortcut=False)
