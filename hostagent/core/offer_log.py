"""The log lines about what a host offers, and why. Pure.

``capacity`` at the start, ``offer`` when another offer is announced, ``residual_open`` and
``residual_closed`` when the owner's own load has been below or above the threshold for long enough.
"""

from exchange.log.line import LogLine, line
from exchange.wire.types import Accel, Capacity, ToldCapacity
from hostagent.core.offering import Offering
from hostagent.core.own_use import Used
from hostagent.core.residual import CLOSE_AFTER_MS, OPEN_AFTER_MS


def capacity(now: Offering, accel: Accel) -> LogLine:
    text = f"offering {room(now.offered)} ({accel}); {why(now)}"
    return line("info", "capacity", text, accel=accel, **_numbers(now))


def offer(now: Offering, classes: list[str]) -> LogLine:
    text = f"offers {room(now.offered)}, classes {', '.join(classes) or 'none'}; {why(now)}"
    return line("info", "offer", text, mvcpu=now.offered.mvcpu, **_numbers(now))


def why(now: Offering) -> str:
    """Return where the numbers come from: total, reserve, own use, the owner's limits."""
    reserve = Used(*(max(0, had) for had in _beside(now.total, now.capacity)))
    said = [f"the server has {_used(now.total)}", f"its reserve is {_used(reserve)}"]
    said.append(f"its own work takes {_used(now.own)} ({_measured(now)})")
    said.append("no limit" if now.limit is None else f"the owner's limit is {room(now.limit)}")
    if now.below_pct is not None:
        state = "open" if now.open else "closed"
        said.append(f"residual below {now.below_pct} %: {state}")
    return "; ".join(said)


def room(what: Capacity | ToldCapacity) -> str:
    return f"{what.mvcpu} mvcpu, {what.mem_mib} MiB memory, {what.disk_mib} MiB disk"


def _beside(total: Used, capacity: Capacity) -> tuple[int, int]:
    return total.mvcpu - capacity.mvcpu, total.mem_mib - capacity.mem_mib


def _used(what: Used) -> str:
    return f"{what.mvcpu} mvcpu and {what.mem_mib} MiB"


def _measured(now: Offering) -> str:
    if now.below_pct is not None:
        return "now"
    return f"measured over {now.hours:.1f} of 24 h" if now.hours else "not measured yet"


def _numbers(now: Offering) -> dict[str, int | str]:
    return {"own_mvcpu": now.own.mvcpu, "own_mem_mib": now.own.mem_mib}


class ResidualLog:
    """Tells when a residual offer opens or closes."""

    def __init__(self) -> None:
        self._open = True

    def changes(self, now: Offering) -> list[LogLine]:
        if now.open == self._open:
            return []
        self._open = now.open
        own = f"the server's own work takes {_used(now.own)}"
        numbers = {"below_pct": now.below_pct or 0, **_numbers(now)}
        if now.below_pct is None:
            text = f"the threshold is lifted; {own}"
        elif now.open:
            text = f"own load below {now.below_pct} % for {OPEN_AFTER_MS // 60_000} min; {own}"
        else:
            text = f"own load not below {now.below_pct} % for {CLOSE_AFTER_MS // 60_000} min,"
            text += f" or not known to be yet; {own}"
        if now.open:
            return [
                line("info", "residual_open", f"{text}; offering {room(now.offered)}", **numbers)
            ]
        return [line("info", "residual_closed", f"{text}; offering nothing", **numbers)]
