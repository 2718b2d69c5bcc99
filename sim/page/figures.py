"""Figures and times as a reader of a page sees them, and round ticks for axes. Pure."""

from math import ceil, floor, log10
from typing import Final

from sim.page.model import Cell, Value

SECONDS: Final = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
DAY_S: Final = 86_400


def figure(value: float, significant: int = 4) -> str:
    """Return ``value`` with so many significant digits; none before its point is ever cut."""
    if value == 0:
        return "0"
    digits = max(0, min(6, significant - 1 - floor(log10(abs(value)))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell_text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return cell
        case Value(mean, ci95):
            # A line may end before the sign, not behind it.
            return (
                figure(mean) if not ci95 else f"{figure(mean)} ±\N{NO-BREAK SPACE}{figure(ci95, 2)}"
            )


def ticks(top: float, most: int = 4) -> list[float]:
    """Return round values from 0 to ``top`` or just above it; at most ``most`` + 1 of them."""
    if top <= 0:
        return [0.0, 1.0]
    size = 10.0 ** floor(log10(top / most))
    step = next(size * by for by in (1, 2, 2.5, 5, 10) if size * by * most >= top * (1 - 1e-9))
    return [step * index for index in range(ceil(top / step - 1e-9) + 1)]


def time_ticks(duration_s: float, most: int = 8) -> list[float]:
    """Return round times from 0 up to ``duration_s``."""
    step = next((each for each in SECONDS if duration_s / each <= most), 0)
    step = step or DAY_S * ceil(duration_s / DAY_S / most)
    return [float(at) for at in range(0, int(duration_s) + 1, step)]


def moment(at_s: float) -> str:
    """Return ``03:05``, ``03:05:20`` or ``2d 03:05``: the time since the start."""
    whole = round(at_s)
    days, rest = divmod(whole, DAY_S)
    minutes, seconds = divmod(rest, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    return f"{days}d {text}" if days else text
