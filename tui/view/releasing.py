"""What releasing a lease means, in one question: which VMs end, what is owed at least."""

from collections.abc import Iterable

from exchange.units import MS_PER_HOUR, MS_PER_MINUTE, ceil_div, count_text
from exchange.wire.frames import LeaseUpdate, VmUpdate
from exchange.wire.terms import MINIMUM_SPOT_MS
from exchange.wire.types import SPOT
from tui.view.text import money_text

NAMED_MAX = 2
"""VMs named one by one; more are counted."""


def question(lease: LeaseUpdate, vms: Iterable[VmUpdate], silent: bool) -> str:
    """Return what Enter would do. ``silent``: the lease's host is silent now (rules.md 5.4)."""
    running = [vm.name for vm in vms if vm.lease_id == lease.lease_id]
    units = count_text(lease.units, "unit")
    return f"Release {lease.lease_id} ({units})? {_killed(running)}, {_owed(lease, silent)}."


def least_owed_ucr(lease: LeaseUpdate, silent: bool) -> int:
    """Return what the lease costs at least when all of it is released now (rules.md 5.4).

    A window is owed in full; spot units owe five minutes at the full price, and never less than
    what is posted. What comes on top depends on waits that only the exchange knows.
    """
    hour_ucr = lease.units * lease.price_ucr
    if not lease.symbol.endswith(f".{SPOT}"):
        return hour_ucr
    least_ucr = ceil_div(hour_ucr * MINIMUM_SPOT_MS, MS_PER_HOUR)
    return lease.charged_ucr if silent else max(lease.charged_ucr, least_ucr)


def _killed(names: list[str]) -> str:
    if not names:
        return "No VM runs on it"
    if len(names) > NAMED_MAX:
        return f"Its {len(names)} VMs are killed"
    vms = "VMs" if len(names) > 1 else "VM"
    return f"Kills {vms} {' and '.join(names)}"


def _owed(lease: LeaseUpdate, silent: bool) -> str:
    least = money_text(least_owed_ucr(lease, silent))
    if not lease.symbol.endswith(f".{SPOT}"):
        # A silent host may have delivered less, and only what it delivered is owed then.
        return "what was delivered is owed" if silent else f"the window's {least} stay owed"
    minimum = "" if silent else f" ({MINIMUM_SPOT_MS // MS_PER_MINUTE} min is the least)"
    return f"owed at least {least}{minimum}"
