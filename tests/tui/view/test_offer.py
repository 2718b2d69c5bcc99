"""The offer wizard: what it asks, the keys it sets, what it refuses, how its lines look."""

from typing import Any

import pytest

from manager.control.frames import GroupRow, LoadRow, OfferShown, Snapshot, WantedRow
from tests.tui.view.test_host_rows import NOW_MS, SPOT, WINDOW, market
from tui.view.farm import Farm
from tui.view.offer import (
    PREVIEW_COLUMNS,
    WrongError,
    fields,
    keys_of,
    preview_rows,
    summary,
    values_of,
    wrong_field,
)
from tui.view.offer_lines import KEYS, asking_lines, key_at, keys_line, preview_lines, side_by_side
from tui.view.owner import no_wizard, token_checked, token_lines
from tui.view.table import ListView
from tui.view.text import Line, width_of
from tui.view.wizard import Steps

NOTHING = {"kind": "none"}
TAKEN_OUT: dict[str, Any] = {"units": None, "share": None, "below_pct": None}


def values(**changed: str) -> dict[str, str]:
    return values_of("rack-7", NOTHING) | {"kind": "all", "price": "0.02"} | changed


def steps(**changed: str) -> Steps:
    return Steps("OFFER", lambda told: fields(told, ("rack-7", "rack-8")), values(**changed))


def plain(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _, _ in line) for line in lines]


def test_the_story_becomes_the_keys_of_the_file() -> None:
    told = values(
        kind="residual",
        below_pct="10",
        delivery="both",
        times="night",
        by="best_ask",
        offset="-0.001",
        floor="0.015",
    )
    assert keys_of(told) == {
        **TAKEN_OUT,
        "kind": "residual",
        "below_pct": 10,
        "classes": ["small"],
        "delivery": ["spot", "window"],
        "max_units": None,
        "hours": "20:00-07:00",
        "blackout": None,
        "pricing": "flat",
        "price": {"relative_to": "best_ask", "offset": -0.001, "floor": 0.015},
    }
    assert summary(told) == (
        "what is left below 10 % own load, flat, nights only, by the best ask, never below 0.015"
    )


@pytest.mark.parametrize(
    ("changed", "keys"),
    [
        ({"kind": "fixed", "units": "4"}, {"units": 4}),
        ({"kind": "share", "share": "50 %"}, {"share": 0.5}),
        ({"classes": "medium, small"}, {"classes": ["medium", "small"]}),
        ({"max_units": "20"}, {"max_units": 20}),
        ({"times": "own", "hours": "22:00-06:00"}, {"hours": "22:00-06:00"}),
        (
            {"blackout": "2026-12-24..2026-12-27 2026-12-31"},
            {"blackout": ["2026-12-24..2026-12-27", "2026-12-31"]},
        ),
        ({"pricing": "metered"}, {"pricing": "metered", "price": 0.02}),
    ],
)
def test_each_answer_is_a_key(changed: dict[str, str], keys: dict[str, Any]) -> None:
    assert keys.items() <= keys_of(values(**changed)).items()


def test_nothing_takes_the_kinds_own_keys_out_and_asks_no_more() -> None:
    told = values(kind="none")
    assert keys_of(told) == {**TAKEN_OUT, "kind": "none"}
    assert [each.name for each in fields(told, ("rack-7",))] == ["group", "kind"]
    assert summary(told) == "nothing"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"price": "0,02"}, "price"),
        ({"price": "1 000"}, "price"),
        ({"price": ""}, "price"),
        ({"price": "0"}, "price"),
        ({"by": "best_bid", "floor": "0,015"}, "floor"),
        ({"by": "best_bid", "floor": "0.01", "offset": "--1"}, "offset"),
        ({"kind": "residual", "below_pct": "101"}, "below_pct"),
        ({"kind": "fixed", "units": "²"}, "units"),
        ({"max_units": "many"}, "max_units"),
        ({"classes": " "}, "classes"),
    ],
)
def test_what_is_no_number_is_refused_and_named(changed: dict[str, str], field: str) -> None:
    with pytest.raises(WrongError) as caught:
        keys_of(values(**changed))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "offer",
    [
        {"kind": "share", "share": 0.25, "price": 0.0215, "classes": ["medium", "small"]},
        {"kind": "residual", "below_pct": 35, "price": 0.02, "delivery": ["window"]},
        {"kind": "fixed", "units": 3, "max_units": 9, "hours": "22:00-06:00", "price": 1.5},
        {
            "kind": "all",
            "pricing": "metered",
            "blackout": ["2026-12-24"],
            "price": {"relative_to": "best_bid", "offset": -0.0005, "floor": 0.01, "alone": 0.04},
        },
    ],
)
def test_an_offer_of_the_file_comes_back_as_it_was(offer: dict[str, Any]) -> None:
    keys = keys_of(values_of("rack-7", offer))
    told = {key: value for key, value in keys.items() if value is not None}
    assert offer.items() <= told.items()
    usual = {"classes": ["small"], "delivery": ["spot"], "pricing": "flat"}
    assert told == usual | offer


