"""What a person types while a simulation is served. Pure."""

import math
from typing import Final, NamedTuple

HELP: Final = """pause            let time stand still
go               let it go on; behind a step or seek, if one is under way
step [SECONDS]   go on by that much (10) and pause
seek TIME        go to a time of the run, and pause: seconds, H:MM or H:MM:SS;
                 back: what you did up to then stays, what you did later is undone
speed X          virtual seconds for a real one
status           where the run is
quit             end"""
SPEED_MAX: Final = 100_000.0
STEP_S: Final = 10.0
_PLAIN: Final = ("pause", "go", "status", "quit", "help")


class Order(NamedTuple):
    """``number``: seconds, or a speed."""

    name: str
    number: float = 0.0


def order(line: str, past_s: float) -> Order | str:
    """Return what ``line`` asks for, or what is wrong with it. ``past_s``: how long the run is."""
    name, *more = line.split()
    if name in _PLAIN and not more:
        return Order(name)
    if name == "step" and not more:
        return Order(name, STEP_S)
    if name not in ("step", "seek", "speed") or len(more) != 1:
        return f"{line.strip()[:60]}: no such command; try help"
    number = seconds(more[0]) if name == "seek" else _number(more[0])
    most = SPEED_MAX if name == "speed" else past_s
    least = 0.0 if name == "seek" else 0.001
    if number is None or not least <= number <= most:
        return f"{name} {more[0][:40]}: not a number from {least:g} to {most:g}"
    return Order(name, number)


def seconds(text: str) -> float | None:
    """Return a time of the run in seconds, from ``3600``, ``1:00`` or ``1:00:00``."""
    parts = [_number(part) for part in text.split(":")]
    if len(parts) > 3 or any(part is None for part in parts):
        return None
    numbers = [part or 0.0 for part in parts]
    if len(numbers) == 1:
        return numbers[0]
    hours, minutes, rest = (*numbers, 0.0)[:3]
    return hours * 3600 + minutes * 60 + rest


def clock(at_s: float) -> str:
    """Return a time of the run as `seconds` reads it; below zero before the scenario's start."""
    sign, tenths = ("-", -at_s * 10) if at_s < 0 else ("", at_s * 10)
    whole, tenth = divmod(int(tenths), 10)
    rest = f".{tenth}" if tenth else ""
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}{rest}"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
