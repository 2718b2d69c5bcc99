"""Forwarded ports: both ways, counted, only for whom the renter allows, free again afterwards."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from hostagent.core.ports import Forward
from hostagent.core.rates import BURST_S
from hostagent.machine.forwarder import (
    CHUNK_BYTES,
    LOOPBACK,
    RESERVED_FILES,
    Counted,
    Forwarder,
    ForwardError,
    networks,
)

GREETING = b"welcome"
Test = Callable[[Forwarder, int], Awaitable[None]]


def run(test: Test) -> None:
    """Run ``test`` with a forwarder on a few free ports and an echoing guest behind it."""

    async def main() -> None:
        low = free_range(3)
        forwarder = Forwarder(LOOPBACK, low, low + 2)
        async with guest() as inner_port:
            async with asyncio.timeout(20):
                await test(forwarder, inner_port)
            await forwarder.close_all()

    asyncio.run(main())


def free_range(count: int) -> int:
    """Return the first of ``count`` neighbouring ports that are free now."""
    for low in range(33_000, 60_000, count):
        with contextlib.ExitStack() as bound:
            try:
                for port in range(low, low + count):
                    bound.enter_context(socket.socket()).bind((LOOPBACK, port))
            except OSError:
                continue
            return low
    raise AssertionError("no free ports")


@contextlib.asynccontextmanager
async def guest() -> AsyncIterator[int]:
    """Answers what it is sent in upper case, once all of it has come."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        writer.write_eof()
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greets and then stays connected until it is cut."""
    writer.write(GREETING)
    await reader.read()
    writer.close()


async def said(port: int, text: bytes) -> bytes:
    """Say ``text`` to ``port`` and return the answer; empty when it is cut off."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(text)
        writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


def test_bytes_pass_both_ways_and_are_counted() -> None:
    async def test(forwarder: Forwarder, inner: int) -> None:
        opened = await forwarder.open("v-1", (Forward(80, 0, inner),), (), Counted(10, 20))
        assert await said(opened[0].public_port, b"hello" * 50_000) == b"HELLO" * 50_000
        assert forwarder.counted("v-1") == Counted(250_010, 250_020)
        (endpoint,) = forwarder.endpoints(opened)
        assert (endpoint.guest_port, endpoint.address) == (80, LOOPBACK)
        assert forwarder.first_inner_port("v-1") == inner

    run(test)


def test_a_rate_holds_for_all_connections_of_a_vm_together() -> None:
    """Shown to fail without the wait: all of it passed in 0.02 s."""

    async def test(forwarder: Forwarder, inner: int) -> None:
        rate, size = 1_000_000, 300_000
        opened = await forwarder.open("v-1", (Forward(80, 0, inner),), (), Counted(), rate)
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        port = opened[0].public_port
        await asyncio.gather(*(said(port, b"x" * size) for _ in range(2)))
        took_s = loop.time() - begin_s
        # Two times in, and the answers out; a burst is free.
        least_s = 2 * size / rate - BURST_S - CHUNK_BYTES / rate
        assert least_s <= took_s

    run(test)


@pytest.mark.parametrize(
    ("allow_from", "answer"),
    [
        ((), b"HI"),
        (("127.0.0.0/8",), b"HI"),
        (("10.0.0.0/8", "127.0.0.1"), b"HI"),
        (("10.0.0.0/8",), b""),
        (("::1/128",), b""),
    ],
)
def test_only_whom_the_renter_allows_gets_through(
    allow_from: tuple[str, ...], answer: bytes
) -> None:
    """Shown to fail with the question to `_allowed` taken out of `_serve`."""

    async def test(forwarder: Forwarder, inner: int) -> None:
        opened = await forwarder.open("v-1", (Forward(80, 0, inner),), allow_from, Counted())
        assert await said(opened[0].public_port, b"hi") == answer
        assert forwarder.counted("v-1").rx == len(answer)

    run(test)


