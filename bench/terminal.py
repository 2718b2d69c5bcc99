"""What the terminal costs: the real one, 160x50 in a pseudo-terminal, at a live exchange. CPU time.

The market screen and a bare Textual application run at the same time and get the same updates, so
that what else the machine does hits them alike. Started are the terminal, a bare application and
`import textual`, in turn.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Final

from msgspec import Struct

from bench.report import Figure
from bench.terminal_pty import Seat
from bench.terminal_stage import SYMBOLS, Stage, stage

FLOW: Final = "Terminal"
BARE: Final = ("-m", "bench.terminal_bare")
IMPORT: Final = ("-c", "import textual; print('Bare')")
LOADS: Final = {200: 10.0, 1_000: 15.0}
"""Updates a second, and the aim in per cent of a core."""
SCREENS: Final = {
    "Orders": "o",
    "Leases": "l",
    "Hosts": "h",
    "Find": "f",
    "Library": "b",
    "Automation": "a",
    "Scenarios": "s",
    "Log": "j",
}
"""Each with its letter after ``g``."""
IDLE_AIM: Final = 5.0
PAINT_AIM_S: Final = 1.2
GROWN_AIM_MIB: Final = 5.0
DAY_S: Final = 1_800.0
"""Of real time, within which the virtual day must be over."""


class Spell(Struct, frozen=True):
    """How long things are looked at, in seconds."""

    settling_s: float = 4.0
    loaded_s: float = 10.0
    idle_s: float = 8.0
    day_steps: int = 7_200
    """Updates an hour of the virtual day."""


FULL: Final = Spell()


class Loaded(Struct, frozen=True):
    """A spell under load: updates a second that came, shares of a core in per cent."""

    updates: float
    market: float
    bare: float


def figures(rounds: int, spell: Spell = FULL) -> list[Figure]:
    """Measure and return what `make bench` tells of the terminal."""
    return asyncio.run(_figures(rounds, spell))


async def _figures(rounds: int, spell: Spell) -> list[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        async with stage(Path(scratch)) as market:
            found = await _under_load(market, rounds, spell)
            found += await _idle(market, spell)
            found += await _first_paint(market, rounds)
    return found + await _over_a_day(spell.day_steps)


async def _over_a_day(steps: int) -> list[Figure]:
    """Let a day of trading pass in virtual time, once for RSS and once for what Python keeps."""
    began_mib, _, ended_mib, _ = await _day(str(steps))
    _, kept_mib, _, still_mib = await _day(str(steps), "traced")
    grown = {"RSS": ended_mib - began_mib, "objects": still_mib - kept_mib}
    return [
        Figure(FLOW, f"{name} grown in a virtual day", mib, "MiB", aim=GROWN_AIM_MIB, at_most=True)
        for name, mib in grown.items()
    ]


async def _day(*words: str) -> list[float]:
    day = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.terminal_day", *words), stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await asyncio.wait_for(day.communicate(), DAY_S)
    finally:
        if day.returncode is None:
            day.kill()
            await day.wait()
    assert day.returncode == 0, "the day broke off"
    return [float(number) for number in out.split()]


async def _under_load(market: Stage, rounds: int, spell: Spell) -> list[Figure]:
    bare = Seat(market.folder, *BARE, market.url, *SYMBOLS, mark=b"Bare")
    found: dict[int, list[Loaded]] = {per_s: [] for per_s in LOADS}
    with Seat(market.folder, *market.words(), mark=b"Market") as terminal, bare:
        await _painted(terminal, bare)
        await market.load(200, spell.settling_s)
        for _ in range(rounds):
            for per_s, one in found.items():
                one.append(await _loaded(market, terminal, bare, per_s, spell.loaded_s))
    rows = []
    for per_s, aim in LOADS.items():
        at = f"{per_s:,} updates/s"
        share = median(one.market for one in found[per_s])
        ratio = median(one.market / one.bare for one in found[per_s])
        came = median(one.updates for one in found[per_s])
        rows += [
            Figure(FLOW, f"Market, {at}: share of a core", share, "%", aim=aim, at_most=True),
            Figure(FLOW, f"Market / bare Textual, {at}", ratio, "x"),
            Figure(FLOW, f"book updates that came, {at}", came, "/s"),
        ]
    return rows


async def _loaded(market: Stage, terminal: Seat, bare: Seat, per_s: int, for_s: float) -> Loaded:
    seats, begun_s = (terminal, bare), asyncio.get_running_loop().time()
    before = [seat.cpu_s for seat in seats]
    updates = await market.load(per_s, for_s)
    took_s = asyncio.get_running_loop().time() - begun_s
    shares = [
        100 * (seat.cpu_s - cpu_s) / took_s for seat, cpu_s in zip(seats, before, strict=True)
    ]
    return Loaded(updates, *shares)


async def _idle(market: Stage, spell: Spell) -> list[Figure]:
    rows = []
    with (
        Seat(market.folder, *market.words(), mark=b"Market") as terminal,
        Seat(market.folder, *market.words("operator"), mark=b"Market") as operator,
    ):
        await _painted(terminal, operator)
        await asyncio.sleep(spell.settling_s)
        operator.press("gp")
        for name, letter in SCREENS.items():
            rows.append(await _quiet(terminal, name, f"g{letter}", spell))
        rows.append(await _quiet(operator, "Operator", "", spell))
    return rows


async def _quiet(seat: Seat, name: str, keys: str, spell: Spell) -> Figure:
    seat.press(keys)
    await asyncio.sleep(spell.settling_s)
    before = seat.cpu_s
    await asyncio.sleep(spell.idle_s)
    share = 100 * (seat.cpu_s - before) / spell.idle_s
    assert seat.running, f"the terminal ended on {name}"
    return Figure(FLOW, f"{name}, idle: share of a core", share, "%", aim=IDLE_AIM, at_most=True)


async def _first_paint(market: Stage, rounds: int) -> list[Figure]:
    subjects = {
        "first paint": (market.words(), b"Market"),
        "bare Textual": (list(BARE), b"Bare"),
        "import textual": (list(IMPORT), b"Bare"),
    }
    taken: dict[str, list[Seat]] = {name: [] for name in subjects}
    for _ in range(rounds):  # all have been started before: nothing is read or compiled anew
        for name, (words, mark) in subjects.items():
            with Seat(market.folder, *words, mark=mark) as seat:
                await _painted(seat)
            taken[name].append(seat)
    rows = []
    for name, seats in taken.items():
        wall_s = median(seat.painted_s for seat in seats)
        cpu_s = median(seat.painted_cpu_s for seat in seats)
        aim = PAINT_AIM_S if name == "first paint" else None
        rows.append(Figure(FLOW, f"start to {name}", wall_s, "s", aim=aim, at_most=True))
        rows.append(Figure(FLOW, f"start to {name}, CPU", cpu_s, "s", aim=aim, at_most=True))
    return rows


async def _painted(*seats: Seat) -> None:
    for seat in seats:
        await asyncio.to_thread(seat.painted)
