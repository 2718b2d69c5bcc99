"""The progress of a build and its remaining time. Pure."""

from collections.abc import Sequence

from msgspec import Struct


class Step(Struct, frozen=True):
    """``usual_s``: seconds that it takes on two idle cores."""

    name: str
    usual_s: int


STEPS: tuple[Step, ...] = (
    Step("fetch the Python packages", 15),
    Step("install Debian", 200),
    Step("install Headroom", 20),
    Step("pack the file system", 120),
    Step("make the ISO", 8),
)


def left_s(steps: Sequence[Step], took_s: Sequence[float], in_step_s: float) -> int:
    """Return the seconds left: the usual ones, times how much slower this machine is.

    ``took_s``: what each finished step took; the next one runs for ``in_step_s``.
    """
    done = len(took_s)
    usual_s = sum(step.usual_s for step in steps[:done])
    # What is slow shows at once; what was quick, as a download kept from before, promises nothing.
    pace = max(1.0, sum(took_s) / usual_s if usual_s else 0.0, in_step_s / steps[done].usual_s)
    now, *later = (step.usual_s * pace for step in steps[done:])
    return round(max(now - in_step_s, 0) + sum(later))


def text(number: int, steps: Sequence[Step], in_step_s: float, left: int) -> str:
    """``[2/5] install Debian, 1:20; about 4:10 left``"""
    name = steps[number].name
    ahead = f"about {_clock(left)} left" if left else "nearly done"
    return f"[{number + 1}/{len(steps)}] {name}, {_clock(round(in_step_s))}; {ahead}"


def ended(number: int, steps: Sequence[Step], took_s: float) -> str:
    return f"[{number + 1}/{len(steps)}] {steps[number].name}: {_clock(round(took_s))}"


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02}"
