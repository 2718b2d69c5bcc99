"""One paragraph about a rule: what it reads and needs, since when, why it does not act. Pure."""

from exchange.units import count_text, credits_text
from manager.control.budgets import of_account, of_rule, spent_text
from manager.control.frames import RuleRow, Snapshot
from manager.control.view import clock_from


def explain(shown: Snapshot, name: str) -> str | None:
    """Return the paragraph, ``None`` when there is no such rule."""
    row = next((row for row in shown.rules if row.name == name), None)
    if row is None:
        return None
    parts = [f"Rule {row.name} does '{row.do}' when {row.when}.", _farm(shown)]
    parts += [_since(row, shown.at_ms), *_waits(row), _fallback(row), _ahead(row), _money(row)]
    parts.append(_account(shown))
    return " ".join(part for part in parts if part)


def _farm(shown: Snapshot) -> str:
    load = shown.load
    if load.load_rps is None:
        return "There is no load figure."
    util = "" if load.util_pct is None else f", {load.util_pct:g} % of what {_serve(load.ready)}"
    more = "is on its way" if load.pending == 1 else "are on their way"
    coming = f"; {load.pending} more {more}" if load.pending else ""
    return f"The load is {load.load_rps:g} per second{util}{coming}."


def _serve(units: int) -> str:
    return "1 unit serves" if units == 1 else f"{units} units serve"


def _since(row: RuleRow, now_ms: int) -> str:
    if row.since_ms is None:
        return "Its condition does not hold."
    return f"Its condition has held for {_seconds(now_ms - row.since_ms)}."


def _waits(row: RuleRow) -> list[str]:
    parts = [f"It needs: {'; '.join(row.needs)}."] if row.needs else []
    if row.blocked_by:
        parts.append(f"It is held back: {'; '.join(row.blocked_by)}.")
    if row.until_ms is not None and row.fired_ms is not None:
        parts.append(f"It fired and cools down until {clock_from(row.until_ms)}.")
    if not parts and row.since_ms is not None:
        parts.append("Nothing holds it back.")
    return parts


def _fallback(row: RuleRow) -> str:
    if not row.fallback:
        return ""
    return f"What its own class cannot give it buys as {', then '.join(row.fallback)}."


def _ahead(row: RuleRow) -> str:
    return f"It has bought {count_text(row.ahead, 'unit-hour')} ahead." if row.ahead else ""


def _money(row: RuleRow) -> str:
    if not row.units and not row.spent_ucr and not row.spent_month_ucr:
        return ""
    spent = spent_text(of_rule(row)) or f"spent {credits_text(row.spent_ucr)} credits today"
    return f"It has {count_text(row.units, 'unit')} and {spent}."


def _account(shown: Snapshot) -> str:
    spent = spent_text(of_account(shown.spend))
    return f"The whole account {spent}." if spent else ""


def _seconds(ms: int) -> str:
    minutes, seconds = divmod(max(0, ms) // 1000, 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