@pytest.mark.parametrize("text", ["nonsense", "10.0.0.0/33", "1.2.3", ""])
def test_a_network_that_is_none_is_refused_before_anything_is_open(text: str) -> None:
    with pytest.raises(ForwardError) as raised:
        networks(("10.0.0.0/8", text))
    assert raised.value.reason == "allow_from_invalid"


def test_ports_are_used_in_turn_and_refused_when_there_are_none() -> None:
    async def test(forwarder: Forwarder, inner: int) -> None:
        three = tuple(Forward(port, 0, inner) for port in (1, 2, 3))
        opened = await forwarder.open("v-1", three, (), Counted())
        ports = [forward.public_port for forward in opened]
        assert ports == list(range(ports[0], ports[0] + 3))
        with pytest.raises(ForwardError, match="no free port"):
            await forwarder.open("v-2", (Forward(80, 0, inner),), (), Counted())
        assert not forwarder.is_open("v-2")
        await forwarder.close("v-1")
        again = await forwarder.open("v-2", (Forward(80, 0, inner),), (), Counted())
        assert again[0].public_port == ports[0]

    run(test)


def test_an_adopted_vm_keeps_its_public_port_or_says_that_it_is_taken() -> None:
    async def test(forwarder: Forwarder, inner: int) -> None:
        opened = await forwarder.open("v-1", (Forward(80, 0, inner),), (), Counted())
        with pytest.raises(ForwardError):
            await forwarder.open("v-2", opened, (), Counted())
        await forwarder.close("v-1")
        assert await forwarder.open("v-1", opened, (), Counted()) == opened
        assert await said(opened[0].public_port, b"hi") == b"HI"

    run(test)


def test_closing_cuts_connections_and_ends_listening() -> None:
    async def test(forwarder: Forwarder, inner: int) -> None:
        greeter = await asyncio.start_server(greet, LOOPBACK, 0)
        async with greeter:
            port = greeter.sockets[0].getsockname()[1]
            opened = await forwarder.open("v-1", (Forward(80, 0, port),), (), Counted())
            reader, writer = await asyncio.open_connection(LOOPBACK, opened[0].public_port)
            assert await reader.readexactly(len(GREETING)) == GREETING
            await forwarder.close("v-1")
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.transport.abort()
        with pytest.raises(OSError, match="Connect call failed"):
            await said(opened[0].public_port, b"hi")

    run(test)


def test_a_guest_that_is_not_there_closes_the_connection() -> None:
    async def test(forwarder: Forwarder, inner: int) -> None:
        with socket.socket() as nobody:
            nobody.bind((LOOPBACK, 0))
            forward = Forward(80, 0, nobody.getsockname()[1])
            opened = await forwarder.open("v-1", (forward,), (), Counted())
            assert await said(opened[0].public_port, b"hi") == b""

    run(test)


def test_connections_are_bounded_by_vm_and_by_the_files_of_the_process() -> None:
    """Eight fit into the files, two of each VM; whoever comes too much is cut at once."""

    async def main() -> None:
        low = free_range(5)
        forwarder = Forwarder(LOOPBACK, low, low + 4, RESERVED_FILES + 5 + 2 * 8)
        greeting: list[asyncio.Task[None]] = []

        async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(greet(reader, writer))
            greeting.append(task)
            await task
            await writer.wait_closed()

        server = await asyncio.start_server(greets, LOOPBACK, 0)
        inner_port = server.sockets[0].getsockname()[1]
        ports = []
        for number in range(5):
            wanted = (Forward(80, 0, inner_port),)
            ports.append((await forwarder.open(f"v-{number}", wanted, (), Counted()))[0])
        async with asyncio.timeout(20):
            served = [await served_at(one.public_port) for one in ports for _ in range(3)]
        assert served == [GREETING, GREETING, b""] * 4 + [b""] * 3
        await forwarder.close_all()
        await asyncio.wait(greeting)
        for writer in held:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        server.close()

    held: list[asyncio.StreamWriter] = []

    async def served_at(port: int) -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        held.append(writer)
        try:
            return await reader.read(len(GREETING))
        except ConnectionError:
            return b""

    asyncio.run(main())
