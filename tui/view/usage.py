"""How much CPU and network a VM uses, from the readings that its host reports every hour. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from exchange.units import MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from exchange.wire.requests import AccountStatement

REACH_MS: Final = 2 * MS_PER_HOUR + 10 * MS_PER_MINUTE
"""Two readings are in it, and some time for the last one to come."""
AGAIN_MS: Final = MS_PER_MINUTE
PAGES_MAX: Final = 20


class Rate(NamedTuple):
    """Averages between two readings; ``at_ms`` is when the later one was made."""

    cpu_pct: float
    """100: one CPU, all the time."""
    down_bps: int
    up_bps: int
    at_ms: int


def usage_request(now_ms: int, offset: int = 0) -> AccountStatement:
    """Return what asks for the last readings of all VMs."""
    return AccountStatement(
        req_id=1, kind="usage", from_ms=max(0, now_ms - REACH_MS), offset=offset
    )


def rates(rows: Iterable[Mapping[str, Any]]) -> dict[str, Rate]:
    """Return the rate of each VM with two readings of one boot, which come oldest first."""
    before: dict[str, Mapping[str, Any]] = {}
    found: dict[str, Rate] = {}
    for row in sorted(rows, key=lambda row: (row["ts_ms"], row["seq"])):
        last = before.get(row["vm_id"])
        if last is not None and last["boot"] == row["boot"] and row["ts_ms"] > last["ts_ms"]:
            found[row["vm_id"]] = _between(last, row)
        before[row["vm_id"]] = row
    return found


def _between(last: Mapping[str, Any], row: Mapping[str, Any]) -> Rate:
    passed_ms = row["ts_ms"] - last["ts_ms"]

    def per_s(name: str) -> int:
        moved = int(row[name] or 0) - int(last[name] or 0)
        return moved * MS_PER_SECOND // int(passed_ms)

    cpu_ms = row["cpu_ms_total"] - last["cpu_ms_total"]
    return Rate(
        cpu_ms * 100 / passed_ms, per_s("net_rx_total"), per_s("net_tx_total"), row["ts_ms"]
    )


def bytes_text(per_s: int) -> str:
    """Return bytes a second in at most eight cells: ``12.3 kB/s``."""
    amount, unit = float(per_s), "B"
    for bigger in ("kB", "MB", "GB"):
        if amount < 1_000:
            break
        amount, unit = amount / 1_000, bigger
    return f"{amount:.0f} {unit}/s" if unit == "B" else f"{amount:.1f} {unit}/s"
