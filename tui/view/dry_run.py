"""What a dry run came to, as a chart and a list. Pure."""

from typing import Any, Final

import msgspec

from exchange.units import MS_PER_SECOND, count_text
from manager.core.chart import Panel, text_chart
from manager.core.dry_run import Outcome
from tui.view.text import money_text, span_text

FIRED_MAX: Final = 1_000


def dry_run_text(answer: Any, columns: int) -> str:
    """Return the Manager's answer to `dry_run` in lines of ``columns`` at most."""
    outcome = msgspec.convert(answer, Outcome)
    lines = [
        f"At most {count_text(outcome.peak_units, 'unit')} at once, "
        f"{outcome.unit_hours:.1f} unit-hours, at most {money_text(outcome.cost_ucr)} credits",
        "at the rules' highest prices; nobody was asked and nothing was bought.",
        "",
    ]
    if outcome.load:
        panels = [Panel("load, requests/s", outcome.load), Panel("units bought", outcome.units)]
        lines += [text_chart(panels, outcome.load[-1][0], _clock, columns), ""]
    lines.append("What the rules did:" if outcome.fired else "No rule would have acted.")
    lines += [
        f"{_clock(one.t_s):>9}  {one.rule}: {one.what} ({one.units} before)"
        for one in outcome.fired[:FIRED_MAX]
    ]
    more = len(outcome.fired) - FIRED_MAX
    return "\n".join([*lines, *([f"and {count_text(more, 'time')} more"] if more > 0 else [])])


def _clock(t_s: float) -> str:
    return span_text(int(t_s) * MS_PER_SECOND)
