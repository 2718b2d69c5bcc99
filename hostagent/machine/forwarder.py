"""Let the outside reach guests: TCP ports of this host, forwarded to a guest's inner port.

Shell module. Each VM has its own listening sockets and its own list of networks that may connect;
whoever comes from elsewhere is closed at once, unheard. Bytes are counted here, since all traffic
of a guest passes here. Connections end with the agent; listening resumes on the same ports when a
restarted agent adopts the VM.
"""

import asyncio
import contextlib
import errno
import ipaddress
import socket
from typing import TypeAlias

from msgspec import Struct, field

from exchange.log import log
from exchange.wire.types import Endpoint
from hostagent.core import log_events
from hostagent.core.ports import Forward
from hostagent.core.rates import Bucket

CHUNK_BYTES = 64 * 1024
CONNECTIONS_PER_VM = 512
RESERVED_FILES = 256
"""Open files that are not connections: images, consoles, pipes, libvirt, the exchange."""
SHARE_PER_VM = 4
"""One VM may have at most this part of all connections, so that none takes everybody's."""
CONNECT_TIMEOUT_S = 5.0
LOOPBACK = "127.0.0.1"
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class ForwardError(Exception):
    """A port cannot be had, or a network in ``allow_from`` cannot be read. A line and a word."""

    def __init__(self, line: str, reason: str = "no_free_port") -> None:
        super().__init__(line)
        self.reason = reason


class Counted(Struct):
    """Bytes to the guest (rx) and from it (tx) since its boot."""

    rx: int = 0
    tx: int = 0


class _Opened(Struct):
    allow: list[Network]
    counted: Counted
    inwards: Bucket
    outwards: Bucket
    forwards: tuple[Forward, ...] = ()
    servers: dict[int, asyncio.Server] = field(default_factory=dict)
    """By public port; those of an adopted VM that are missing are bound later."""
    connections: set[asyncio.Task[None]] = field(default_factory=set)


def networks(allow_from: tuple[str, ...]) -> list[Network]:
    """Return the networks that may connect; none named means that everybody may."""
    try:
        return [ipaddress.ip_network(one, strict=False) for one in allow_from]
    except ValueError as error:
        raise ForwardError(f"allow_from: {error}", "allow_from_invalid") from error


def free_loopback_port() -> int:
    """Return a port that is free now; whoever binds it must be ready to try another."""
    try:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            return int(probe.getsockname()[1])
    except OSError as error:
        raise ForwardError(f"no inner port: {error.strerror}") from error


