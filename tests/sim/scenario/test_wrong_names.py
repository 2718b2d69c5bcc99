"""A key or name that does not exist is answered with those that do, in every table of the format.

Seen to fail: only a few words, such as kinds and metrics, were listed; keys never.
"""

import pytest
from msgspec import inspect

from exchange.choices import LISTED_MAX, there_is
from sim.scenario.check import mistakes
from sim.scenario.file import ScenarioError, decode
from sim.scenario.tables import Scenario
from tests.sim.scenes import TRADERS, scene

MORE = (
    '[[zone]]\nname = "eu-de"\ncountry = "DE"\n'
    '[[fault]]\nkind = "host_crash"\nat_s = 10\nseller = "uni-lab"\n'
    '[[expect]]\npolicy = "no_burst"\nmetric = "cost"\nmax = 1.0\n'
    "[spares]\ncost_per_unit_hour = 0.01\n[slo]\n[windows]\n"
    '[random_faults]\nkinds = ["host_crash"]\nper_hour = 1.0\n'
)
TABLES = {
    "Scenario": ("schema = 1", "colour = 1\n{}", "the file", "workload"),
    "Farm": ("[farm]", "{}\ncolour = 1", "farm", "core_units"),
    "Network": ("[farm]", "[network]\ncolour = 1\n{}", "network", "jitter_ms"),
    "Boot": ("[boot]", "{}\ncolour = 1", "boot", "mean_s"),
    "Zone": ("[[zone]]", "{}\ncolour = 1", "zone[0]", "country"),
    "Seller": ("[[seller]]", "{}\ncolour = 1", "seller[0]", "own_load"),
    "Capacity": ("{mvcpu", "{{colour = 1, mvcpu", "seller[0].host", "mem_mib"),
    "OfferAll": ("price = 0.035", '{}\noffer = {{kind = "all", colour = 1}}', "offer", "kind"),
    "OfferFixed": ("price = 0.035", '{}\noffer = {{kind = "fixed", colour = 1}}', "offer", "units"),
    "OfferResidual": (
        "price = 0.035",
        '{}\noffer = {{kind = "residual", colour = 1}}',
        "seller[0].offer",
        "below_pct",
    ),
    "Trader": ('kind = "noise"', "{}\ncolour = 1", "trader[1]", "rate_per_min"),
    "Fault": ('kind = "host_crash"', "{}\ncolour = 1", "fault[0]", "for_s"),
    "RandomFaults": ("[random_faults]", "{}\ncolour = 1", "random_faults", "per_hour"),
    "Expect": ('metric = "cost"', "{}\ncolour = 1", "expect[0]", "less_than_policy"),
    "Spares": ("[spares]", "{}\ncolour = 1", "spares", "cost_per_unit_hour"),
    "Slo": ("[slo]", "{}\ncolour = 1", "slo", "credits_per_million_violated"),
    "Windows": ("[windows]", "{}\ncolour = 1", "windows", "hours_ahead"),
    "Policy": ("[policy.no_burst]", "{}\ncolour = 1", "policy.no_burst", "list_price"),
    "Cloud": ("[policy.no_burst]", "{}\ncloud = {{colour = 1}}", "policy.no_burst.cloud", "boot"),
    "TrackText": (
        "[policy.no_burst]",
        "{}\ntrack = {{colour = 1}}",
        "policy.no_burst.track",
        "target",
    ),
    "PredictText": (
        "[policy.no_burst]",
        "{}\npredict = {{colour = 1}}",
        "policy.no_burst.predict",
        "window",
    ),
    "RuleText": ('name = "calm"', "{}\ncolour = 1", "policy.threshold.rule[1]", "cooldown"),
    "Flash": ('kind = "flash"', "{}\ncolour = 1", "workload", "ramp_s"),
    "Profile": ('kind = "flash"', 'kind = "profile"\ncolour = 1', "workload", "points"),
    "Trace": ('kind = "flash"', 'kind = "trace"\ncolour = 1', "workload", "column"),
    "Diurnal": ('kind = "flash"', 'kind = "diurnal"\ncolour = 1', "workload", "mean"),
    "Sum": (
        "[farm]",
        '{}\nworkload = {{kind = "sum", colour = 1, parts = [{{}}]}}',
        "farm.workload",
        "parts",
    ),
}


