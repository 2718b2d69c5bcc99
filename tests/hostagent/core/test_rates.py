"""Rates: what a class gets, and that whoever waits as told stays within it."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.units import MIB
from hostagent.core.rates import BURST_S, Bucket, Rates


def test_a_class_gets_its_share_by_its_cpu() -> None:
    rates = Rates(disk_mib_s=100, net_mib_s=20)
    assert rates.disk_bytes_s(250) == 25 * MIB
    assert rates.net_bytes_s(250) == 5 * MIB
    assert rates.net_bytes_s(4000) == 80 * MIB
    assert (Rates(0, 0).disk_bytes_s(4000), Rates(0, 0).net_bytes_s(4000)) == (0, 0)


def test_no_limit_never_waits() -> None:
    bucket = Bucket(0)
    assert [bucket.wait_s(10**12, at) for at in (0.0, 0.0, 1.0)] == [0.0, 0.0, 0.0]


@given(st.lists(st.tuples(st.integers(1, 65_536), st.floats(0, 2)), min_size=1, max_size=60))
def test_who_waits_as_told_stays_within_the_rate(sent: list[tuple[int, float]]) -> None:
    """In no stretch of time does more pass than the rate, a burst and the last piece."""
    rate, now_s, passed = 100_000, 50.0, list[tuple[float, int]]()
    bucket = Bucket(rate)
    for size, pause_s in sent:
        passed.append((now_s, size))
        now_s += bucket.wait_s(size, now_s) + pause_s
    for at, (begin_s, _) in enumerate(passed):
        for upto, (end_s, last) in enumerate(passed[at:], at):
            total = sum(size for _, size in passed[at : upto + 1])
            assert total <= rate * (end_s - begin_s + BURST_S) + last + 1


def test_two_who_share_a_bucket_get_one_rate_together() -> None:
    bucket, now_s, total = Bucket(1000), 10.0, 0
    due = [now_s, now_s]
    while now_s < 20.0:
        who = due.index(min(due))
        now_s = due[who]
        due[who] = now_s + bucket.wait_s(100, now_s)
        total += 100
    assert 9_900 <= total <= 10_500