class Forwarder:
    """``address`` is what the outside is told; ``low``..``high`` are the ports it may use.

    ``open_files`` is how many files this process may have: every connection takes two of them.
    """

    def __init__(self, address: str, low: int, high: int, open_files: int = 1024) -> None:
        self.address = address
        self._open_files = open_files
        self._low = low
        self._high = high
        self._next = low
        self._vms: dict[str, _Opened] = {}

    async def open(
        self,
        vm_id: str,
        forwards: tuple[Forward, ...],
        allow_from: tuple[str, ...],
        base: Counted,
        bytes_s: int = 0,
    ) -> tuple[Forward, ...]:
        """Listen for ``vm_id`` and return the forwards with their public ports.

        A ``public_port`` of 0 takes the next free one; a given one must be free. ``base`` is what
        was counted before this agent; ``bytes_s`` is how much may pass each way, 0 any amount.
        Raises `ForwardError`, with nothing left open.
        """
        assert vm_id not in self._vms, "a VM is opened once"
        opened = _Opened(networks(allow_from), base, Bucket(bytes_s), Bucket(bytes_s))
        self._vms[vm_id] = opened
        try:
            for forward in forwards:
                opened.forwards += (await self._listen(vm_id, opened, forward),)
        except ForwardError:
            await self.close(vm_id)
            raise
        return opened.forwards

    async def resume(
        self,
        vm_id: str,
        forwards: tuple[Forward, ...],
        allow_from: tuple[str, ...],
        base: Counted,
        bytes_s: int = 0,
    ) -> list[int]:
        """Listen for a VM that an agent before this one started, on the ports it has.

        Returns those that cannot be bound now. They stay its own: call again. Raises
        `ForwardError`.
        """
        opened = self._vms.get(vm_id)
        if opened is None:
            buckets = Bucket(bytes_s), Bucket(bytes_s)
            opened = _Opened(networks(allow_from), base, *buckets, forwards)
            self._vms[vm_id] = opened
        for one in opened.forwards:
            if one.public_port not in opened.servers:
                server = await self._try_listen(opened, one.public_port, one.inner_port)
                if server is not None:
                    opened.servers[one.public_port] = server
        return self.missing(vm_id)

    def missing(self, vm_id: str) -> list[int]:
        """Return the ports of an open VM on which nobody listens yet."""
        opened = self._vms[vm_id]
        ports = [one.public_port for one in opened.forwards]
        return [port for port in ports if port not in opened.servers]

    def usable_ports(self) -> int:
        """Return how many ports VMs have or could have: those that others use do not count."""
        ours = {one.public_port for opened in self._vms.values() for one in opened.forwards}
        address = self._bind_address() or ("::" if ":" in self.address else "")
        ports = range(self._low, self._high + 1)
        return sum(port in ours or _can_bind(address, port) for port in ports)

    def is_open(self, vm_id: str) -> bool:
        return vm_id in self._vms

    def counted(self, vm_id: str) -> Counted:
        opened = self._vms.get(vm_id)
        return opened.counted if opened else Counted()

    def first_inner_port(self, vm_id: str) -> int | None:
        opened = self._vms.get(vm_id)
        return opened.forwards[0].inner_port if opened and opened.forwards else None

    def endpoints(self, forwards: tuple[Forward, ...]) -> list[Endpoint]:
        return [Endpoint(one.guest_port, self.address, one.public_port) for one in forwards]

    async def close(self, vm_id: str) -> None:
        """Stop listening for ``vm_id`` and cut its connections."""
        opened = self._vms.pop(vm_id, None)
        if opened is None:
            return
        for server in opened.servers.values():
            server.close()
        connections = list(opened.connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def close_all(self) -> None:
        for vm_id in list(self._vms):
            await self.close(vm_id)

    async def _listen(self, vm_id: str, opened: _Opened, forward: Forward) -> Forward:
        tries = [forward.public_port] if forward.public_port else self._candidates()
        for port in tries:
            server = await self._try_listen(opened, port, forward.inner_port)
            if server is not None:
                opened.servers[port] = server
                return Forward(forward.guest_port, port, forward.inner_port)
        raise ForwardError(f"{vm_id}: no free port among {self._low}-{self._high}")

    def _candidates(self) -> list[int]:
        """Return the ports that are no VM's, the one after the last given first, so that ports
        rest before reuse."""
        ours = {one.public_port for opened in self._vms.values() for one in opened.forwards}
        ports = range(self._low, self._high + 1)
        start = (self._next - self._low) % len(ports)
        return [port for port in (*ports[start:], *ports[:start]) if port not in ours]

    async def _try_listen(
        self, opened: _Opened, port: int, inner_port: int
    ) -> asyncio.Server | None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._is_full(opened):
                writer.transport.abort()
            else:
                await _serve(opened, inner_port, reader, writer)

        try:
            server = await asyncio.start_server(serve, self._bind_address(), port, backlog=128)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return None
            raise ForwardError(f"cannot listen on port {port}: {error.strerror}") from error
        self._next = port + 1
        return server

    def _is_full(self, opened: _Opened) -> bool:
        """Tell whether one connection more would be too many, for its VM or for the process."""
        vms = self._vms.values()
        listening = sum(len(one.servers) for one in vms)
        room = max(SHARE_PER_VM, (self._open_files - RESERVED_FILES - listening) // 2)
        most = min(CONNECTIONS_PER_VM, room // SHARE_PER_VM)
        return len(opened.connections) >= most or sum(len(one.connections) for one in vms) >= room

    def _bind_address(self) -> str | None:
        """Return the advertised address if it is this host's own, else None: all of them.

        Behind a router the advertised address is the router's, which nothing here can bind.
        """
        try:
            family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
            with socket.socket(family) as probe:
                probe.bind((self.address, 0))
        except OSError:
            return None
        return self.address


def _can_bind(address: str, port: int) -> bool:
    """Tell whether nobody listens there. Nothing stays bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError:
        return False
    return True


async def _serve(
    opened: _Opened, inner_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry one connection, from accept to both ends closed."""
    task = asyncio.current_task()
    assert task is not None
    peer = writer.get_extra_info("peername")
    if not _allowed(opened.allow, peer):
        writer.transport.abort()
        return
    opened.connections.add(task)
    try:
        await _carry(opened, inner_port, reader, writer)
    except (OSError, TimeoutError) as error:
        log.write(log_events.guest_connection(inner_port, f"ended: {error}"))
    except asyncio.CancelledError:
        # The VM is going: asyncio would log a canceled connection handler as an error.
        log.write(log_events.guest_connection(inner_port, "was cut"))
    finally:
        opened.connections.discard(task)
        writer.transport.abort()


def _allowed(allow: list[Network], peer: tuple[str, int] | None) -> bool:
    if peer is None:
        return False
    address = ipaddress.ip_address(peer[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return not allow or any(address in network for network in allow)


async def _carry(
    opened: _Opened, inner_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    connecting = asyncio.open_connection(LOOPBACK, inner_port)
    guest_reader, guest_writer = await asyncio.wait_for(connecting, CONNECT_TIMEOUT_S)
    _keep_alive(writer)

    async def inwards() -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            opened.counted.rx += len(chunk)
            guest_writer.write(chunk)
            await guest_writer.drain()
            await _paid(opened.inwards, len(chunk))
        guest_writer.write_eof()

    async def outwards() -> None:
        while chunk := await guest_reader.read(CHUNK_BYTES):
            opened.counted.tx += len(chunk)
            writer.write(chunk)
            await writer.drain()
            await _paid(opened.outwards, len(chunk))
        writer.write_eof()

    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(inwards())
            both.create_task(outwards())
        writer.close()
        await writer.wait_closed()
    except* OSError as errors:
        log.write(log_events.guest_connection(inner_port, f"broke: {errors.exceptions[0]}"))
    finally:
        guest_writer.transport.abort()


async def _paid(bucket: Bucket, passed: int) -> None:
    wait_s = bucket.wait_s(passed, asyncio.get_running_loop().time())
    if wait_s:
        await asyncio.sleep(wait_s)


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the kernel find out about peers that vanished; idle connections are legitimate."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