def told(find: str, put: str) -> str:
    text = scene(TRADERS + MORE)
    assert find in text
    try:
        return next(iter(mistakes(decode(text.replace(find, put, 1)))))
    except ScenarioError as error:
        return str(error)


@pytest.mark.parametrize(("find", "put", "place", "known"), TABLES.values(), ids=TABLES)
def test_an_unknown_key_is_answered_with_the_known_ones(
    find: str, put: str, place: str, known: str
) -> None:
    line = told(find, put.format(find))
    assert f"{place}: unknown key 'colour'; there is " in line
    assert known in line.partition("there is ")[2].split(", ")


def test_no_table_of_the_format_is_left_out() -> None:
    found: set[str] = set()
    todo: list[inspect.Type] = [inspect.type_info(Scenario)]
    while todo:
        one = todo.pop()
        if isinstance(one, inspect.StructType):
            if one.cls.__name__ in found:
                continue
            found.add(one.cls.__name__)
            todo += [field.type for field in one.fields]
        for name in ("type", "item_type", "key_type", "value_type"):
            todo += [getattr(one, name)] if hasattr(one, name) else []
        todo += getattr(one, "types", ()) + getattr(one, "item_types", ())
    assert found == set(TABLES)


@pytest.mark.parametrize(
    ("find", "put", "line"),
    [
        ('zone = "eu-de"', 'zone = "mars"', "farm.zone: there is no zone 'mars'; there is eu-de"),
        ("price = 0.035", 'price = 1\nzone = "mars"', "'mars'; there is eu-de"),
        ("price = 0.035", 'price = 1\nclass = "tiny"', "there is no class 'tiny'; there is nano, "),
        ('seller = "uni-lab"', 'seller = "x"', "there is no seller 'x'; there is uni-lab"),
        ('policy = "no_burst"', 'policy = "x"', "policy 'x'; there is threshold, no_burst"),
        ("max = 1.0", 'less_than_policy = "x"', "'x'; there is threshold, no_burst"),
        ("max = 1.0", 'max = 1.0\nfarm = "x"', "there is no farm 'x'; there is shop"),
        (
            'metric = "cost"',
            'metric = "costs"',
            "invalid enum value 'costs'; there is boot_p95_s, ",
        ),
        ('kind = "host_crash"', 'kind = "x"', "invalid enum value 'x'; there is boot_failures, "),
        ('["host_crash"]', '["x"]', "random_faults.kinds[0]: invalid enum value 'x'; there is "),
        (
            'kind = "noise"',
            'kind = "x"',
            "trader[1].kind: invalid enum value 'x'; there is buyer, ",
        ),
        ("small.eu-de.flat.spot", "x.eu-de.flat.spot", "there is no class 'x'; there is nano, "),
        ("small.eu-de.flat.spot", "small.x.flat.spot", "there is no zone 'x'; there is eu-de"),
        (
            "[policy.no_burst]",
            '[policy.no_burst]\nlike = "x"\nlist_price = 1.0',
            "there is no policy of rules 'x'; there is threshold",
        ),
    ],
)
def test_a_name_that_is_nowhere_is_answered_with_those_that_are(
    find: str, put: str, line: str
) -> None:
    assert line in told(find, put)


def test_a_line_has_an_end() -> None:
    assert there_is([]) == "there is none"
    many = [f"seller-{number}" for number in range(LISTED_MAX + 7)]
    assert there_is(many).endswith(f", seller-{LISTED_MAX - 1}, 7 more")
