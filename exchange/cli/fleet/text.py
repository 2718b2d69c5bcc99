"""An owner's hosts and leases as tables for people. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from exchange.cli.fleet.pick import Row
from exchange.cli.fleet.table import Column, lines
from exchange.units import MS_PER_SECOND, count_text, credits_text
from exchange.wire.text import paused_text, uptime

MIB_PER_GIB: Final = 1024
MVCPU: Final = 1000
MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400

HOSTS: Final = (
    Column("HOST"),
    Column("NAME"),
    Column("ZONE", 4),
    Column("STATUS"),
    Column("VCPU", 2, right=True),
    Column("GIB", 6, right=True),
    Column("SOLD", 1, right=True),
    Column("VMS", 7, right=True),
    Column("LOAD", 3, right=True),
    Column("ACCEL", 8),
    Column("UPTIME", 5, right=True),
    Column("SEEN", 1, right=True),
)
LEASES: Final = (
    Column("LEASE"),
    Column("HOST"),
    Column("INSTRUMENT", 2),
    Column("UNITS", right=True),
    Column("PRICE/H", 1, right=True),
)


def host_lines(
    hosts: Sequence[Row], sold: Mapping[str, int], now_ms: int, width: int
) -> Iterator[str]:
    """Yield the table and how many hosts there are of each status.

    VCPU and GIB are offered, SOLD are units, UPTIME is the part of the sold time that was
    delivered, in leases that are over.
    """
    rows = [_host(row, sold.get(row["host"], 0), now_ms) for row in hosts]
    yield from lines(HOSTS, rows, width)
    counts = Counter(_status(row) for row in hosts)
    each = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    yield count_text(len(hosts), "host") + (f": {each}" if each else "")
    for reason in sorted({row["paused"] for row in hosts if row.get("paused")}):
        ids = ", ".join(row["host"] for row in hosts if row.get("paused") == reason)
        yield f"paused: {ids}: {paused_text(reason)}, so nothing more is sold"


def lease_lines(leases: Sequence[Row], width: int) -> Iterator[str]:
    """Yield the leases that a recall would end."""
    rows = [
        (
            row["lease_id"],
            row["host"],
            row["symbol"],
            str(row["units"]),
            credits_text(row["price_ucr"]),
        )
        for row in leases
    ]
    yield from lines(LEASES, rows, width)


def _host(row: Row, sold: int, now_ms: int) -> tuple[str, ...]:
    offered: dict[str, Any] = row["offered"]
    load: dict[str, Any] | None = row.get("load")
    return (
        row["host"],
        row["name"],
        row.get("zone") or "-",
        _status(row),
        f"{offered['mvcpu'] / MVCPU:.1f}",
        f"{offered['mem_mib'] / MIB_PER_GIB:.1f}",
        str(sold),
        str(row["vms"]),
        "-" if load is None else f"{load['cpu_pct']:.0f} %",
        row.get("accel") or "-",
        uptime(row.get("contracted_unit_s", 0), row.get("delivered_unit_s", 0)),
        "-" if row.get("heard_ms") is None else ago(now_ms - row["heard_ms"]),
    )


def _status(row: Row) -> str:
    return "paused" if row.get("paused") and row["status"] == "live" else str(row["status"])


def ago(ms: int) -> str:
    """Return a short time for people: ``3 s``, ``12 min``, ``5 h``, ``9 d``."""
    seconds = max(0, ms) // MS_PER_SECOND
    for unit_s, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= unit_s:
            return f"{seconds // unit_s} {unit}"
    return f"{seconds} s"
