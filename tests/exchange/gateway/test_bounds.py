"""Bounds that have no better place: each row of security.md, "Limits", names a test."""

import asyncio
from collections import deque
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

from exchange.client import Client
from exchange.client.images import put_image
from exchange.server.admission import (
    BACKLOG_TOTAL_MAX_BYTES,
    HANDSHAKE_GAP_MS,
    HANDSHAKES_PER_S,
    HANDSHAKES_SAVED_S,
    Admission,
    cut_slow,
)
from exchange.server.backlog import BACKLOG_MAX_BYTES, Backlog
from exchange.server.history_server import WAITING_MAX
from exchange.server.image_server import QUEUED_MAX_BYTES, Chunks
from exchange.server.pump import TURN_S
from exchange.session.addresses import Addresses
from exchange.session.limits import CONNECTIONS_PER_ACCOUNT_MAX
from tests.exchange.server.test_inflow import Scene, scene
from tests.exchange.session.test_costs import market
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    add_account,
    key_of,
    raw,
    running,
)


def test_connections_of_an_account_have_a_bound() -> None:
    """Hosts are not counted; a trader's key has no host."""
    rig, bob = market(0)
    for number in range(1_000, 1_000 + CONNECTIONS_PER_ACCOUNT_MAX - 1):
        rig.gateway.sessions[number] = rig.gateway.sessions[bob]
    over = rig.log_in("bob")
    assert [frame.get("reason") for frame in rig.inbox[over]][1:] == ["busy"], rig.inbox[over]
    assert rig.closed[over] == 1013


def test_a_batch_takes_in_no_more_work_after_its_time(tmp_path: Path) -> None:
    """What came meanwhile waits for the next, behind a commit."""

    def busy(_: int) -> None:
        ends_s = perf_counter() + TURN_S / 2
        while perf_counter() < ends_s:
            pass

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            for _ in range(10):
                server.pump.submit(busy)
            server.pump._work(0)
            assert server.pump.depth >= 7

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))


class Fake:
    """A connection as `cut_slow` sees it."""

    def __init__(self, size: int) -> None:
        self.backlog, self.backlog_bytes, self.gone = Backlog(), size, False

    def cut(self, reason: str) -> None:
        self.gone = True


def test_when_too_much_waits_altogether_the_fullest_go() -> None:
    most = BACKLOG_TOTAL_MAX_BYTES // 8
    connections: Any = [Fake(most + number) for number in range(10)]
    cut_slow(connections, 0.0)
    assert [one.gone for one in connections] == [False] * 7 + [True] * 3


def test_who_does_not_read_what_the_shell_writes_is_cut_too() -> None:
    """Stored frames and pages of the past go past the backlog, and are bounded all the same."""

    def play(at: Scene) -> None:
        at.pipe.written += bytes(BACKLOG_MAX_BYTES)
        at.connection.write_payloads([b"x"])
        assert at.closed_as() == "1013 reads too slowly"

    scene(play)


class Resting:
    """A connection as the admission sees it."""

    def __init__(self, rests: list[float]) -> None:
        self.rest = rests.append


def test_handshakes_beyond_the_rate_wait_their_turn() -> None:
    """All that come at once are begun one by one, and what was saved up is used up."""
    saved = HANDSHAKES_PER_S * HANDSHAKES_SAVED_S
    admission, rests = Admission(Addresses(), {}, lambda: 0, 20_000), list[float]()
    for _ in range(3 * saved):
        connection: Any = Resting(rests)
        admission.accepted(connection)
        admission.handshake_done(connection)
    gaps_ms = [round(1000 * (later - before)) for before, later in pairwise(rests)]
    assert len(rests) == 3 * saved - 1, "the first waits for nobody"
    assert round(1000 * rests[0]) == HANDSHAKE_GAP_MS
    assert gaps_ms[: saved - 1] == [HANDSHAKE_GAP_MS] * (saved - 1)
    assert gaps_ms[-saved // 2 :] == [1000 // HANDSHAKES_PER_S] * (saved // 2)


def test_a_connection_that_never_got_in_is_counted_as_one_that_ended() -> None:
    """What it leaves behind is collected like everybody's."""

    async def main() -> None:
        admission, at = Admission(Addresses(), {}, lambda: 0, 20_000), Scene()
        at.connection.admission = admission
        admission.accepted(at.connection)
        at.connection.connection_lost(None)
        assert (admission.gone, len(admission._outside)) == (1, 0)

    asyncio.run(main())


def test_questions_about_the_past_under_way_have_a_bound(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with Client(server.url, OPERATOR) as operator:
                await add_account(operator, "bob")
            async with server._history._turn, raw(server.url) as bob:
                await bob.log_in(key_of("bob"))
                for number in range(WAITING_MAX + 1):
                    fields = {"req_id": 100 + number, "kind": "postings"}
                    await bob.send({"type": "account.statement", **fields})
                assert (await bob.frame())["reason"] == "busy"

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))


def test_chunks_wait_for_the_disk_up_to_a_bound() -> None:
    async def main(at: Scene) -> None:
        chunks = Chunks(at.connection)
        chunks.put(bytes(QUEUED_MAX_BYTES - 1))
        assert at.pipe.reading
        chunks.put(b"x")
        assert (at.pipe.reading, at.connection._room()) == (False, 0)
        await chunks.take()
        assert (at.pipe.reading, at.connection._room() > 0) == (True, True)

    scene(main)


IMAGE_BYTES = 8 * 2**20


def test_a_connection_moves_one_image_at_a_time(tmp_path: Path) -> None:
    """Each download holds a chunk of 256 KiB in memory."""

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with Client(server.url, OPERATOR) as operator:
                await add_account(operator, "bob")
            image = tmp_path / "image"
            image.write_bytes(bytes(IMAGE_BYTES))
            digest = await put(server.url, image)
            async with raw(server.url.replace("/v1/ws", "/v1/images")) as bob:
                await bob.log_in(key_of("bob"))
                for number in range(3):
                    fields = {"req_id": 100 + number, "sha256": digest}
                    await bob.send({"type": "image.get", **fields})
                reasons: deque[str] = deque()
                while len(reasons) < 2:
                    data = await bob.connection.recv(decode=False)
                    if data.startswith(b"{") and b'"reason"' in data:
                        reasons.append("busy" if b'"busy"' in data else "other")
                assert list(reasons) == ["busy", "busy"]

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))


async def put(url: str, image: Path) -> str:

    return await put_image(url, key_of("bob"), image, "raw")
