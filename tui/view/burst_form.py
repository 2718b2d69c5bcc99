"""Buying by hand and testing rules as forms. Pure."""

from typing import Final

import msgspec

from exchange.units import count_text
from exchange.wire.codec import readable
from manager.control.requests import BurstStart, DryRun
from tui.view.rule_form import PLACE
from tui.view.sheet import Field, Mistakes, Values, listed, number_mistake, stripped, whole_mistake
from tui.view.text import money_text, parse_price_ucr

RUN_NUMBERS: Final = ("per_s", "scale", "unit_rps", "boot_s")


def burst_fields(vm: str) -> list[Field]:
    return [
        Field("vm", "the stored VM to start", vm),
        Field("units", "how many", "1"),
        Field("price_max", "credits a unit-hour at most"),
        Field("zones", "eu-de, eu-fr; else those of the rules"),
    ]


def burst_request(values: Values) -> tuple[BurstStart | None, Mistakes]:
    """Return the request, or what is wrong by field."""
    given = stripped(values)
    mistakes = {key: "missing" for key in ("vm", "units", "price_max") if key not in given}
    mistakes |= {"units": whole_mistake(given.get("units", "1"))}
    mistakes |= {"price_max": number_mistake(given["price_max"])} if "price_max" in given else {}
    mistakes = {key: why for key, why in mistakes.items() if why}
    if mistakes:
        return None, mistakes
    raw = {
        "type": "burst.start",
        "req_id": 1,
        "vm": given["vm"],
        "units": int(given["units"]),
        "price_max": float(given["price_max"]),
        "zones": listed(given.get("zones", "")),
    }
    try:
        return msgspec.convert(raw, BurstStart), {}
    except msgspec.ValidationError as error:
        return None, _named(error)


def burst_cost(values: Values) -> str:
    """Say what a valid form may cost."""
    units = int(values["units"])
    hour_ucr = units * (parse_price_ucr(values["price_max"].strip()) or 0)
    return (
        f"Buys {count_text(units, 'unit')} at up to {values['price_max']} each: up to "
        f"{money_text(hour_ucr)} credits an hour, until you end it. "
        "A spot lease is owed for five minutes at least."
    )


def dry_run_fields() -> list[Field]:
    return [
        Field("path", "a CSV here; empty: the last day's load"),
        Field("column", "of the load; else the second one"),
        Field("time", "column of the seconds; t_s"),
        Field("per_s", "60: the column counts a minute"),
        Field("scale", "2: twice the load"),
        Field("start", "when second 0 is, for rules with hours"),
        Field("unit_rps", "what a unit serves; else the file's"),
        Field("core_units", "own units; else the file's"),
        Field("boot_s", "90: until a VM serves"),
    ]


def dry_run_request(values: Values) -> tuple[DryRun | None, Mistakes]:
    """Return the request, or what is wrong by field."""
    given = stripped(values)
    numbers = {key: number_mistake(given[key]) for key in RUN_NUMBERS if key in given}
    wholes = {key: whole_mistake(given[key]) for key in ("core_units",) if key in given}
    mistakes = {key: why for key, why in (numbers | wholes).items() if why}
    if mistakes:
        return None, mistakes
    raw: dict[str, object] = {"type": "dry_run", "req_id": 1, **given}
    raw |= {key: float(given[key]) for key in RUN_NUMBERS if key in given}
    raw |= {key: int(given[key]) for key in ("core_units",) if key in given}
    try:
        return msgspec.convert(raw, DryRun), {}
    except msgspec.ValidationError as error:
        return None, _named(error)


def _named(error: msgspec.ValidationError) -> Mistakes:
    place = PLACE.search(str(error))
    text = readable(PLACE.sub("", str(error)))
    return {place[1] if place else "": text[:1].lower() + text[1:]}
