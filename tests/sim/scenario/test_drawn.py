"""Faults that a seed draws, failure traces, and scenarios written as text."""

from pathlib import Path, PurePath

import pytest

from sim.scenario.check import mistakes
from sim.scenario.drawn import ALL_KINDS, drawn
from sim.scenario.file import Loaded, ScenarioError, decode, load
from sim.scenario.shipped import shipped
from sim.scenario.tables import Fault
from sim.scenario.text import scenario_text
from tests.sim.scenes import loaded, outcome, scene

EVERY = ", ".join(f'"{kind}"' for kind in ALL_KINDS)
RANDOM = f"[random_faults]\nkinds = [{EVERY}]\nper_hour = 60\n"
TRACE = '[[fault]]\nkind = "trace"\nfile = "failures.csv"\n'
TWO_SELLERS = '[[seller]]\nname = "bank"\nhosts = 2\nprice = 0.03\n'


def of_seed(found: Loaded, seed: int) -> list[Fault]:
    return drawn(found, seed).scenario.fault


def traced(folder: Path, csv: str, more: str = "") -> Loaded:
    (folder / "failures.csv").write_text(csv, encoding="utf-8")
    return loaded(folder, scene(TRACE + more + TWO_SELLERS))


def test_a_seed_draws_its_own_faults_and_always_the_same(tmp_path: Path) -> None:
    found = loaded(tmp_path, scene(RANDOM))
    first, again, other = (of_seed(found, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    drawn_kinds = {fault.kind for seed in range(20) for fault in of_seed(found, seed)}
    assert drawn_kinds == set(ALL_KINDS)
    counts = [len(of_seed(found, seed)) for seed in range(200)]
    assert 17 < sum(counts) / len(counts) < 23, "20 minutes at 60 an hour"


@pytest.mark.parametrize("more", ["", TRACE, '[[fault]]\nkind="boot_failures"\nat_s=9\nfail=0.5\n'])
def test_what_is_drawn_is_a_scenario_without_a_mistake(tmp_path: Path, more: str) -> None:
    (tmp_path / "failures.csv").write_text("start_s,duration_s,hosts\n5,60,0.5\n", "utf-8")
    found = loaded(tmp_path, scene(RANDOM + more))
    for seed in range(100):
        written = drawn(found, seed).scenario
        assert mistakes(written) == []
        assert decode(scenario_text(written, PurePath())) == written


def test_faults_last_as_long_as_the_table_says(tmp_path: Path) -> None:
    table = RANDOM + "for_s = {host_crash = [7, 9]}\n"
    found = loaded(tmp_path, scene(table))
    crashes = [
        fault.for_s for seed in range(50) for fault in of_seed(found, seed)
        if fault.kind == "host_crash"
    ]  # fmt: skip
    assert set(crashes) == {7, 8, 9}
    all_alike = loaded(tmp_path, scene(RANDOM + "for_s = [30, 30]\n"))
    assert {fault.for_s for fault in of_seed(all_alike, 3)} == {30}


def test_drawn_faults_leave_the_rest_of_a_run_as_it_was(tmp_path: Path) -> None:
    """Written out, the faults of a seed make the very same run."""
    found = loaded(tmp_path, scene(RANDOM, duration_s=600))
    out = tmp_path / "written.toml"
    out.write_text(scenario_text(drawn(found, 7).scenario, tmp_path), encoding="utf-8")
    again = outcome(tmp_path, out.read_text(encoding="utf-8"))
    assert again.digest == outcome(tmp_path, scene(RANDOM, duration_s=600)).digest
    assert again.digest != outcome(tmp_path, scene(duration_s=600)).digest


def test_a_trace_names_hosts_by_number_or_by_share(tmp_path: Path) -> None:
    csv = "start_s,duration_s,hosts\n300,90,2\n60,30.5,1.0\n400,10,0.0\n5000,10,1\n"
    faults = of_seed(traced(tmp_path, csv), 1)
    assert {fault.kind for fault in faults} == {"host_crash"}
    struck = [(one.at_s, one.for_s, one.seller, one.hosts) for one in faults]
    assert sorted(struck)[:2] == [(60, 31, "bank", [1, 2]), (60, 31, "uni-lab", [1, 2, 3])]
    late = [hosts for at_s, _, _, hosts in struck if at_s == 300]
    assert sum(len(hosts) for hosts in late if isinstance(hosts, list)) == 2
    assert {at_s for at_s, *_ in struck} == {60, 300}
    seeds = {str(of_seed(traced(tmp_path, csv), seed)[2:]) for seed in range(9)}
    assert len(seeds) > 1, "the seed says which hosts"


def test_a_trace_begins_where_it_is_told(tmp_path: Path) -> None:
    csv = "start_s,duration_s,hosts\n100,10,1\n1000,10,1\n1100,10,1\n"
    found = traced(tmp_path, csv, 'from_s = 1000\nat_s = 50\nseller = "bank"\n')
    faults = of_seed(found, 1)
    assert [(one.at_s, one.seller) for one in faults] == [(50, "bank"), (150, "bank")]


def test_the_columns_of_opendc(tmp_path: Path) -> None:
    """An interval is counted from the start of the failure before; an intensity is a share."""
    csv = "interval_ms,duration_ms,intensity\n60000,30000,0.4\n120000,14400000,1.0\n"
    faults = of_seed(traced(tmp_path, csv), 1)
    hosts = [len(one.hosts) for one in faults if isinstance(one.hosts, list)]
    assert {(one.at_s, one.for_s) for one in faults if one.at_s < 99} == {(60, 30)}
    assert sum(hosts) == 2 + 5
    assert {(one.at_s, one.for_s) for one in faults if one.at_s > 60} == {(180, 14400)}


@pytest.mark.parametrize(
    ("csv", "line"),
    [
        ("a,b\n1,2\n", "needs the columns start_s, duration_s, hosts, or interval_ms, "),
        ("start_s,duration_s,hosts\n1,2,1.5\n", "line 2: hosts is neither a number of hosts nor"),
        ("start_s,duration_s,hosts\n1,-2,1\n", "line 2: duration_s is negative (-2)"),
        ("start_s,duration_s,hosts\n1,x,1\n", "line 2: duration_s is not a number (x)"),
        ("start_s,duration_s,hosts\n1,2\n", "line 2: hosts is not a number (empty)"),
        ("interval_ms,duration_ms,intensity\n1,2,2\n", "line 2: intensity is neither"),
    ],
)
def test_a_trace_that_cannot_be_used_is_one_line(tmp_path: Path, csv: str, line: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        traced(tmp_path, csv)
    assert line in str(caught.value)


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_a_shipped_scenario_reads_the_same_when_written(path: Path) -> None:
    scenario = load(path).scenario
    assert decode(scenario_text(scenario, PurePath())) == scenario
