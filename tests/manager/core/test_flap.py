"""The loader's warning: `below*have/(have-step) >= above` for a reachable `have`."""

import pytest

from exchange.units import count_text
from manager.core.flap import flap_warnings
from tests.manager.farm import BURST, CALM, rule


@pytest.mark.parametrize(
    ("above", "below", "step", "core_units", "max_units", "have"),
    [
        (70, 40, "2", 4, 16, None),  # 40*6/4 = 60
        (70, 40, "4", 4, 16, 7),  # 40*7/4 = 70: with 3 bought units all of them go
        (70, 60, "1", 4, 16, 5),  # 60*5/4 = 75
        (70, 60, "1", 20, 16, None),  # 60*21/20 = 63
        (70, 40, "all", 4, 2, None),  # 40*6/4 = 60: no more than 2 can be bought
        (70, 40, "all", 4, None, 7),
        (70, 40, "1", 0, 16, 1),  # nothing is left to serve the load
    ],
)
def test_flap(
    above: int, below: int, step: str, core_units: int, max_units: int | None, have: int | None
) -> None:
    limits = {} if max_units is None else {"max_units": max_units}
    buying = {key: value for key, value in BURST.items() if key != "max_units"} | limits
    rules = [
        rule(**buying | {"when": f"util > {above} for 2m"}),
        rule(**CALM | {"when": f"util < {below} for 10m", "do": f"release {step}"}),
    ]
    warnings = flap_warnings(rules, core_units)
    if have is None:
        assert warnings == []
    else:
        assert warnings == [
            f"rules 'calm' and 'burst' would flap: with {count_text(have, 'unit')} in service, "
            f"releasing at util {below} brings it back to {above} or more"
        ]


def test_rules_on_other_metrics_are_not_compared() -> None:
    rules = [rule(**BURST | {"when": "load > 70"}), rule(**CALM)]
    assert flap_warnings(rules, 4) == []
