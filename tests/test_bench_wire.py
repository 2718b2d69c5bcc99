"""The socket's benchmark runs end to end on small numbers and counts what it says."""

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
