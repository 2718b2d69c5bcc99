"""The benchmark of an hour without a break: how it counts, and one second of it end to end."""

import asyncio

from bench.long_run import Late, figures, measured


def test_lateness_is_counted_in_steps_of_a_tenth_of_a_ms() -> None:
    late = Late()
    late.add([number / 10_000 for number in range(1_000)])
    assert (late.within_ms(0.5), late.within_ms(0.99), late.longest_ms) == (50.0, 99.0, 100.0)


def test_every_order_of_a_short_run_is_counted() -> None:
    run = asyncio.run(measured(1, 1_000, seconds=1))
    answered = run.durable.steps.total()
    assert answered > 0
    assert run.echo.steps.total() > 0
    found = {figure.name: figure for figure in figures(run)}
    (bounded,) = [figure.name for figure in found.values() if figure.minimum is not None]
    assert bounded == "longest wait beyond the echo's"
    assert found["longest wait"].value == run.durable.longest_ms
