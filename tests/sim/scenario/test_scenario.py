"""Scenario files: what loads, and the one line that names each mistake."""

from pathlib import Path

import pytest

from sim.scenario.check import mistakes
from sim.scenario.file import ScenarioError, decode, load
from sim.scenario.policy import rules_of
from tests.sim.scenes import RULES, scene

REPO = Path(__file__).parents[3]

TRACK = '[policy.tracking]\ntrack = {metric = "util", target = 70, price_max = 0.1}\n'
PREDICT = '[policy.predictive]\npredict = {target = 70, window = "10m", price_max = 0.1}\n'
EXPECT = '[[expect]]\npolicy = "threshold"\nmetric = "cost"\n'
FAULT = '[[fault]]\nkind = "{}"\nat_s = 60\n'
CRASH = FAULT.format("host_crash") + 'seller = "uni-lab"\n'
RETURN = FAULT.format("host_return").replace("60", "90") + 'seller = "uni-lab"\n'
CUT = FAULT.format("partition") + 'between = ["farm", "exchange"]\n'
HEAL = FAULT.format("heal").replace("60", "90") + 'between = ["exchange", "manager"]\n'
BOOTS = FAULT.format("boot_failures")


def mistake(tmp_path: Path, text: str) -> str:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    prefix, line = f"scenario {path}: ", str(caught.value)
    assert line.startswith(prefix)
    assert "\n" not in line
    return line.removeprefix(prefix)


def test_every_scenario_of_the_project_loads() -> None:
    files = sorted((REPO / "scenarios").glob("*.toml"))
    assert files
    for file in files:
        assert load(file).scenario.policy, file


def test_the_example_of_the_page_can_run() -> None:
    """(Seen to fail with a fault that names no seller.)"""
    page = (REPO / "docs" / "scenario.md").read_text("utf-8")
    scenario = decode(page.partition("```toml\n")[2].partition("```")[0])
    assert mistakes(scenario) == []


def test_defaults_are_those_of_the_page() -> None:
    scenario = decode(scene())
    assert (scenario.network.latency_ms, scenario.network.jitter_ms) == (20, 5)
    assert scenario.seller[0].deposit == 100.0
    assert scenario.farm.slo_util == 0.80
    assert scenario.farm_pricing == "flat"
    assert scenario.start_ms == 1_795_392_000_000


