"""A standby of an exchange in PostgreSQL: it follows, takes over, and whoever led cannot go on."""

import asyncio
import json
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from exchange.client import Client, Refused, Unknown, Unreachable
from exchange.cluster.postgres import Postgres
from tests.cluster.serving import Serving
from tests.crash.test_kill9 import free_port
from tests.crash.test_lost_disk import bid
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    add_account,
    create_exchange,
    headroom,
    key_of,
    until,
)

IN_FLIGHT = 32


class Beside(Serving):
    """A standby on a port that is known before it serves."""

    def __init__(self, url: str, scratch: Path, *options: str) -> None:
        self.port = free_port()
        listen = ("--listen", f"127.0.0.1:{self.port}")
        super().__init__(url, scratch, "--unsafe-single", *listen, *options)
        self.ws_url = f"ws://127.0.0.1:{self.port}/v1/ws"

    def says(self, page: str) -> tuple[int, str]:
        """Return status and text of a page; 0 while nobody listens."""
        try:
            url = f"http://127.0.0.1:{self.port}{page}"
            with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def stands_by(self) -> bool:
        return self.says("/healthz") == (503, "standby\n")


def made(tmp_path: Path, url: str) -> None:
    """Put a new exchange with the trader bob into the database."""
    create_exchange(tmp_path / "data")
    done = headroom("exchange", "move", "--data", str(tmp_path / "data"), "--journal", url)
    assert done[0] == 0, done


def pair(url: str, tmp_path: Path) -> tuple[Serving, Beside]:
    """Start a leader and, once it serves, its standby; return both when that one stands by."""

    async def started() -> tuple[Serving, Beside]:
        leader = Serving(url, tmp_path / "one", "--unsafe-single")
        await leader.url()
        standby = Beside(url, tmp_path / "two", "--standby")
        await until(standby.stands_by)
        return leader, standby

    return asyncio.run(started())


async def worked(bob: Client, name: str, acked: set[str], enough: asyncio.Event) -> None:
    """Place orders until the connection is lost; ``enough``: some were acknowledged."""
    for number in range(100_000):
        order = f"{name}-{number}"
        try:
            await bob.request(bid(order), timeout_s=DEADLINE_S)
        except (Unknown, Unreachable, Refused):  # cut off, or refused by one that ends
            return
        acked.add(order)
        if len(acked) > 200:
            enough.set()


async def ended_under_load(leader: Serving, number: signal.Signals) -> set[str]:
    """End the leader while orders are under way; returns those that were acknowledged."""
    acked: set[str] = set()
    enough = asyncio.Event()
    url = await leader.url()
    async with Client(url, OPERATOR) as operator:
        await add_account(operator, "bob")
    async with Client(url, key_of("bob")) as bob:
        names = [f"w{n}" for n in range(IN_FLIGHT)]
        work = [asyncio.create_task(worked(bob, name, acked, enough)) for name in names]
        await asyncio.wait_for(enough.wait(), DEADLINE_S)
        os.kill(leader.process.pid, number)
        await asyncio.gather(*work)
    return acked


async def all_there(url: str, acked: set[str]) -> None:
    async with Client(url, key_of("bob")) as bob:
        for name in sorted(acked):
            assert (await bob.request(bid(name)))["duplicate"], name


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_standby_takes_over_and_nothing_acknowledged_is_lost(
    postgres: str, tmp_path: Path, number: signal.Signals
) -> None:
    made(tmp_path, postgres)
    leader, standby = pair(postgres, tmp_path)

    async def story() -> None:
        acked = await ended_under_load(leader, number)
        await until(standby.ready_file.exists)
        await all_there(await standby.url(), acked)

    asyncio.run(story())
    assert leader.end()[0] == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    os.kill(standby.process.pid, signal.SIGTERM)
    assert standby.end() == (0, "")
    code, told, errors = headroom("exchange", "verify", "--journal", postgres)
    assert (code, errors) == (0, "") and json.loads(told)["seq"] > 200


def test_a_leader_that_slept_cannot_commit(postgres: str, tmp_path: Path) -> None:
    """It stands still past its lease; when it goes on, another leads."""
    made(tmp_path, postgres)
    sleeper, standby = pair(postgres, tmp_path)

    async def story() -> None:
        async with Client(await sleeper.url(), OPERATOR) as operator:
            await add_account(operator, "bob")
        async with Client(await sleeper.url(), key_of("bob")) as bob:
            os.kill(sleeper.process.pid, signal.SIGSTOP)
            async with Client(await standby.url(), key_of("bob")) as other:
                await other.request(bid("first"))
            late = asyncio.create_task(bob.request(bid("late"), timeout_s=DEADLINE_S))
            await asyncio.sleep(0)
            os.kill(sleeper.process.pid, signal.SIGCONT)
            with pytest.raises((Unknown, Unreachable)):
                await late
        await all_there(await standby.url(), {"first"})

    asyncio.run(story())
    code, errors = sleeper.end()
    assert code == 70 and "another process has taken over the exchange" in errors
    os.kill(standby.process.pid, signal.SIGTERM)
    assert standby.end() == (0, "")
    assert headroom("exchange", "verify", "--journal", postgres)[0] == 0


def test_the_primary_dies_and_the_standby_serves_from_the_next(
    postgres_three: Postgres, tmp_path: Path
) -> None:
    url = postgres_three.url("headroom")
    made(tmp_path, url)
    leader, standby = pair(url, tmp_path)

    async def story() -> None:
        async with Client(await leader.url(), OPERATOR) as operator:
            await add_account(operator, "bob")
        postgres_three.primary.kill()
        assert (await asyncio.to_thread(leader.end))[0] == 70
        await until(standby.stands_by)
        await asyncio.to_thread(postgres_three.promote)
        await all_there(await standby.url(), set())

    asyncio.run(story())
    os.kill(standby.process.pid, signal.SIGTERM)
    code, errors = standby.end()
    assert code == 0, errors
    assert headroom("exchange", "verify", "--journal", url)[0] == 0
