"""The exchange's page of metrics as rows: disk, lag, quarantine, connections. Pure."""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from tui.view.table import Cell, Column, Row

Labels: TypeAlias = frozenset[tuple[str, str]]
Samples: TypeAlias = dict[str, dict[Labels, float]]

_SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
GIB: Final = 1024**3
FIGURE_COLUMNS: Final = (
    Column("figure", 0, least=12),
    Column("value", 0, number=True),
    Column("what it is", 1, least=20),
)
DISK: Final = {
    "ok": "all requests are taken",
    "cancel_only": "nearly full: only cancels are taken",
    "halt": "full: nothing that must be written is taken",
}


def samples(text: str) -> Samples:
    """Return the samples of a page by name and labels; lines that are none are left out."""
    found: Samples = {}
    for line in text.splitlines():
        sample = _SAMPLE.match(line)
        if sample is None:
            continue
        try:
            value = float(sample[3])
        except ValueError:
            continue
        found.setdefault(sample[1], {})[frozenset(_LABEL.findall(sample[2] or ""))] = value
    return found


def figure_rows(page: Samples) -> list[Row]:
    """Return what an operator watches; a figure that the exchange does not tell is left out."""
    rows = [*_disk(page), *_lag(page)]
    for name, title, what, warns in _COUNTS:
        if name in page:
            value = sum(page[name].values())
            rows.append(_row(title, f"{value:,.0f}", what, warn=warns and value > 0))
    for name, label, title in _GROUPED:
        for at, value in sorted(_by(page.get(name, {}), label).items()):
            bad = label == "status" and at in ("silent", "lost") and value > 0
            rows.append(_row(f"{title} {at}", f"{value:,.0f}", "", warn=bad))
    internal = _by(page.get("headroom_requests_total", {}), "outcome").get("internal", 0.0)
    what = "requests that failed for a fault of the exchange: look at its log"
    return [*rows, _row("internal errors", f"{internal:,.0f}", what, warn=internal > 0)]


_COUNTS: Final = (
    (
        "headroom_quarantined_requests",
        "quarantine",
        "requests refused because they stopped the exchange once",
        True,
    ),
    ("headroom_queue_depth", "queue", "work items that wait", False),
    ("headroom_slow_clients_cut_total", "cut", "connections cut for reading slowly", False),
    ("headroom_applications", "applications", "that wait for you", False),
    ("headroom_connections", "connections", "open now", False),
    ("headroom_journal_seq", "last command", "its number in the journal", False),
    ("headroom_epoch", "starts", "how often the exchange was started", False),
)
_GROUPED: Final = (
    ("headroom_hosts", "status", "hosts"),
    ("headroom_sessions", "role", "sessions"),
)


def _disk(page: Samples) -> list[Row]:
    levels = _by(page.get("headroom_disk_level", {}), "level")
    level = next((name for name, on in levels.items() if on), "")
    if not level:
        return []
    free = sum(page.get("headroom_disk_free_bytes", {}).values())
    text = f"{free / GIB:,.1f} GiB free" if free else level
    return [_row("disk", text, DISK.get(level, level), warn=level != "ok")]


def _lag(page: Samples) -> list[Row]:
    found = []
    for name, title, what in (
        ("headroom_journal_commit_seconds", "commit p99", "time to make a batch durable"),
        ("headroom_batch_apply_seconds", "apply p99", "time to decode, apply and encode a batch"),
    ):
        limit = percentile(page.get(f"{name}_bucket", {}), 0.99)
        if limit is not None:
            found.append(_row(title, f"<= {limit * 1000:g} ms", f"{what}, since the start"))
    return found


def percentile(buckets: Mapping[Labels, float], share: float) -> float | None:
    """Return the bound below which ``share`` of a histogram's values lie, None for no values."""
    bounds = sorted((float(dict(labels)["le"]), count) for labels, count in buckets.items())
    if not bounds or not bounds[-1][1]:
        return None
    return next(bound for bound, count in bounds if count >= share * bounds[-1][1])


def _by(values: Mapping[Labels, float], label: str) -> dict[str, float]:
    """Return the sums by one label."""
    found: dict[str, float] = {}
    for labels, value in values.items():
        name = dict(labels).get(label, "")
        found[name] = found.get(name, 0.0) + value
    return found


def _row(title: str, value: str, what: str, *, warn: bool = False) -> Row:
    ink = "warn" if warn else "text"
    mark = "! " if warn else ""
    cells = (Cell(mark + title, ink), Cell(value, ink), Cell(what, "label"))
    return Row(title, cells, {"figure": title, "value": value})