@pytest.mark.parametrize(
    ("find", "put", "line"),
    [
        ("core_units = 2", "", "farm: missing key 'core_units'"),
        ("core_units = 2", "core_units = 2\ncolour = 1", "farm: unknown key 'colour'"),
        ("core_units = 2", "core_units = 2.5", "farm.core_units: expected 'int', got 'float'"),
        ("core_units = 2", "core_units = -1", "farm.core_units: expected 'int' >= 0"),
        ("unit_rps = 100", "unit_rps = nan", "farm.unit_rps: must be a finite number, not nan"),
        ("seed = 7", "seed = true", "seed: expected 'int', got 'bool'"),
        ("schema = 1", "schema = 2", "schema: invalid enum value 2"),
        ("[boot]", "[booot]", "the file: unknown key 'booot'"),
        ("mean_s = 40", "mean_min = 1", "boot: unknown key 'mean_min'"),
        ("hosts = 3", 'hosts = "3"', "seller[0].hosts: expected 'int', got 'str'"),
        ("price = 0.035", "price = -1", "seller[0].price: expected 'float' >= 1e-06"),
        (
            'kind = "flash"',
            'kind = "flood"',
            "workload.kind: invalid value 'flood'; there is profile, trace, flash, diurnal, sum",
        ),
        ('zone = "eu-de"', 'zone = "eu-fr"', "farm.zone: there is no zone 'eu-fr'"),
        ('class = "small"', 'class = "tiny"', "farm.class: there is no class 'tiny'"),
        ("00:00:00Z", "00:00:00", "start: needs a time zone"),
        ('do = "buy 4"', 'do = "sell 4"', "policy.threshold.rule[0].do: "),
        ('name = "calm"', 'name = "calm"\nnme = 1', "policy.threshold.rule[1]: unknown key 'nme'"),
        ("seed = 7", "seed = ", "is not TOML: "),
    ],
)
def test_a_mistake_names_its_place(tmp_path: Path, find: str, put: str, line: str) -> None:
    text = scene()
    assert find in text
    assert mistake(tmp_path, text.replace(find, put, 1)).startswith(line)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (EXPECT, "expect[0]: needs max, min or less_than_policy"),
        (EXPECT + "max = 1\nfault = 0", "expect[0].fault: there is no fault[0]"),
        (
            EXPECT + 'less_than_policy = "no_burst"\nfault = 0\n' + CRASH,
            "expect[0].fault: does not go with less_than_policy",
        ),
        (EXPECT + 'less_than_policy = "x"', "expect[0].less_than_policy: there is no policy 'x'"),
        (EXPECT.replace("cost", "price") + "max = 1", "expect[0].metric: invalid enum value"),
        (FAULT.format("host_crash"), "fault[0].seller: is missing for 'host_crash'"),
        (FAULT.format("host_crash") + 'seller = "x"', "fault[0].seller: there is no seller 'x'"),
        (
            FAULT.format("host_crash") + 'seller = "uni-lab"\nhosts = 4',
            "fault[0].hosts: 'uni-lab' has 3 hosts",
        ),
        (FAULT.format("slow_boot") + "fail = 0.5", "fault[0].factor: is missing for 'slow_boot'"),
        (
            FAULT.format("slow_boot") + "factor = 2\nfail = 0.5",
            "fault[0].fail: does not belong to 'slow_boot'",
        ),
        (FAULT.format("earthquake"), "fault[0].kind: invalid enum value 'earthquake'; there is "),
        (
            FAULT.format("partition") + 'between = ["uni-lab", "shop"]',
            "fault[0].between: names 'exchange' and one of ",
        ),
        (FAULT.format("stale_metrics").replace("60", "1200"), "fault[0].for_s: is missing"),
        (CRASH + "hosts = [1, 4]", "fault[0].hosts: 'uni-lab' has 3 hosts"),
        (CRASH + "hosts = [2, 2]", "fault[0].hosts: names host 2 twice"),
        (CRASH + "hosts = []", "fault[0].hosts: names no host"),
        (CRASH + "hosts = [0]", "fault[0].hosts[0]: expected 'int' >= 1"),
        (RETURN, "fault[0].hosts: no host crash of uni-lab 1 is under way at 90 s"),
        (CRASH + "for_s = 40\n" + RETURN, "fault[1].hosts: contradicts fault[0], which lasts"),
        (CRASH + "for_s = 9\n" + RETURN, "fault[1].hosts: no host crash of uni-lab 1"),
        (CRASH + "hosts = [2]\n" + RETURN, "fault[1].hosts: no host crash of uni-lab 1"),
        (CUT + "for_s = 40\n" + HEAL, "fault[1].between: contradicts fault[0], which lasts"),
        (HEAL, "fault[0].between: no partition of shop is under way at 90 s"),
        (BOOTS + "fail = 1\n" + BOOTS + "fail = 0", "fault[1].fail: contradicts fault[0], which"),
        ('[[trader]]\nkind = "noise"\nsymbol = "small.eu-de"', "trader[0].symbol: is not"),
        (
            '[[seller]]\nname = "shop"\nhosts = 1\nprice = 1',
            "seller[1].name: 'shop' is a farm's account; who buys and sells needs a second",
        ),
        (
            '[[seller]]\nname = "manager"\nhosts = 1\nprice = 1',
            "seller[1].name: 'manager' is what faults call another end",
        ),
        (
            '[[seller]]\nname = "m"\nhosts = 1\nprice = 1\noffer = {kind="residual", below_pct=9}',
            "seller[1].own_load: is missing",
        ),
        ("[policy.cloud]\nlist_price = 0.1", "policy.cloud: like and list_price, or like and"),
        (
            '[policy.cloud]\nlike = "no_burst"\nlist_price = 0.1',
            "policy.cloud.like: there is no policy of rules 'no_burst'",
        ),
        ("[policy.odd]\nunits = 1\nrule = []", "policy.odd: rule and units do not go together"),
    ],
)
def test_what_only_the_whole_file_shows(tmp_path: Path, more: str, line: str) -> None:
    assert mistake(tmp_path, scene(more)).startswith(line)


