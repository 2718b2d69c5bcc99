"""Long replays of the account channel: one at a time, whatever the client asks for meanwhile.

Each seen to fail while a replay went on until its end: frames of two came by turns, and old ones
behind new ones.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from exchange.client import Client
from exchange.feed.account_channel import HELD_MAX
from exchange.wire.admin_requests import AdminDeposit
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    Raw,
    add_account,
    key_of,
    raw,
    running,
)

FRAMES = HELD_MAX + 200


async def deposit(operator: Client, number: int) -> None:
    message = AdminDeposit(req_id=1, account="bob", amount_ucr=1, ref=f"{number}")
    await operator.request(message)


def heard(data_dir: Path, *requests: dict[str, Any], live: bool) -> list[dict[str, Any]]:
    """Send the requests at once to an account with a long past; return the frames behind the last
    ack, up to the first that is new."""

    async def main() -> list[dict[str, Any]]:
        async with running(data_dir) as server, Client(server.url, OPERATOR) as operator:
            await add_account(operator, "bob")
            await asyncio.gather(*(deposit(operator, number) for number in range(FRAMES)))
            async with raw(server.url) as bob:
                await bob.log_in(key_of("bob"))
                for number, request in enumerate(requests):
                    fields = {"req_id": 100 + number, "channel": "account"}
                    await bob.send(fields | request)
                while (await bob.frame()).get("req_id") != 99 + len(requests):
                    pass
                await deposit(operator, FRAMES)
                return await until_new(bob) if live else await until_answer(bob)

    return asyncio.run(asyncio.wait_for(main(), DEADLINE_S * 2))


async def until_new(bob: Raw) -> list[dict[str, Any]]:
    frames = [await bob.frame()]
    while frames[-1]["account_seq"] < FRAMES + 2:
        frames.append(await bob.frame())
    return frames


async def until_answer(bob: Raw) -> list[dict[str, Any]]:
    await bob.send({"type": "order.list", "req_id": 999})
    frames = [await bob.frame()]
    while frames[-1].get("req_id") != 999:
        frames.append(await bob.frame())
    return frames[:-1]


FROM_0 = {"type": "subscribe", "resume_from": 0}


@pytest.mark.parametrize(
    ("last", "first_seq"),
    [(FROM_0, 1), ({"type": "subscribe", "resume_from": 50}, 51), ({"type": "subscribe"}, None)],
)
def test_a_newer_subscription_replaces_an_older_replay(
    tmp_path: Path, last: dict[str, Any], first_seq: int | None
) -> None:
    frames = heard(tmp_path / "data", FROM_0, last, live=True)
    newest = FRAMES + 2  # the account's opening deposit, and the one made meanwhile
    expected = [newest] if first_seq is None else list(range(first_seq, newest + 1))
    assert [frame["account_seq"] for frame in frames] == expected


def test_unsubscribing_ends_a_replay(tmp_path: Path) -> None:
    assert heard(tmp_path / "data", FROM_0, {"type": "unsubscribe"}, live=False) == []
