"""The benchmark at a fixed pace runs end to end on small numbers and counts what it says."""

from bench.open_loop import Size, figures, latencies
from bench.report import table

SMALL = Size(connections=4, seconds=0.1, orders=200, bunch=50, pauses=1, settle_s=0, idle_s=0.1)


def test_latencies_are_shares_of_all_orders() -> None:
    found = latencies([number / 1_000 for number in range(1_000)])
    assert (found.p50, found.p99, found.p999, found.longest) == (500.0, 990.0, 999.0, 999.0)


def test_both_servers_answer_every_order_of_every_pace() -> None:
    """Each run waits for all its answers; a missing one would end in a timeout."""
    told = figures(1, SMALL)
    found = {figure.name: figure for figure in told}
    assert len(found) == len(told)
    assert all(figure.value >= 0 for figure in told)
    for pace in ("1,000/s", "5,000/s"):
        durable = [
            found[f"{pace} {share}, durable"] for share in ("p50", "p99", "p99.9", "longest")
        ]
        assert [figure.value for figure in durable] == sorted(figure.value for figure in durable)
        assert f"{pace} p99 / echo's" in table(told)
    (bounded,) = [figure.name for figure in told if figure.minimum is not None]
    assert bounded == "idle, 200 orders of the day: CPU"
