"""What a recording without one account says, for people and as JSON. Pure."""

from textwrap import wrap
from typing import Any, Final

import msgspec

from exchange.units import count_text
from sim.record.without import Outcome

WIDTH: Final = 80
CANNOT_KNOW: Final = (
    "The others act as they did: nobody bids more, sells more or leaves because of what changed.",
    "An order that now trades, or no longer does, changes the book for all that follow it.",
    "VMs that were never started were reported by nobody: simulated hosts boot and run them.",
)
_ROWS: Final = (
    ("cost, credits", "cost", ".6f"),
    ("units bought", "units_bought", ",d"),
    ("unit-hours had", "unit_hours", ",.2f"),
    ("unit-hours ready", "ready_unit_hours", ",.2f"),
    ("most units at once", "peak_units", ",d"),
    ("mean price, credits", "price_mean", ".6f"),
    ("leases", "leases", ",d"),
    ("others' cost, credits", "others_cost", ".6f"),
)


def without_lines(account: str, policy: str | None, outcome: Outcome) -> list[str]:
    """Return the answer as lines that fit a terminal of 80 columns."""
    head = policy.rpartition(":")[2] if policy is not None else "nobody"
    lines = [f"{account:<22} {'recorded':>16} {head[:24]:>24}"]
    for label, name, form in _ROWS:
        before, after = getattr(outcome.recorded, name), getattr(outcome.played, name)
        lines.append(f"{label:<22} {before:>16{form}} {after:>24{form}}")
    if outcome.recorded_quality is not None and outcome.played_quality is not None:
        before = outcome.recorded_quality.slo_violation_pct
        after = outcome.played_quality.slo_violation_pct
        lines.append(f"{'violated requests, %':<22} {before:>16.3f} {after:>24.3f}")
    told = [*_played(account, outcome), "What this cannot know:"]
    lines += [part for line in told for part in wrap(line, WIDTH)]
    for line in CANNOT_KNOW:
        lines += wrap(f"* {line}", WIDTH, subsequent_indent="  ")
    return lines


def told_without(outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(outcome)
    told["cannot_know"] = list(CANNOT_KNOW)
    return told


def _played(account: str, outcome: Outcome) -> list[str]:
    fates = outcome.fates
    lines = [
        f"Taken out: {count_text(fates['taken_out'], 'command')} of {account} or about its VMs."
    ]
    more = [
        f"{fates['nameless']} named what never came about",
        f"{fates['simulated']} were of VMs that now run elsewhere",
        f"{outcome.unchanged} changed nothing any more",
        f"{outcome.refused.total()} were refused",
    ]
    reasons = ", ".join(f"{name} {count}" for name, count in outcome.refused.most_common())
    lines.append(f"{outcome.commands} of the others were played; {', '.join(more)}.")
    if reasons:
        lines.append(f"Refused: {reasons}.")
    if outcome.given_back:
        given = count_text(outcome.given_back, "lease")
        lines.append(f"Of those it had at the start, {given} ended at once there.")
    return lines
