"""A run's recording: the player's laws, its picture, rows of what was expected and happened."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.view.recording import SPEEDS, Player, Recording, player_lines, recording_of
from tui.view.scenario_rows import expect_rows, result_rows, scenario_file, timeline_rows
from tui.view.text import width_of

FILE = b"""
title = "Two hours"
duration_s = 7200
runs = 3
[policy.none]
[policy.rules]
[[expect]]
policy = "rules"
metric = "cost"
max = 2.0
less_than_policy = "none"
"""
COURSE = {"load": [1.0] * 4, "units": [1.0, 1.0, 4.0, 2.0], "need": [1.0, 3.0, 4.0, 1.0]}
RESULT = {
    "schema": 1,
    "scenario": "Two hours",
    "seed": 1,
    "runs": 3,
    "policies": {
        "none": {"cost": {"mean": 0.0, "ci95": 0.0, "per_seed": [0.0]}},
        "rules": {"cost": {"mean": 1.5, "ci95": 0.25, "per_seed": [1.5]}},
    },
    "expect": [
        {"policy": "rules", "metric": "cost", "value": 1.5, "bound": 2.0, "passed": True},
        {"policy": "rules", "metric": "cost", "value": 1.6, "bound": 0.0, "passed": False},
    ],
    "passed": False,
    "timeline": {
        "duration_s": 7200,
        "faults": [{"at_s": 1800, "until_s": 3600, "text": "price spike"}],
        "policies": {
            "none": COURSE | {"price": [None] * 4, "actions": []},
            "rules": COURSE | {"price": [None, 0.03, 0.03, 0.03], "actions": [[2000.0, "buy 3"]]},
        },
    },
}


def recording() -> Recording:
    found = recording_of(json.dumps(RESULT).encode())
    assert found is not None
    return found


def test_what_was_expected_with_its_verdicts() -> None:
    rows = expect_rows(scenario_file("a.toml", FILE), recording())
    assert [[cell.text for cell in row.cells] for row in rows] == [
        ["rules: cost <= 2", "passed", "1.5000"],
        ["rules: cost below none", "! FAILED", "1.6000"],
    ]
    unjudged = expect_rows(scenario_file("a.toml", FILE), None)
    assert {row.cells[1].text for row in unjudged} == {"not run"}


def test_policies_stand_beside_each_other() -> None:
    assert [[cell.text for cell in row.cells] for row in result_rows(recording())] == [
        ["cost", "0.0000", "1.5000 ± 0.2500"]
    ]


def test_faults_and_what_rules_did_in_order() -> None:
    rows = timeline_rows(recording(), "rules")
    assert [[cell.text for cell in row.cells[1:]] for row in rows] == [
        ["fault", "price spike"],
        ["rule", "buy 3"],
        ["over", "price spike"],
    ]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"scenario": 1}', b"[" * 100_000])
def test_what_is_no_result(data: bytes) -> None:
    assert recording_of(data) is None


@pytest.mark.parametrize(
    "data", [b"", b"title = 7", b"\xff", b"a = [" * 9, FILE.replace(b"2h", b"")]
)
def test_what_is_no_scenario_is_listed_with_the_reason(data: bytes) -> None:
    file = scenario_file("a.toml", data)
    assert (file.head is None) == bool(file.wrong)


def drawn(player: Player, width: int, height: int) -> list[str]:
    return ["".join(part[0] for part in line) for line in player_lines(player, width, height)]


def test_a_result_of_an_older_release_has_nothing_to_play() -> None:
    old = recording_of(json.dumps({k: v for k, v in RESULT.items() if k != "timeline"}).encode())
    assert old is not None
    player = Player()
    player.load(old)
    player.toggle()
    player.step(1)
    player.next_policy()
    assert not player.playing
    assert "no timeline" in "".join(
        part[0] for line in player_lines(player, 60, 8) for part in line
    )


def test_the_picture_shows_what_was_missing_the_fault_the_rule_and_the_playhead() -> None:
    player = Player()
    player.load(recording())
    assert player.policy == "rules"
    player.seek(1_900)
    lines = drawn(player, 64, 12)
    assert "! units 1.0 of 3.0 needed" in lines[1]
    assert "price 0.0300" in lines[1]
    assert "░" in lines[5]
    assert "━" in lines[8]
    assert "+" in lines[9]
    assert lines[10].index("▲") == 16


ACTS = st.one_of(
    st.tuples(st.just("tick"), st.integers(0, 10**7)),
    st.tuples(st.just("step"), st.integers(-9, 9)),
    st.tuples(st.just("faster"), st.integers(-9, 9)),
    st.tuples(st.just("seek"), st.integers(-(10**6), 10**6)),
    st.tuples(st.just("toggle"), st.none()),
    st.tuples(st.just("next_policy"), st.none()),
)


@given(st.lists(ACTS, max_size=20), st.integers(1, 200), st.integers(1, 40))
def test_whatever_is_pressed_the_playhead_stays_inside_and_the_lines_fit(
    acts: list[tuple[str, int | None]], width: int, height: int
) -> None:
    player = Player()
    player.load(recording())
    for name, value in acts:
        getattr(player, name)(*([] if value is None else [value]))
        assert 0 <= player.at_s <= 7200
        assert 0 <= player.part <= 3
        assert player.speed in SPEEDS
    lines = player_lines(player, width, height)
    assert len(lines) == height
    assert {width_of(line) for line in lines} == {width}


@pytest.mark.parametrize("width", range(1, 80))
def test_a_figure_is_whole_or_left_out(width: int) -> None:
    player = Player()
    player.load(recording())
    player.seek(1_900)
    whole, line = drawn(player, 200, 12)[1].split(), drawn(player, width, 12)[1].split()
    assert line == whole[: len(line)]


def test_it_plays_to_the_end_and_again_from_the_start() -> None:
    player = Player()
    player.load(recording())
    player.toggle()
    player.tick(1_000)
    assert (player.at_s, player.playing) == (600.0, True)
    player.tick(60_000)
    assert (player.at_s, player.playing) == (7200, False)
    player.toggle()
    assert (player.at_s, player.playing) == (0.0, True)


@pytest.mark.parametrize(("width", "height"), [(80, 8), (158, 20), (44, 12), (18, 9)])
def test_a_legend_tells_what_the_marks_are(width: int, height: int) -> None:
    player = Player()
    player.load(recording())
    player.seek(3_000)
    *_, legend = player_lines(player, width, height)
    text = "".join(part[0] for part in legend)
    told = [mark for mark in "█░━+▲" if mark in text]
    assert width_of(legend) == width
    assert told == list("█░━+▲") if width >= 80 else told[:1] == ["█"]
    drawn = {part[0]: part[1] for line in player_lines(player, 158, 20)[:-1] for part in line}
    inks = {part[0].strip(): part[1] for part in legend if part[0].strip() in "█░━+▲"}
    assert all(drawn.get(mark, ink) == ink for mark, ink in inks.items() if mark != "█")
