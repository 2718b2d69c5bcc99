"""The account's hosts as rows: by group of the Manager, with what each offers and sold. Pure.

Below, what is asked for and sold on one of them.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from exchange.units import MS_PER_HOUR, count_text
from exchange.wire.frames import HostUpdate, LeaseUpdate, OrderUpdate
from exchange.wire.terms import DEFAULT_CLASSES, need_of
from exchange.wire.text import paused_text, uptime
from exchange.wire.types import SPOT
from manager.control.frames import GroupRow
from tui.view.farm import Farm
from tui.view.model import Model
from tui.view.table import Cell, Column, Row
from tui.view.text import exact_price_text, money_text, price_text, span_text

HOST_COLUMNS: Final = (
    Column("server", 0, least=14),
    Column("status", 0, least=8),
    Column("load", 1, number=True),
    Column("cpu", 7, number=True),
    Column("cpu sold", 2, number=True),
    Column("cpu idle", 2, number=True),
    Column("mem", 8, number=True),
    Column("mem sold", 5, number=True),
    Column("mem idle", 4, number=True),
    Column("disk", 13, number=True),
    Column("disk sold", 14, number=True),
    Column("disk idle", 12, number=True),
    Column("VMs", 6, number=True),
    Column("a day", 3, number=True),
    Column("delivered", 9, number=True),
    Column("heard", 11, number=True),
    Column("id", 10, least=4),
)
PART_COLUMNS: Final = (
    Column("", 0, least=3),
    Column("symbol", 0, least=24),
    Column("units", 0, number=True),
    Column("price", 0, number=True),
    Column("best bid", 3, number=True),
    Column("best ask", 2, number=True),
    Column("a day", 1, number=True),
    Column("state", 4, least=8),
    Column("id", 5, least=5),
)
GROUP: Final = "group/"
"""Before a group's name in the key of its row, as in the ids of its asks."""
DAY_HOURS: Final = 24
MIB_PER_GIB: Final = 1024
STATUS_INK: Final = {
    "live": "text",
    "pending": "accent",
    "draining": "own",
    "silent": "warn",
    "lost": "warn",
}
NOTHING: Final = Cell("–", "dim")


Room: TypeAlias = tuple[int, int, int]
"""mvcpu, MiB of memory, MiB of disk."""


class Member(NamedTuple):
    """A host and what is sold on it now."""

    host: HostUpdate
    leases: list[LeaseUpdate]

    def running(self, now_ms: int) -> list[LeaseUpdate]:
        return [lease for lease in self.leases if lease.start_ms <= now_ms]

    def day_ucr(self, now_ms: int) -> int:
        """What it earns in a day at the rate of now."""
        return sum(each.units * each.price_ucr for each in self.running(now_ms)) * DAY_HOURS

    def sold(self, now_ms: int) -> Room:
        """What its running leases take. Its row's ``used`` also has what is only asked for.

        The exchange tells no sizes of classes: of one that is not a usual one, nothing is known.
        """
        total = (0, 0, 0)
        for lease in self.running(now_ms):
            shape = DEFAULT_CLASSES.get(lease.symbol.partition(".")[0])
            need = need_of(shape) if shape else (0, 0, 0)
            cpu, mem, disk = (each * lease.units for each in need)
            total = total[0] + cpu, total[1] + mem, total[2] + disk
        return total


def members(model: Model) -> dict[str, Member]:
    """Return all hosts by id, ``h-10`` behind ``h-9``."""
    found = {host: Member(model.fleet[host], []) for host in sorted(model.fleet, key=_number)}
    for lease in model.account.leases.values():
        if lease.side == "sell" and lease.host in found:
            found[lease.host].leases.append(lease)
    return found


def _number(host: str) -> tuple[int, str]:
    tail = host.rpartition("-")[2]
    return int(tail) if tail.isdecimal() else 0, host


def hosts_of(model: Model, farm: Farm, key: str) -> list[HostUpdate]:
    """Return the hosts that a row means: one, or all of a group."""
    if not key.startswith(GROUP):
        return [model.fleet[key]] if key in model.fleet else []
    return [each.host for each in _by_group(model, farm).get(key, [])]


def group_at(farm: Farm, key: str) -> GroupRow | None:
    """Return the group of a row: its own, or that of its host."""
    groups = farm.groups
    return next((row for row in groups if key == GROUP + row.name or key in row.members), None)


