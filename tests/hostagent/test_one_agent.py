"""A host has one agent and one key: whoever is not the newest ends, in one line, and stays away."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from pathlib import Path

from exchange.client import Client
from exchange.wire.admin_requests import AdminKeyRevoke
from tests.hostagent.market import (
    WAIT_S,
    Market,
    ask_when_live,
    enroll,
    enroll_as,
    market,
    run,
    start_agent,
    stop,
)


async def connected(process: Process) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(WAIT_S):
        while b"connected to" not in (line := await process.stderr.readline()):
            assert line, "the agent ended"


async def last_line(process: Process, code: int = 1) -> str:
    """Return what the agent says last; it ends by itself, with this exit code."""
    _, err = await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode == code
    assert b"Traceback" not in err
    return err.decode().splitlines()[-1]


def test_the_older_of_two_agents_with_one_key_ends(tmp_path: Path) -> None:
    """They used to throw each other out several times a second for ever."""

    async def story(here: Market, seller: Client) -> None:
        await enroll(here, seller)
        older = await start_agent(here)
        await connected(older)
        newer = await start_agent(here)
        try:
            assert (await last_line(older)).startswith("headroom: host: another agent uses this")
            await ask_when_live(seller)
        finally:
            assert await stop(newer) == 0, "the newer one runs on"

    asyncio.run(with_seller(tmp_path, story))


def test_a_service_learns_that_a_restart_cannot_help(tmp_path: Path) -> None:
    """systemd would start it again for ever, and two agents would take turns for ever."""

    async def story(here: Market, seller: Client) -> None:
        await enroll(here, seller)
        older = await start_agent(here, "host", "--service")
        await connected(older)
        newer = await start_agent(here, "host", "--service")
        try:
            assert "another agent uses this key" in await last_line(older, 3)
        finally:
            assert await stop(newer) == 0
        stranger = await start_agent(here, "buyer", "--service")
        assert "this key is a trader's" in await last_line(stranger, 3)

    asyncio.run(with_seller(tmp_path, story))


def test_a_command_with_the_hosts_key_is_refused_and_ends_no_agent(tmp_path: Path) -> None:
    """(Seen to fail while a login alone ended the agent: its leases were served no more.)"""

    async def story(here: Market, seller: Client) -> None:
        await enroll(here, seller)
        agent = await start_agent(here)
        await connected(agent)
        await ask_when_live(seller)
        login = ("--url", here.url, "--key", str(here.key("host")))
        code, _, err = await run("account", "state", *login)
        assert (code, err.count("\n")) == (1, 1)
        assert err.startswith("headroom: refused: forbidden: a host key may not send this")
        assert await stop(agent) == 0, "it runs on until it is stopped"

    asyncio.run(with_seller(tmp_path, story))


def test_a_second_enrollment_is_said_and_ends_the_first_agent(tmp_path: Path) -> None:
    async def story(here: Market, seller: Client) -> None:
        first = await enroll_as(here, seller, "host", "one")
        assert first == "enrolled as h-1, approved\n"
        older = await start_agent(here)
        await connected(older)
        again = await enroll_as(here, seller, "other", "two", "--take-over")
        assert again == "enrolled again as h-1, approved; its earlier key no longer works\n"
        assert "does not let this key in: bad_signature" in await last_line(older)
        newer = await start_agent(here, "other")
        try:
            await connected(newer)
            away = await start_agent(here)
            assert "does not let this key in: bad_signature" in await last_line(away)
        finally:
            assert await stop(newer) == 0

    asyncio.run(with_seller(tmp_path, story))


def test_an_agent_whose_key_is_revoked_ends(tmp_path: Path) -> None:
    """It used to dial for ever."""

    async def story(here: Market, seller: Client) -> None:
        key_id = (await enroll(here, seller))["key_id"]
        agent = await start_agent(here)
        await connected(agent)
        async with here.client("operator") as operator:
            await operator.request(AdminKeyRevoke(req_id=1, key_id=key_id))
        assert "does not let this key in: bad_signature" in await last_line(agent)

    asyncio.run(with_seller(tmp_path, story))


async def with_seller(folder: Path, story: Callable[[Market, Client], Awaitable[None]]) -> None:
    async with market(folder) as here, here.client("seller") as seller:
        await story(here, seller)
