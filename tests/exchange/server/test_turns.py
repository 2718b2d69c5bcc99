"""Whose work is next: lines served by turns, logins first, strangers in a share of the time."""

import asyncio
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.server.turns import STRANGERS_S, STRANGERS_SHARE, TURN_ITEMS, Line, Turns
from tests.exchange.support.harness import DEADLINE_S, raw, running, until


def line(number: int) -> Line:
    made = Line()
    made.number = number
    return made


def drained(turns: Turns) -> list[bytes]:
    taken: list[bytes] = []
    for queue in (turns.known, turns.strangers):
        while queue:
            _, item = turns.take(queue)
            assert isinstance(item, bytes)
            taken.append(item)
    return taken


def test_lines_are_served_by_turns_and_those_with_a_login_first() -> None:
    turns, stranger, flood, trader = Turns(), line(1), line(2), line(3)
    for item in (b"s1", b"s2"):
        turns.add(stranger, [item], known=False)
    floods = [b"f%02d" % number for number in range(TURN_ITEMS + 2)]
    for item in floods:
        turns.add(flood, [item], known=True)
    turns.add(trader, [b"t1"], known=True)
    assert len(turns) == len(floods) + 3
    first, rest = floods[:TURN_ITEMS], floods[TURN_ITEMS:]
    assert drained(turns) == [*first, b"t1", *rest, b"s1", b"s2"]
    assert len(turns) == 0


def test_who_logs_in_stays_in_line_until_what_came_before_is_done() -> None:
    turns, one, other = Turns(), line(1), line(2)
    turns.add(one, [b"login"], known=False)
    turns.add(one, [b"order"], known=True)
    turns.add(other, [b"first"], known=True)
    assert drained(turns) == [b"first", b"login", b"order"]


ITEMS = st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=60)


@given(ITEMS)
def test_of_a_line_everything_is_taken_once_and_in_its_order(items: list[tuple[int, bool]]) -> None:
    turns, lines = Turns(), [line(number) for number in range(5)]
    for at, (number, known) in enumerate(items):
        turns.add(lines[number], [bytes((number, at))], known)
    taken = drained(turns)
    assert sorted(taken) == sorted(bytes((number, at)) for at, (number, _) in enumerate(items))
    for number in range(5):
        of_line = [item for item in taken if item[0] == number]
        assert of_line == sorted(of_line)


def test_strangers_have_a_share_of_a_batch_and_of_the_time(tmp_path: Path) -> None:
    """A trader's frame is taken in the batch after it came, whatever strangers have sent."""

    def busy(_: int) -> None:
        ends_s = perf_counter() + STRANGERS_S / 2
        while perf_counter() < ends_s:
            pass

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            turns, flood, trader = server.pump._turns, line(998), line(999)
            for _ in range(100):
                turns.add(flood, [busy], known=False)
            turns.add(trader, [busy], known=True)
            server.pump._work(0)
            assert (len(turns.known), len(trader.items)) == (0, 0)
            assert 97 <= len(flood.items) < 100
            left, now_s = len(flood.items), perf_counter()
            assert turns.strangers_from_s > now_s + STRANGERS_S / STRANGERS_SHARE / 2
            assert not turns.is_due(now_s)
            server.pump._take_turns(0)
            assert len(flood.items) == left, "their share of the time is used up"
            await until(lambda: not flood.items)

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))


@pytest.mark.parametrize("count", [300])
def test_a_stranger_alone_is_answered_without_waiting_for_the_next_second(
    tmp_path: Path, count: int
) -> None:
    """The pump wakes up for strangers too, when their time has come."""

    async def main() -> None:
        async with running(tmp_path / "data") as server, raw(server.url) as public:
            await public.frame()
            begun_s = perf_counter()
            for _ in range(count):
                await public.ask("unsubscribe", channel="instruments")
            assert perf_counter() - begun_s < count * 0.1

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))
