"""Durations, moments and figures as words of the explanation and the log. Pure."""

from datetime import datetime, tzinfo

from exchange.units import MS_PER_SECOND


def duration_text(ms: int) -> str:
    """Return ``45s``, ``2m``, ``1h30m``, ``3d``: the two largest parts."""
    seconds = ms // MS_PER_SECOND
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"


def moment_text(ms: int, zone: tzinfo) -> str:
    """Return ``Fri 18:00 CET``, by the clock of ``zone``."""
    return datetime.fromtimestamp(ms // MS_PER_SECOND, zone).strftime("%a %H:%M %Z")


def figure_text(value: float) -> str:
    """Return a figure with as many digits as an administrator reads."""
    return f"{value:.1f}".removesuffix(".0")
