"""What counts as a figure of the farm's load, and a counter's rate. Pure."""

import math

from msgspec import Struct


def figure(value: object) -> float:
    """Return ``value`` as a finite number that is not negative.

    Raises `ValueError`, whose text has no figure in it: the same fault is told once.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("is no number")
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("is too large") from error
    if not math.isfinite(number):
        raise ValueError("is no finite number")
    if number < 0:
        raise ValueError("is negative")
    return number


class CounterRate(Struct):
    """Turns readings of a counter into a rate; it needs two of them."""

    value: float | None = None
    at_s: float = 0.0

    def rate(self, value: float, at_s: float) -> float:
        """Return the growth per second since the reading before; ``at_s``: a monotonic clock.

        Raises `ValueError` for the first reading and when the counter went back.
        """
        before, elapsed_s = self.value, at_s - self.at_s
        self.value, self.at_s = value, at_s
        if before is None or elapsed_s <= 0:
            raise ValueError("is a counter: its rate is known after the next reading")
        if value < before:
            raise ValueError("went back: its rate is known after the next reading")
        return (value - before) / elapsed_s