def _by_group(model: Model, farm: Farm) -> dict[str, list[Member]]:
    """Return the hosts by the key of their group's row; ``group/``: of no group."""
    everything = members(model)
    found: dict[str, list[Member]] = {}
    for group in farm.groups:
        mine = [everything.pop(host) for host in group.members if host in everything]
        found[GROUP + group.name] = sorted(mine, key=lambda each: _number(each.host.host))
    if everything:
        found[GROUP] = list(everything.values())
    return found


def host_rows(model: Model, farm: Farm, now_ms: int) -> list[Row]:
    """Return the tree; without groups, the hosts alone. ``now_ms``: by the exchange's clock."""
    if not farm.groups:
        return [_host_row(each, now_ms, 0) for each in members(model).values()]
    offers = {GROUP + group.name: group for group in farm.groups}
    rows: list[Row] = []
    for key, mine in _by_group(model, farm).items():
        rows.append(_group_row(key, offers.get(key), mine, now_ms))
        rows += [_host_row(each, now_ms, 1) for each in mine]
    return rows


def _group_row(key: str, group: GroupRow | None, mine: Sequence[Member], now_ms: int) -> Row:
    if group is None:
        name, status = "(no group)", Cell("sells nothing", "dim")
    else:
        name = group.name
        status = Cell(group.trouble or group.offer, "warn" if group.trouble else "own")
    hosts = [each.host for each in mine]
    figures = (
        Cell(name, "text!"),
        status,
        NOTHING,
        *_room(mine, now_ms),
        Cell(str(sum(host.vms for host in hosts)), order=sum(host.vms for host in hosts)),
        *_record(mine, now_ms),
        NOTHING,
        Cell(count_text(len(hosts), "host"), "dim"),
    )
    return Row(key, figures, group or {"name": name, "hosts": len(hosts)})


def _host_row(each: Member, now_ms: int, depth: int) -> Row:
    host = each.host
    heard = NOTHING
    if host.heard_ms is not None:
        heard = Cell(span_text(now_ms - host.heard_ms), "dim", now_ms - host.heard_ms)
    load = NOTHING
    if host.load is not None:
        load = Cell(f"{host.load.cpu_pct:.0f} %", order=host.load.cpu_pct)
    cells = (
        Cell(host.name),
        _status(host),
        load,
        *_room([each], now_ms),
        Cell(str(host.vms), order=host.vms),
        *_record([each], now_ms),
        heard,
        Cell(host.host, "dim", _number(host.host)[0]),
    )
    return Row(host.host, cells, host, depth)


def _status(host: HostUpdate) -> Cell:
    if host.paused is not None and host.status == "live":
        return Cell(f"paused: {paused_text(host.paused)}", "warn")
    return Cell(host.status, STATUS_INK.get(host.status, "dim"))


def _room(mine: Iterable[Member], now_ms: int) -> tuple[Cell, ...]:
    """Return offered, sold and idle in vCPU, GiB of memory and GiB of disk."""
    offered, used = [0, 0, 0], [0, 0, 0]
    for each in mine:
        room = each.host.offered
        for at, of_host in enumerate((room.mvcpu, room.mem_mib, room.disk_mib)):
            offered[at] += of_host
        for at, sold in enumerate(each.sold(now_ms)):
            used[at] += sold
    cells = []
    for at, (unit, places) in enumerate(((1000, 1), (MIB_PER_GIB, 1), (MIB_PER_GIB, 0))):
        idle = max(0, offered[at] - used[at])
        parts = ((offered[at], "text"), (used[at], "own" if used[at] else "dim"), (idle, "text"))
        cells += [Cell(f"{part / unit:,.{places}f}", ink, part) for part, ink in parts]
    return tuple(cells)


def _record(mine: Sequence[Member], now_ms: int) -> tuple[Cell, Cell]:
    """Return the revenue of a day and the delivered part of the time that was sold."""
    day_ucr = sum(each.day_ucr(now_ms) for each in mine)
    sold_s = sum(each.host.contracted_unit_s for each in mine)
    delivered_s = sum(each.host.delivered_unit_s for each in mine)
    shown = uptime(sold_s, delivered_s)
    return (
        Cell(money_text(day_ucr, 2), "text!" if day_ucr else "dim", day_ucr),
        Cell("–" if shown == "-" else shown, "dim" if shown == "-" else "text"),
    )


# --- what is asked for and sold on a host or in a group ---


