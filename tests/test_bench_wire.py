"""The socket's benchmark runs end to end on small numbers and counts what it says."""

import asyncio

import pytest

from bench import order_path
from bench.order_path import LAYERS, OTHER, THREADS, layer_of
from bench.report import table
from bench.wire import Size, figures

SMALL = Size(connections=4, pipelined=5, turns=3, listeners=5, updates=20, burst=200)


def test_all_servers_answer_every_order_and_every_listener_hears_every_update() -> None:
    """Each piece waits for all its answers; a missing one would end in a timeout."""
    found = {figure.name: figure for figure in figures(1, SMALL)}
    rates = [figure for figure in found.values() if figure.unit.startswith("/")]
    assert len(rates) == 5
    assert all(figure.value > 0 for figure in rates)
    bounded = [figure.name for figure in found.values() if figure.minimum is not None]
    assert len(bounded) == 4
    assert "fan-out / websockets.broadcast, CPU" in table(list(found.values()))


def test_an_orders_time_is_told_by_layer_and_adds_up() -> None:
    us = asyncio.run(order_path.microseconds(1, Size(connections=4, pipelined=10, turns=25)))
    assert list(us) == [*LAYERS, THREADS, OTHER]
    assert sum(us.values()) > 0
    lines = order_path.table(us).splitlines()
    assert len(lines) == len(us) + 3
    assert lines[-1] == f"| **all** | **{sum(us.values()):.1f}** | |"


IN, OUT = "frames in: cut, unmask, queue", "frames out: encode, join, write"
PLACES = [
    ("asyncio.selector_events", "write", "loop and socket: select, recv, send"),
    ("exchange.server.connection", "data_received", IN),
    ("exchange.server.connection", "deliver", OUT),
    ("exchange.session.outbox", "send", OUT),
    ("exchange.session.limits", "spend", "gateway: limits, guard, answers"),
    ("exchange.server.pump", "_handle", "gateway: limits, guard, answers"),
    ("exchange.trading.fast_path", "place", "engine"),
    ("exchange.server.metrics", "render", None),
    ("weakref", "remove", None),
]


@pytest.mark.parametrize(("module", "function", "layer"), PLACES)
def test_a_call_belongs_to_the_layer_of_its_module(
    module: str, function: str, layer: str | None
) -> None:
    assert layer_of(module, function) == layer
