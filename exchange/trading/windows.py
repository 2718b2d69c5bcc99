"""Delivery windows: one-hour instruments that open ahead, close their gate, deliver and settle.

Every full hour each configured series opens the window that starts ``hours_ahead`` later.
Source: rules.md 2.2.
"""

from datetime import UTC, datetime

from exchange.model import emit
from exchange.model.commands import Forgotten
from exchange.model.config import WindowConfig
from exchange.model.instrument import Instrument
from exchange.model.state import State
from exchange.model.timers import TimerKind
from exchange.trading import execution
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND

GATE_MS = 3 * MS_PER_MINUTE
"""The gate closes this long before the start: no more trading, VMs may be started."""


def open_series(state: State) -> None:
    """Open all windows of the series whose gate is still open (at ``init``)."""
    if not state.config.windows:
        return
    hour_ms = state.now_ms // MS_PER_HOUR * MS_PER_HOUR
    for series in state.config.windows:
        for ahead in range(1, series.hours_ahead + 1):
            start_ms = hour_ms + ahead * MS_PER_HOUR
            if start_ms - GATE_MS > state.now_ms:
                _open(state, series, start_ms)
    _roll_at(state, hour_ms + MS_PER_HOUR)


def roll(state: State) -> None:
    """Called at every full hour: every series opens its next window."""
    now_ms = state.now_ms
    for series in state.config.windows:
        created = _open(state, series, now_ms + series.hours_ahead * MS_PER_HOUR)
        state.outs.append((created.symbol, emit.instrument_row(created)))
    _roll_at(state, now_ms + MS_PER_HOUR)


def _roll_at(state: State, at_ms: int) -> None:
    state.roll_ms = at_ms
    state.timers.set(at_ms, TimerKind.ROLL, 0)


def _open(state: State, series: WindowConfig, start_ms: int) -> Instrument:
    shape = state.config.classes[series.class_]
    delivery = hour_text(start_ms)
    created = Instrument(series.class_, state.zones[series.zone], series.pricing, delivery, shape)
    created.tick_ucr, created.ref_ucr = series.tick_ucr, series.ref_ucr
    created.band_pct = series.band_pct
    created.start_ms, created.end_ms = start_ms, start_ms + MS_PER_HOUR
    created.gate_ms = start_ms - GATE_MS
    state.counters.window += 1
    created.number = state.counters.window
    created.halt(state.halted)
    state.instruments[created.symbol] = created
    state.windows[created.number] = created
    state.timers.set(created.gate_ms, TimerKind.WINDOW, created.number)
    return created


def next_stage(state: State, number: int) -> None:
    """Run one deadline of a window: gate closure, start, end, and its removal an hour later."""
    window = state.windows[number]
    match window.state:
        case "open":
            window.enter("gate_closed")
            _expire_orders(state, window)
        case "gate_closed":
            window.enter("delivering")
        case "delivering":
            window.enter("settled")
        case _:
            del state.windows[number]
            del state.instruments[window.symbol]
            state.outs.append((window.symbol, Forgotten(window.symbol)))
            return
    at_ms = window.due_ms()
    assert at_ms is not None, "every stage of a window ends"
    state.timers.set(at_ms, TimerKind.WINDOW, number)
    state.outs.append((window.symbol, emit.instrument_row(window)))


def _expire_orders(state: State, window: Instrument) -> None:
    """Unmatched orders expire at gate closure."""
    for sign in (1, -1):
        for order in window.book.orders(sign):
            window.book.remove(order)
            execution.finish(state, window, order, "expired", "gate_closed")
            emit.order(state, order, "expired", "gate_closed")


def hour_text(start_ms: int) -> str:
    """Return a UTC hour in the form used in symbols: ``2026-11-23T18``."""
    return datetime.fromtimestamp(start_ms // MS_PER_SECOND, UTC).strftime("%Y-%m-%dT%H")
