"""A snapshot as text of 80 columns. Pure."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from exchange.units import count_text, credits_text
from manager.control.budgets import of_account, of_rule, spent_text
from manager.control.frames import BurstRow, LoadRow, RuleRow, Snapshot, VmRow
from manager.control.view import clock

WIDTH: Final = 80
GAP: Final = "  "


def status_lines(shown: Snapshot) -> Iterator[str]:
    """Yield what `headroom manager status` prints."""
    yield from _farm(shown.load)
    if spent := spent_text(of_account(shown.spend)):
        yield _cut(spent)
    yield from _section(
        "RULE STATE SINCE UNITS SPENT DOES", [_rule(row, shown.at_ms) for row in shown.rules]
    )
    for row in shown.rules:
        for reason in row.blocked_by:
            yield from _wrapped(f"  {row.name}: {reason}")
        if spent := spent_text(of_rule(row)):
            yield _cut(f"  {row.name}: {spent}")
    units = [cells for burst in shown.bursts for cells in _units(burst)]
    yield from _section("UNIT STATE BOUGHT-BY HOST PRICE VM BOOK", units)
    yield from _section("VM CLASS PORTS UNITS USED IMAGE", _vms(shown))
    asks = [
        [row.name, ask.symbol, str(ask.units), credits_text(ask.price_ucr)]
        for row in shown.groups
        for ask in row.asks
    ]
    yield from _section("GROUP SELLS UNITS PRICE", asks)
    idle = [group for group in shown.groups if group.idle]
    if idle and not asks:
        yield ""
    for group in idle:
        yield from _wrapped(f"group {group.name} has no asks: {group.idle}")
    yield from _section(
        "ALERT AT WHAT", [[row.kind, clock(row.at_ms), row.text] for row in shown.alerts[-5:]]
    )


def vm_lines(shown: Snapshot) -> Iterator[str]:
    """Yield what `headroom manager vm list` prints."""
    return _section("VM CLASS PORTS UNITS USED IMAGE", _vms(shown))


def _vms(shown: Snapshot) -> list[list[str]]:
    return [
        [
            vm.name,
            vm.vm_class,
            " ".join(map(str, vm.ports)) or "-",
            str(vm.units),
            _used(vm, shown.at_ms),
            _image(vm),
        ]
        for vm in shown.library
    ]


def _used(vm: VmRow, now_ms: int) -> str:
    if vm.units:
        return "now"
    return "-" if vm.used_ms is None else f"{_ago(now_ms - vm.used_ms)} ago"


def _image(vm: VmRow) -> str:
    if vm.upload_percent is None:
        return vm.image[:12]
    left = "" if vm.upload_left_s is None else f", {vm.upload_left_s} s left"
    return f"uploading {vm.upload_percent} %{left}"


def _farm(load: LoadRow) -> Iterator[str]:
    units = f"{load.pending} on their way, {load.paid} rented or on order"
    if load.load_rps is None and not load.needed:
        yield f"no rule needs the load; {units}"
    else:
        rate = "unknown" if load.load_rps is None else f"{load.load_rps:g} per second"
        if load.util_pct is not None:
            rate += f", {load.util_pct:g} % of {count_text(load.ready, 'unit')}"
        yield f"load {rate}; {units}"
    if not load.online:
        yield "no connection to the exchange"
    if not load.buying:
        yield "buying is stopped"


def _rule(row: RuleRow, now_ms: int) -> list[str]:
    since = "-" if row.since_ms is None else _ago(now_ms - row.since_ms)
    return [row.name, row.state, since, str(row.units), credits_text(row.spent_ucr), row.do]


def _units(burst: BurstRow) -> Iterator[list[str]]:
    name = "by hand" if burst.by_hand else burst.name
    for unit in burst.units:
        price = credits_text(unit.price_ucr)
        state = f"{unit.state}{' (recalled)' if unit.ending else ''}"
        yield [unit.unit, state, name, unit.host, price, unit.vm or "-", unit.symbol or "-"]
    for order in burst.orders:
        what = "bid" if order.rests else "order"
        yield [
            what,
            f"{order.coming} to come",
            name,
            "-",
            credits_text(order.price_ucr),
            "-",
            order.symbol,
        ]


def _ago(ms: int) -> str:
    seconds = max(0, ms) // 1000
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _section(names: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield an empty line, the names and the rows; nothing without rows."""
    if not rows:
        return
    table = [names.split(), *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    yield ""
    for row in table:
        yield _cut(GAP.join(map(_pad, row, widths)))


_pad: Callable[[str, int], str] = str.ljust


def _wrapped(text: str) -> list[str]:
    """Return all of it, in lines: a reason is of no use without its figures."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ")


def _cut(text: str) -> str:
    text = text.rstrip()
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
