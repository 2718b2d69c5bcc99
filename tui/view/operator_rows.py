"""What the operator's lists show: applications, accounts, markets by zone. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from exchange.units import count_text
from exchange.wire.frames import InstrumentUpdate
from tui.view.table import WHOLE, Cell, Column, Row
from tui.view.text import exact_price_text, money_text, places_of, price_text, span_text

APPLICATION_COLUMNS: Final = (
    Column("application", 0, least=WHOLE),
    Column("name", 0, least=8),
    Column("contact", 1, least=8),
    Column("wants to", 2, least=4),
    Column("waits", 3, number=True),
    Column("public key", 4, least=8),
)
ACCOUNT_COLUMNS: Final = (
    Column("account", 0, least=8),
    Column("available", 0, number=True),
    Column("held", 1, number=True),
    Column("orders", 2, least=7),
)
MARKET_COLUMNS: Final = (
    Column("market", 0, least=WHOLE),
    Column("state", 0, least=10),
    Column("tick", 3, number=True),
    Column("band", 2, number=True),
    Column("what", 4, least=8),
)
SYSTEM: Final = {"fees": "the exchange's fees", "outside": "what was paid in, negative"}
KILLED: Final = {"account": "! stopped: kill switch", "all": "! all stopped: kill switch"}
WANTS: Final = {"buy": "rent", "sell": "let", "both": "rent, let"}


def application_rows(waiting: Sequence[Mapping[str, Any]], now_ms: int) -> list[Row]:
    """Return who waits for an account, longest first."""
    return [
        Row(
            one["application"],
            (
                Cell(one["application"], "accent"),
                Cell(_shown(one["name"])),
                Cell(_shown(one["contact"]), "label"),
                Cell(WANTS.get(one["side"], one["side"]), "label"),
                Cell(span_text(now_ms - one["at_ms"]), "label", now_ms - one["at_ms"]),
                Cell(one["public_key"], "dim"),
            ),
            dict(one),
        )
        for one in waiting
    ]


def account_rows(balances: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Return everybody's money; a stopped account says so."""
    return [
        Row(
            name,
            (
                Cell(name, "dim" if name in SYSTEM else "text"),
                Cell(money_text(row["available_ucr"]), "text", row["available_ucr"]),
                Cell(money_text(row["held_ucr"]), "label", row["held_ucr"]),
                _orders(name, row.get("killed", "")),
            ),
            {"account": name, **row},
        )
        for name, row in balances.items()
    ]


def _orders(name: str, killed: str) -> Cell:
    if name in SYSTEM:
        return Cell(SYSTEM[name], "dim")
    return Cell(KILLED[killed], "warn") if killed in KILLED else Cell("taken", "dim")


def market_rows(instruments: Iterable[InstrumentUpdate]) -> list[Row]:
    """Return each zone with its markets below it; what is over is left out."""
    zones: dict[str, list[InstrumentUpdate]] = {}
    for item in instruments:
        if item.state != "settled":
            zones.setdefault(item.zone, []).append(item)
    rows: list[Row] = []
    for zone, items in sorted(zones.items()):
        halted = sum(item.state == "halted" for item in items)
        state = Cell(f"! {halted} halted", "warn") if halted else Cell("open", "label")
        what = f"{items[0].country}, {count_text(len(items), 'market')}"
        blank = Cell("")
        cells = (Cell(zone, "accent"), state, blank, blank, Cell(what, "label"))
        rows.append(Row(zone, cells, {"zone": zone, "country": items[0].country}))
        rows += [_market(item) for item in items]
    return rows


def _market(item: InstrumentUpdate) -> Row:
    places = places_of(item.tick_ucr)
    halted = item.state == "halted"
    band = "none"
    if item.band_low_ucr is not None and item.band_high_ucr is not None:
        band = (
            f"{exact_price_text(item.band_low_ucr, places)} to "
            f"{exact_price_text(item.band_high_ucr, places)}"
        )
    state = ("! " if halted else "") + item.state.replace("_", " ")
    cells = (
        Cell(item.symbol),
        Cell(state, "warn" if halted else "label"),
        Cell(price_text(item.tick_ucr, places), "label", item.tick_ucr),
        Cell(band, "label"),
        Cell("spot" if item.delivery == "spot" else "a window of its series", "dim"),
    )
    return Row(item.symbol, cells, item, depth=1)


def _shown(text: str) -> str:
    """Applicants write what they like; only what prints is shown."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
