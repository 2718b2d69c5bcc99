"""Draws a dry run: text for the terminal, or an SVG or PNG file. Shell."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from exchange.units import MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from manager.core.chart import Panel, svg_chart, text_chart
from manager.core.dry_run import Outcome

CONVERTER: Final = "rsvg-convert"
CONVERT_S: Final = 60


class ChartError(Exception):
    """There is no chart; one line."""


def check_chart(where: str) -> None:
    """Raise `ChartError` unless a chart can be made there: before a long run, not after it."""
    suffix = Path(where).suffix.lower()
    if where != "-" and suffix not in (".svg", ".png"):
        raise ChartError(f"--chart {where}: -, or a file that ends in .svg or .png")
    if suffix == ".png" and shutil.which(CONVERTER) is None:
        raise ChartError(f"--chart {where}: a PNG needs {CONVERTER} (librsvg2-bin); .svg does not")


def draw(where: str, samples: list[tuple[int, float]], outcome: Outcome) -> str:
    """Return the text for the terminal, "" if it is a file. Raises `ChartError`."""
    load = [(at_ms / MS_PER_SECOND, value) for at_ms, value in samples]
    panels = [Panel("load, requests/s", load), Panel("units bought", outcome.units)]
    if where == "-":
        return text_chart(panels, load[-1][0], clock) + "\n"
    try:
        _write(Path(where), svg_chart(panels, load[-1][0], clock))
    except OSError as error:
        raise ChartError(f"--chart {where}: {error.strerror}") from error
    return ""


def clock(t_s: float) -> str:
    """Return ``2d 03:04:05``, counted from the trace's second 0."""
    at_ms = int(t_s) * MS_PER_SECOND
    days, rest_ms = divmod(at_ms, 24 * MS_PER_HOUR)
    hours, rest_ms = divmod(rest_ms, MS_PER_HOUR)
    minutes, rest_ms = divmod(rest_ms, MS_PER_MINUTE)
    return f"{f'{days}d ' if days else ''}{hours:02}:{minutes:02}:{rest_ms // MS_PER_SECOND:02}"


def _write(path: Path, svg: str) -> None:
    if path.suffix.lower() == ".svg":
        path.write_text(svg, encoding="utf-8")
        return
    command = [CONVERTER, "--format", "png", "--output", str(path)]
    try:
        done = subprocess.run(
            command, input=svg.encode(), capture_output=True, timeout=CONVERT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ChartError(f"--chart {path}: {CONVERTER} took longer than {CONVERT_S} s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise ChartError(f"--chart {path}: {CONVERTER}: {said[0]}")