def test_prices_by_the_hour_are_left_as_they_are() -> None:
    offer = {"kind": "all", "price": [{"hours": "20:00-07:00", "price": 0.01}, {"price": 0.03}]}
    told = values_of("rack-7", offer)
    assert "price" not in keys_of(told)
    names = [each.name for each in fields(told, ("rack-7",))]
    assert names[-1] == "by" and "by the hour" in summary(told)


@pytest.mark.parametrize(
    ("why", "field"),
    [
        ("The Manager refuses: rack-7.offer.hours: '20-07' is not like", "hours"),
        ("The Manager refuses: rack-7.offer.price.floor: missing key", "floor"),
        ("The Manager refuses: rack-7.offer.blackout[0]: 'x' is not like", "blackout"),
        ("The Manager refuses: offer.units: expected 'int'", "units"),
        ("no Manager is connected", ""),
    ],
)
def test_a_refusal_is_found_at_its_field(why: str, field: str) -> None:
    assert wrong_field(why) == field


def test_typing_takes_the_place_of_what_is_there_and_backspace_changes_it() -> None:
    form = steps()
    form.point("price")
    for character in "0.03":
        form.key(character, character)
    assert form.values["price"] == "0.03"
    form.key("backspace", None)
    form.key("4", "4")
    assert form.values["price"] == "0.04"
    form.key("up", None)
    form.key("right", None)
    assert form.values["by"] == "best_ask"
    assert form.field.name == "by"
    assert [each.name for each in form.fields][-3:] == ["offset", "floor", "alone"]


def test_a_click_goes_to_a_field_and_again_to_its_next_choice() -> None:
    form = steps()
    assert form.click(3) and form.field.name == "kind" and form.values["kind"] == "all"
    form.click(3)
    assert form.values["kind"] == "fixed"
    assert not form.click(0) and not form.click(40)


SHOWN = OfferShown(
    {},
    [WantedRow(SPOT, 12, 3, 29_000, NOW_MS + 3_600_000), WantedRow(WINDOW, 6, 3)],
    [f"r7-{number:02d} (h-{number}): it is silent" for number in range(9)],
)


def listed() -> ListView:
    view = ListView("ASKS", PREVIEW_COLUMNS)
    view.take(preview_rows(market(), SHOWN, NOW_MS))
    return view


def test_the_preview_has_the_market_beside_it() -> None:
    cells = [[cell.text for cell in row.cells] for row in preview_rows(market(), SHOWN, NOW_MS)]
    assert cells == [
        [SPOT, "12", "3", "0.0290", "0.0190", "0.0215", "in 1h 00m"],
        [WINDOW, "6", "3", "…", "–", "–", "at once"],
    ]


@pytest.mark.parametrize(("width", "height"), [(74, 21), (110, 30), (56, 16)])
def test_every_line_is_as_wide_as_its_place(width: int, height: int) -> None:
    told = summary(values())
    form = steps(by="best_ask")
    form.wrong = "The Manager refuses: " + "a long story " * 12
    drawn = [
        asking_lines(form, width, height),
        preview_lines(listed(), "rack-7", told, SHOWN.notes, width, height, "preview"),
        side_by_side(
            form,
            preview_lines(listed(), "rack-7", told, SHOWN.notes, 145 - 62 - 3, height, "asking"),
            62,
            145,
            "asking",
        ),
    ]
    for lines, cells in zip(drawn, (width, width, 145), strict=True):
        assert [width_of(line) for line in lines] == [cells] * height
    assert "and 4 more" in " ".join(plain(drawn[1]))
    assert "12" in " ".join(plain(drawn[1])) and SPOT in " ".join(plain(drawn[1]))


@pytest.mark.parametrize("stage", KEYS)
def test_a_click_on_the_keys_does_what_they_say(stage: str) -> None:
    line = plain([keys_line(stage, 100)])[0]
    for deed, key, words in KEYS[stage]:
        assert key_at(KEYS[stage], line.index(f"{key} {words}")) == deed
    assert key_at(KEYS[stage], 99) == ""


def test_why_there_is_no_wizard() -> None:
    farm = Farm()
    assert "headroom manager run" in no_wizard(farm)
    farm.apply(Snapshot(0, LoadRow(1.0, 0)))
    assert "no [[group]]" in no_wizard(farm)
    farm.apply(Snapshot(0, LoadRow(1.0, 0), groups=[GroupRow("rack-7", "none")]))
    farm.lost("gone")
    assert "no Manager answers" in no_wizard(farm)


def test_a_token_says_what_it_lets_in_and_what_to_type() -> None:
    told = {"zone": "eu-de", "uses": "1", "hours": "2"}
    assert token_checked(told, ["eu-de"]) == (True, "1 server within 2 hours; it is let in at once")
    assert "until you approve it" in token_checked(told | {"uses": "3"}, ["eu-de"]).text
    for wrong in ({"zone": "mars"}, {"uses": "0"}, {"uses": "²"}, {"hours": "721"}, {"hours": ""}):
        assert not token_checked(told | wrong, ["eu-de"]).ok
    line, then = token_lines("ws://x/v1/ws", "abc", 2, 1)
    assert line == (
        "HEADROOM_TOKEN=abc headroom host enroll --url ws://x/v1/ws --name NAME --key host.pem"
    )
    assert "approve it here" in then