@pytest.mark.parametrize(
    ("find", "put", "place"),
    [
        ("unit_rps = 250", "unit_rps = 1e-300", "farm.unit_rps"),
        ("unit_rps = 250", "unit_rps = 250\nslo_util = 1e-300", "farm.slo_util"),
        ("base = 500", "base = 1e308", "workload.base"),
        ("at_s = 600", "at_s = 1e308", "workload.at_s"),
        ("mean_s = 90", "mean_s = 1e12", "boot.mean_s"),
        ("sd_s = 25", "sd_s = 1e308", "boot.sd_s"),
        ("min_s = 30", "min_s = 1e308", "boot.min_s"),
        ("mean = 0.08", "mean = 1e308", "seller[1].own_load.mean"),
        ("swing = 1.2", "swing = 1e308", "seller[1].own_load.swing"),
        ("peak_s = 50400", "peak_s = 1e308", "seller[1].own_load.peak_s"),
    ],
)
def test_figures_that_nothing_can_be_reckoned_with(
    tmp_path: Path, find: str, put: str, place: str
) -> None:
    page = (REPO / "docs/scenario.md").read_text(encoding="utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    assert find in text
    assert mistake(tmp_path, text.replace(find, put, 1)).startswith(f"{place}: expected 'float' ")


def test_a_trace_has_bounds_after_its_scale(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("t_s,v\n0,1e15\n", encoding="utf-8")
    head, _, tail = scene().partition("[workload]")
    _, _, rest = tail.partition("\n\n")
    load_text = '[workload]\nkind = "trace"\nfile = "v.csv"\ncolumn = "v"\n'
    line = mistake(tmp_path, f"{head}{load_text}\n{rest}")
    assert line == "trace v.csv: v / per_s * scale comes to 1e+15; 1e+12 at most"


def test_a_line_break_in_a_name_makes_no_second_line(tmp_path: Path) -> None:
    head, _, tail = scene().partition("[workload]")
    _, _, rest = tail.partition("\n\n")
    load_text = '[workload]\nkind = "trace"\nfile = "a\\nb"\ncolumn = "v"\n'
    assert mistake(tmp_path, f"{head}{load_text}\n{rest}").endswith(
        "a b: No such file or directory"
    )


def test_profile_times_grow(tmp_path: Path) -> None:
    head, _, tail = scene().partition("[workload]")
    points = '[workload]\nkind = "profile"\npoints = [[0, 1], [9, 2], [9, 3]]\n[boot]'
    text = head + points + tail.partition("[boot]")[2]
    assert mistake(tmp_path, text) == "workload.points[2]: its time 9 s does not grow"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="No such file"):
        load(tmp_path / "none.toml")


def test_track_and_predict_are_one_rule_each() -> None:
    scenario = decode(scene(TRACK + PREDICT))
    assert mistakes(scenario) == []
    [track] = rules_of(scenario, scenario.policy["tracking"])
    [predict] = rules_of(scenario, scenario.policy["predictive"])
    assert track.track is not None and predict.track is not None
    assert (track.name, track.track.ahead, track.price_max_ucr) == ("track", None, 100_000)
    assert predict.track.ahead is not None
    assert (predict.name, predict.track.ahead.window_ms) == ("predict", 600_000)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            TRACK.replace("70", '70, stabilise_down = "5"'),
            "policy.tracking.track.stabilise_down: '5' is not a duration like 90s, 2m or 1h30m",
        ),
        (
            TRACK.replace(", price_max = 0.1", ""),
            "policy.tracking.price_max: missing; a rule that buys needs a highest price",
        ),
        (
            PREDICT.replace("10m", "9d"),
            "policy.predictive.predict.window: '9d' is longer than 7 days",
        ),
    ],
)
def test_a_mistake_in_track_or_predict_has_its_place(tmp_path: Path, text: str, line: str) -> None:
    assert mistake(tmp_path, scene(text)) == line


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ('at = "Fri 18:00-25:00"', "at: 'Fri 18:00-25:00' has a time that no clock shows"),
        ('when = "util > 70"\nforward = true', "forward: belongs to at"),
        ('at = "daily 18:00-20:00"\nwhen = "util > 70"', "at: does not go with when; a rule has"),
        ('at = "daily 18:00-20:00"\nzones = ["mars"]', "zones: there is no zone 'mars'"),
        ('when = "util > 70"\nfallback_class = "huge"', "fallback_class: there is no class 'huge'"),
        ('when = "util > 70"\ntimezone = "UTC"', "timezone: belongs to at"),
    ],
)
def test_a_mistake_in_a_rule_has_its_place(tmp_path: Path, keys: str, line: str) -> None:
    rule = f'name = "r"\ndo = "buy 2"\nprice_max = 0.1\n{keys}\n'
    found = mistake(tmp_path, scene(f"[policy.x]\n[[policy.x.rule]]\n{rule}"))
    assert found.startswith(f"policy.x.rule[0].{line}")


def test_a_cloud_is_tracked_at_its_price() -> None:
    like = '[policy.cloud]\nlike = "tracking"\nlist_price = 0.5\n'
    scenario = decode(scene(TRACK + like))
    assert mistakes(scenario) == []
    [rule] = rules_of(scenario, scenario.policy["cloud"])
    assert rule.price_max_ucr == 500_000


def test_the_rules_are_the_managers_own() -> None:
    rules = decode(scene(rules=RULES)).policy["threshold"].rule
    assert rules is not None
    assert [rule.name for rule in rules] == ["burst", "calm"]
