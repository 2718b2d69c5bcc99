"""What one process and a writer behind doors can hold: the table of docs/scale.md.

    python -m bench.scale

writes the table into the page. It measures nothing: the figures stand below with where they come
from, and are changed when they are measured anew. Each limit is a figure divided into what there is
of it, so that everybody can put in another machine.
"""

import re
import sys
from pathlib import Path
from typing import Final, NamedTuple

PAGE: Final = Path(__file__).parent.parent / "docs" / "scale.md"
BEGIN, END = "<!-- made by python -m bench.scale -->", "<!-- end -->"
SECONDS_A_YEAR: Final = 365 * 86_400
GIB, TIB = 2**30, 2**40


class Figures(NamedTuple):
    """Measured: CPU in microseconds, memory and disk in bytes."""

    order_us: float
    """A durable order with others in the queue, all threads (docs/benchmark.md)."""
    door_us: float
    """The part of it that is sockets and framing: what a door does instead of the writer."""
    frame_us: float
    """A market data frame for one more subscriber."""
    host_us_a_second: float
    """A host with two VMs, a second (60 hosts, so that hardly any share a wake-up)."""
    ended_order: float
    """Memory of an order that ended, for 24 hours."""
    instrument: float
    """Memory of an instrument without orders."""
    journal_row: float
    """Disk of a command in the table, with the account's frames of a week."""
    sealed_row: float
    """Disk of a command in a sealed segment."""
    replayed_us: float
    """A row behind the snapshot, at a start."""
    loaded_us: float
    """An order that ended, in a snapshot that is loaded."""


class Machine(NamedTuple):
    """What there is, and how much of it is used in the mean."""

    core: float = 0.7
    """Of the one core that writes; the rest is for peaks."""
    memory: float = 16 * GIB
    disk: float = 2 * TIB
    snapshot_every: int = 100_000
    """Rows from one snapshot to the next."""


MEASURED: Final = Figures(
    order_us=24.7,
    door_us=6.5,
    frame_us=6.4,
    host_us_a_second=137,
    ended_order=118.4,
    instrument=1_931,
    journal_row=225,
    sealed_row=26.2,
    replayed_us=7.42,
    loaded_us=9.64,
)


class Row(NamedTuple):
    limit: str
    alone: str
    doors: str
    why: str


def rows(of: Figures, machine: Machine) -> list[Row]:
    """Return the limits: of one process, and of a writer whose clients are at doors."""
    return [*of_the_core(of, machine), *of_memory(of, machine), *of_time(of, machine)]


def of_the_core(of: Figures, machine: Machine) -> list[Row]:
    used_us = machine.core * 1e6
    behind_doors = used_us / (of.order_us - of.door_us)
    return [
        Row(
            "orders a second, with a queue",
            count(used_us / of.order_us),
            f"at most {count(behind_doors)}",
            f"{of.order_us:g} us of CPU, of which {of.door_us:g} are sockets and framing",
        ),
        Row(
            "subscribers to a book that changes 10 times a second",
            count(used_us / (10 * of.frame_us)),
            "not measured",
            f"{of.frame_us:g} us a frame and subscriber",
        ),
        Row(
            "hosts with two VMs",
            count(used_us / of.host_us_a_second),
            "not measured",
            f"{of.host_us_a_second:g} us a host and second, most of it heartbeats",
        ),
    ]


def of_memory(of: Figures, machine: Machine) -> list[Row]:
    return [
        Row(
            "instruments",
            count(machine.memory / 4 / of.instrument),
            "the same",
            f"{of.instrument:,.0f} bytes each, in a quarter of the memory",
        ),
        Row(
            "orders in 24 hours",
            count(machine.memory / 2 / of.ended_order),
            "the same",
            f"{of.ended_order:g} bytes each for a day, in half of the memory",
        ),
        Row(
            "orders a second, all day long",
            count(machine.memory / 2 / of.ended_order / 86_400),
            "the same",
            f"what memory holds of a day, at {of.ended_order:g} bytes",
        ),
    ]


def of_time(of: Figures, machine: Machine) -> list[Row]:
    return [
        Row(
            "years of journal at 100 commands a second",
            f"{years(machine, of, 100):.0f}",
            "not measured",
            f"{of.sealed_row:g} bytes a sealed command, {of.journal_row:g} for a week in the table",
        ),
        Row(
            "longest start, CPU, after a day of 1,000,000 orders",
            f"{start_s(machine, of, 1_000_000):.1f} s",
            "the same; less with a warm standby",
            f"{of.replayed_us:g} us a row since the snapshot, {of.loaded_us:g} an order in it",
        ),
    ]


def years(machine: Machine, of: Figures, commands_a_second: float) -> float:
    """Return for how long the disk takes the journal, the table of a week set aside."""
    table = 7 * 86_400 * commands_a_second * of.journal_row
    return (machine.disk - table) / (commands_a_second * SECONDS_A_YEAR * of.sealed_row)


def start_s(machine: Machine, of: Figures, ended: int) -> float:
    return (machine.snapshot_every * of.replayed_us + ended * of.loaded_us) / 1e6


def count(value: float) -> str:
    """Return a number to two places that count: what is behind them was not measured."""
    digits = len(str(int(value)))
    return f"{round(value, 2 - digits):,.0f}"


def table(found: list[Row]) -> str:
    head = ["| limit | one process | a writer behind doors | from |", "|---|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in found)])


def with_table(page: str) -> str:
    """Return the page with the table as it is now."""
    made = f"{BEGIN}\n{table(rows(MEASURED, Machine()))}\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: made, page, flags=re.DOTALL)


def main() -> int:
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
