"""The picked rule in full, what is spent of each budget, and how the farm stands. Pure."""

from collections.abc import Iterable
from typing import Final

from exchange.units import UCR_PER_CREDIT, count_text
from manager.control.budgets import NOW, BudgetUse, of_account, of_rule
from manager.control.frames import RuleRow, SpendRow
from manager.core.budget import Span as Days
from tui.view.automation import load_text
from tui.view.farm import Farm
from tui.view.text import (
    Line,
    Span,
    clip_words,
    clock_text,
    fit,
    money_text,
    span,
    span_text,
    title_line,
)

ROWS: Final = 6
"""Of the picked rule."""
BAR: Final = 10
FULL: Final = "▰"
EMPTY: Final = "▱"
NEAR_PCT: Final = 80
LABEL: Final = 8
BARS_FROM: Final = 100
"""Cells from which on budgets have bars."""


def status_line(farm: Farm, width: int) -> Line:
    """Return whether the Manager is there, buys and reaches the exchange, and the farm's load."""
    load = farm.load
    if load is None:
        return fit((), width)
    signs: list[Span] = []
    if farm.phase == "lost":
        signs.append(span("STALE: the Manager is gone  ", "warn!"))
    elif not load.online:
        signs.append(span("● live, but its exchange is gone  ", "warn!"))
    else:
        signs.append(span("● live  ", "text!"))
    if not load.buying:
        signs.append(span("BUYING STOPPED  ", "warn!"))
    unknown = load.stale or load.load_rps is None
    return fit((span(" "), *signs, span(load_text(load), "warn" if unknown else "label")), width)


def rule_lines(row: RuleRow | None, farm: Farm, now_ms: int, width: int) -> list[Line]:
    """Return `ROWS` lines about the rule that the cursor is on, and the account's budget."""
    room = width - LABEL - 1
    if row is None:
        lines = [title_line("RULE", (), width)]
    else:
        text = clip_words(f"{row.do} when {row.when}", max(1, width - len(row.name) - 8))
        stopped = "; ".join(row.blocked_by)
        lines = [
            title_line(f"RULE {row.name}", (span(text, "label"),), width),
            _labeled("holds", _holds(row, now_ms), width),
            _labeled("needs", _words("; ".join(row.needs), "text", "nothing more", room), width),
            _labeled("stopped", _words(stopped, "warn", "by nothing", room), width),
            _labeled("its own", _whole(_money(row, room), room), width),
        ]
    lines.append(_labeled("account", _whole(_account(farm.spend, room), room), width))
    return lines + [fit((), width)] * (ROWS - len(lines))


def _labeled(label: str, spans: Iterable[Span], width: int) -> Line:
    return fit((span(f" {label:<{LABEL}}", "dim"), *spans), width)


def _words(text: str, ink: str, nothing: str, room: int) -> list[Span]:
    return [span(clip_words(text, room), ink) if text else span(nothing, "label")]


def _whole(parts: Iterable[Span], room: int) -> list[Span]:
    """Return the parts that fit whole: part of a number is another number."""
    kept: list[Span] = []
    for text, ink, ground in parts:
        if len(text.rstrip()) <= room:
            kept.append((text, ink, ground))
            room -= len(text)
    return kept


def _holds(row: RuleRow, now_ms: int) -> list[Span]:
    if row.since_ms is None:
        held = span("does not hold", "label")
    else:
        ago = span_text(now_ms - row.since_ms)
        held = span(f"since {clock_text(row.since_ms)}, {ago}", "accent!")
    fired = "never fired" if row.fired_ms is None else f"last fired {clock_text(row.fired_ms)}"
    until = "" if row.until_ms is None else f"; waits until {clock_text(row.until_ms)}"
    return [held, span(f"   {fired}{until}", "label")]


def _money(row: RuleRow, room: int) -> list[Span]:
    units = f"{count_text(row.units, 'unit')}, {money_text(row.held_ucr)} an hour   "
    limits = list(of_rule(row))
    more = [f"else as {', then '.join(row.fallback)}   "] if row.fallback else []
    more += [f"{count_text(row.ahead, 'unit-hour')} bought ahead   "] if row.ahead else []
    return [
        span(units),
        *_spent(limits, room),
        *_unlimited(limits, row.spent_ucr, row.spent_month_ucr),
        *(span(text, "label") for text in more),
    ]


def _account(spend: SpendRow, room: int) -> list[Span]:
    limits = list(of_account(spend))
    return [*_spent(limits, room), *_unlimited(limits, spend.day_ucr, spend.month_ucr)]


def _spent(limits: Iterable[BudgetUse], room: int) -> list[Span]:
    """Return each budget as ``0.12 of 5.00 today ▰▱▱▱▱▱▱▱▱▱ 2 %``; no bars in a narrow place."""
    spans: list[Span] = []
    for limit in limits:
        full = min(BAR, limit.percent * BAR // 100)
        bar = f"{FULL * full}{EMPTY * (BAR - full)} " if room >= BARS_FROM else ""
        most = f"{_short(limit.spent_ucr)} of {_short(limit.most_ucr)} {NOW[limit.span]}"
        ink = "warn!" if limit.percent >= NEAR_PCT else "text"
        spans.append(span(f"{most} {bar}{limit.percent} %   ", ink))
    return spans


def _unlimited(limits: Iterable[BudgetUse], day_ucr: int, month_ucr: int) -> list[Span]:
    """Return what is spent where there is no budget."""
    bounded = {limit.span for limit in limits}
    spent: dict[Days, int] = {"day": day_ucr, "month": month_ucr}
    return [
        span(f"{_short(ucr)} {NOW[each]}, no limit   ", "label")
        for each, ucr in spent.items()
        if each not in bounded
    ]


def _short(amount_ucr: int) -> str:
    return (
        money_text(amount_ucr, 2) if abs(amount_ucr) >= UCR_PER_CREDIT else money_text(amount_ucr)
    )
