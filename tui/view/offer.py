"""The offer wizard: what of a group of servers is sold, within which limits, at which price. Pure.

Keys of an offer are those of ``[group.offer]`` in manager.toml; the wizard sets or takes out those
it asks for and leaves all others as they are in the file.
"""

from collections.abc import Mapping
from typing import Any, Final

from exchange.units import MS_PER_MINUTE, UCR_PER_CREDIT
from manager.control.frames import OfferShown, WantedRow
from tui.view.host_rows import market_cells
from tui.view.model import Model
from tui.view.table import Cell, Column, Row
from tui.view.text import exact_price_text, parse_price_ucr, span_text
from tui.view.wizard import Step

KINDS: Final = (
    ("residual", "what is left while the own load is low"),
    ("all", "all that they have"),
    ("fixed", "some units of each"),
    ("share", "a part of each"),
    ("none", "nothing"),
)
DELIVERIES: Final = (
    ("spot", "now, until released"),
    ("window", "hours ahead"),
    ("both", "now, and hours ahead"),
)
NIGHT: Final = "20:00-07:00"
TIMES: Final = (("always", "all day"), ("night", f"nights only, {NIGHT}"), ("own", "other hours"))
PRICINGS: Final = (("flat", "flat, by the hour"), ("metered", "by what is used"))
PRICES: Final = (
    ("fixed", "a fixed price"),
    ("best_ask", "relative to the best ask"),
    ("best_bid", "relative to the best bid"),
)
BY_HOUR: Final = ("hourly", "by the hour, as in the file")
CREDITS: Final = "credits per unit-hour, such as 0.015"
SHARE_HINT: Final = "of each server's CPU and memory, in per cent"
HOURS_HINT: Final = "by the clock of the zone, such as 22:00-06:00"
PREVIEW_COLUMNS: Final = (
    Column("symbol", 0, least=30),
    Column("units", 0, number=True),
    Column("hosts", 4, number=True),
    Column("price", 0, number=True),
    Column("best bid", 2, number=True),
    Column("best ask", 1, number=True),
    Column("from", 3, least=10),
)


class WrongError(Exception):
    """A value cannot be taken; ``field`` names it, ``str`` is one line."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


# --- what is asked ---


def fields(values: Mapping[str, str], groups: tuple[str, ...]) -> list[Step]:
    """Return what is asked, given what is answered already."""
    kind = values["kind"]
    asked = [
        Step("group", "group", tuple((name, name) for name in groups)),
        Step("kind", "sell", KINDS),
    ]
    if kind == "none":
        return asked
    limits = {
        "residual": Step("below_pct", "load below, %", hint="of the server's CPU, 1 to 100"),
        "fixed": Step("units", "units of each", hint="a number of units"),
        "share": Step("share", "part, %", hint=SHARE_HINT),
    }
    if kind in limits:
        asked.append(limits[kind])
    asked += [
        Step("classes", "sizes", hint="in this order: nano small medium large"),
        Step("delivery", "sold", DELIVERIES),
        Step("max_units", "at most, units", hint="of the whole group; empty: no limit"),
        Step("times", "when", TIMES),
    ]
    if values["times"] == "own":
        asked.append(Step("hours", "hours", hint=HOURS_HINT))
    asked += [
        Step("blackout", "not on", hint="days such as 2026-12-24..2026-12-27 2026-12-31"),
        Step("pricing", "paid", PRICINGS),
    ]
    hourly = (BY_HOUR,) if values.get("hourly") else ()
    asked.append(Step("by", "price", (*PRICES, *hourly)))
    if values["by"] == "fixed":
        asked.append(Step("price", "credits", hint=CREDITS))
    elif values["by"] != "hourly":
        asked += [
            Step("offset", "more or less", hint="added to it, such as -0.001; 0 meets it"),
            Step("floor", "never below", hint=CREDITS),
            Step("alone", "while alone", hint="the price while nobody else is there; empty: floor"),
        ]
    return asked


def values_of(group: str, offer: Mapping[str, Any]) -> dict[str, str]:
    """Return what the fields say for an offer as the file has it."""
    price = offer.get("price")
    relative = price if isinstance(price, dict) else {}
    hours = offer.get("hours")
    delivery = list(offer.get("delivery", ["spot"]))
    times = "always" if hours is None else "night" if hours == NIGHT else "own"
    return {
        "group": group,
        "kind": offer.get("kind", "none"),
        "below_pct": str(offer.get("below_pct", 10)),
        "units": str(offer.get("units", 1)),
        "share": f"{offer.get('share', 0.5) * 100:g}",
        "classes": " ".join(offer.get("classes", ["small"])),
        "delivery": "both" if len(delivery) > 1 else str(delivery[0]),
        "max_units": str(offer.get("max_units", "")),
        "times": times,
        "hours": hours or NIGHT,
        "blackout": " ".join(offer.get("blackout", [])),
        "pricing": offer.get("pricing", "flat"),
        "by": relative.get("relative_to", "hourly" if isinstance(price, list) else "fixed"),
        "hourly": "yes" if isinstance(price, list) else "",
        "price": credits_text(price) if isinstance(price, int | float) else "",
        "offset": credits_text(relative.get("offset", 0)),
        "floor": credits_text(relative["floor"]) if "floor" in relative else "",
        "alone": credits_text(relative["alone"]) if "alone" in relative else "",
    }


def credits_text(credits: float) -> str:
    """Return a price of the file as a person types it."""
    ucr = round(abs(credits) * UCR_PER_CREDIT)
    return ("-" if credits < 0 and ucr else "") + exact_price_text(ucr, 3)


# --- what it comes to ---


def keys_of(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the keys to set; None takes one out. Raises `WrongError`."""
    kind = values["kind"]
    keys: dict[str, Any] = {"kind": kind, "units": None, "share": None, "below_pct": None}
    if kind == "none":
        return keys
    if kind == "residual":
        keys["below_pct"] = _whole(values, "below_pct", 100)
    elif kind == "fixed":
        keys["units"] = _whole(values, "units", 10**6)
    elif kind == "share":
        keys["share"] = _whole(values, "share", 100) / 100
    hours = {"always": None, "night": NIGHT, "own": values["hours"].strip()}
    keys |= {
        "classes": values["classes"].replace(",", " ").split(),
        "delivery": ["spot", "window"] if values["delivery"] == "both" else [values["delivery"]],
        "max_units": _whole(values, "max_units", 10**6) if values["max_units"].strip() else None,
        "hours": hours[values["times"]],
        "blackout": values["blackout"].replace(",", " ").split() or None,
        "pricing": values["pricing"],
    }
    if not keys["classes"]:
        raise WrongError("classes", "name at least one size, such as small")
    return keys | _price(values)