def part_rows(model: Model, farm: Farm, key: str, now_ms: int) -> list[Row]:
    """Return the asks and the leases of the host or group with ``key``, asks first."""
    ids = {host.host for host in hosts_of(model, farm, key)}
    group = group_at(farm, key) if key.startswith(GROUP) else None
    if group is not None:
        rows = [
            _ask_row(model, f"{ask.symbol} {ask.price_ucr}", ask.symbol, ask.units, ask.price_ucr)
            for ask in group.asks
        ]
    else:
        rows = [
            _ask_row(model, order.order_id, order.symbol, order.leaves_qty, order.price_ucr or 0)
            for order in model.account.orders.values()
            if _host_of(order) in ids
        ]
    let = [
        lease
        for lease in model.account.leases.values()
        if lease.side == "sell" and lease.host in ids
    ]
    return rows + [_lease_row(model, lease, now_ms) for lease in let]


def _host_of(order: OrderUpdate) -> str:
    """Return the host of a Manager's ask, "" for any other order: the exchange tells none."""
    parts = order.client_order_id.split("/")
    return parts[2] if len(parts) == 4 and order.client_order_id.startswith(GROUP) else ""


def _ask_row(model: Model, key: str, symbol: str, units: int, price_ucr: int) -> Row:
    cells = (
        Cell("ask", "ask"),
        Cell(symbol),
        Cell(f"{units:,}", "own!", units),
        Cell(exact_price_text(price_ucr, model.places(symbol)), order=price_ucr),
        *market_cells(model, symbol),
        NOTHING,
        Cell("in the book", "dim"),
        Cell("" if " " in key else key, "dim"),
    )
    return Row(key, cells, {"symbol": symbol, "units": units, "price_ucr": price_ucr})


def _lease_row(model: Model, lease: LeaseUpdate, now_ms: int) -> Row:
    spot = lease.symbol.endswith(f".{SPOT}")
    hours = DAY_HOURS if spot else 1
    earns_ucr = lease.units * lease.price_ucr * hours
    state = lease.state if lease.start_ms <= now_ms else f"in {span_text(lease.start_ms - now_ms)}"
    cells = (
        Cell("let", "own"),
        Cell(lease.symbol),
        Cell(f"{lease.units:,}", order=lease.units),
        Cell(exact_price_text(lease.price_ucr, model.places(lease.symbol)), order=lease.price_ucr),
        *market_cells(model, lease.symbol),
        Cell(money_text(earns_ucr, 2), "text!", earns_ucr),
        Cell(state, "warn" if lease.state == "ending" else "dim"),
        Cell(lease.lease_id, "dim"),
    )
    return Row(lease.lease_id, cells, lease)


def market_cells(model: Model, symbol: str) -> tuple[Cell, Cell]:
    """Return the best bid and ask of a book, as far as it is followed."""
    book = model.books.get(symbol)
    if book is None:
        return NOTHING, NOTHING
    places = model.places(symbol)
    bid, ask = book.best_bid_ucr, book.best_ask_ucr
    return (
        Cell(price_text(bid, places), "bid", bid) if bid is not None else NOTHING,
        Cell(price_text(ask, places), "ask", ask) if ask is not None else NOTHING,
    )


def drain_words(model: Model, hosts: Sequence[HostUpdate]) -> str:
    """Return what draining ``hosts`` ends and what runs on."""
    ids = {host.host for host in hosts}
    leases = [
        lease
        for lease in model.account.leases.values()
        if lease.side == "sell" and lease.host in ids
    ]
    units = sum(lease.units for lease in leases)
    later = [lease for lease in leases if not lease.symbol.endswith(f".{SPOT}")]
    asked = sum(
        order.leaves_qty for order in model.account.orders.values() if _host_of(order) in ids
    )
    what = "1 unit" if asked == 1 else f"{asked:,} units"
    asks = f"Asks for {what} are withdrawn. " if asked else "Its asks are withdrawn. "
    last_ms = max((lease.ends_ms or lease.start_ms + MS_PER_HOUR for lease in later), default=0)
    sold = "1 sold unit runs on until its renter releases it" if units == 1 else ""
    if units > 1:
        sold = f"{units:,} sold units run on until their renters release them"
    firm = f"; the last window ends at {_utc(last_ms)}" if last_ms else ""
    return asks + (f"{sold}{firm}." if sold else "Nothing is sold on it now.")


def _utc(at_ms: int) -> str:
    minutes = at_ms // 60_000 % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d} UTC"