def _price(values: Mapping[str, str]) -> dict[str, Any]:
    by = values["by"]
    if by == "hourly":
        return {}
    if by == "fixed":
        return {"price": _credits(values, "price")}
    offset = values["offset"].strip() or "0"
    sign = -1 if offset.startswith(("-", "−")) else 1
    digits = offset[1:] if offset[0] in "+-−" else offset
    found = {
        "relative_to": by,
        "offset": sign * _credits({"offset": digits}, "offset", least=0),
        "floor": _credits(values, "floor"),
    }
    if values["alone"].strip():
        found["alone"] = _credits(values, "alone")
    return {"price": found}


def _whole(values: Mapping[str, str], name: str, most: int) -> int:
    text = values[name].strip().removesuffix("%").strip()
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
    if not 1 <= number <= most:
        raise WrongError(name, f"{text or 'nothing'} is no whole number from 1 to {most:,}")
    return number


def _credits(values: Mapping[str, str], name: str, least: int = 1) -> float:
    text = values[name].strip()
    ucr = parse_price_ucr(text) if text else None
    if ucr is None or not least <= ucr <= 1_000 * UCR_PER_CREDIT:
        raise WrongError(name, f"{text or 'nothing'} is no price: {CREDITS}; the dot is the point")
    return ucr / UCR_PER_CREDIT


def summary(values: Mapping[str, str]) -> str:
    """Return the offer in one line: ``what is left below 10 %, flat, nights only``."""
    kind = values["kind"]
    if kind == "none":
        return "nothing"
    what = {
        "residual": f"what is left below {values['below_pct']} % own load",
        "all": "all",
        "fixed": f"{_units(values['units'])} of each",
        "share": f"{values['share']} % of each",
    }[kind]
    most = f"at most {_units(values['max_units'])}" if values["max_units"].strip() else ""
    when = {"always": "", "night": "nights only", "own": values["hours"]}[values["times"]]
    by = {
        "fixed": f"at {values['price']}",
        "hourly": "at prices by the hour",
        "best_ask": f"by the best ask, never below {values['floor']}",
        "best_bid": f"by the best bid, never below {values['floor']}",
    }[values["by"]]
    return ", ".join(part for part in (what, most, values["pricing"], when, by) if part)


def wrong_field(why: str) -> str:
    """Return the field that a refusal of the Manager names, "" when it names none."""
    place = why.partition(": ")[2] or why
    key = place.partition("offer.")[2].partition(":")[0].partition("[")[0]
    return {"price.floor": "floor", "price.alone": "alone", "price.offset": "offset"}.get(key, key)


# --- the preview ---


def preview_rows(model: Model, shown: OfferShown, now_ms: int) -> list[Row]:
    """Return the asks with the market beside them. ``now_ms``: by the exchange's clock."""
    return [_row(model, ask, now_ms) for ask in shown.asks]


def _row(model: Model, ask: WantedRow, now_ms: int) -> Row:
    price = Cell("…", "dim")
    if ask.price_ucr is not None:
        text = exact_price_text(ask.price_ucr, model.places(ask.symbol))
        price = Cell(text, "text!", ask.price_ucr)
    waits = Cell("at once", "dim")
    if ask.opens_ms is not None:
        left_ms = max(0, ask.opens_ms - now_ms) + MS_PER_MINUTE - 1
        waits = Cell(f"in {span_text(left_ms - left_ms % MS_PER_MINUTE)}", "accent", ask.opens_ms)
    cells = (
        Cell(ask.symbol),
        Cell(f"{ask.units:,}", "own!", ask.units),
        Cell(f"{ask.hosts:,}", order=ask.hosts),
        price,
        *market_cells(model, ask.symbol),
        waits,
    )
    return Row(f"{ask.symbol} {ask.opens_ms or ''}", cells, ask)


def _units(text: str) -> str:
    return "1 unit" if text.strip() == "1" else f"{text} units"
