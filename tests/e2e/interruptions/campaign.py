"""One round: a VM is bought, started and given back, and something happens on the way."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, ParamSpec, TypeAlias

from msgspec import Struct

from exchange.client import Client
from exchange.client.images import put_image
from exchange.keys import load_private_key, new_key
from exchange.wire.requests import LeaseRelease, VmStart
from tests.e2e.interruptions import market
from tests.e2e.interruptions.cast import PORTS, Agent, Exchange, Wire, headroom
from tests.e2e.interruptions.laws import Left, Story, broken
from tests.e2e.interruptions.market import Buyer, ask
from tests.e2e.interruptions.server import Libvirt, mount, qemus, running

STATE_MIB: Final = 20_000
RUNS_S: Final = 90.0
ENDS_S: Final = 120.0
GONE_S: Final = 90.0
# cli; next: hlt; jmp next. It stays until somebody ends it.
SECTOR: Final = bytes.fromhex("fbf4ebfd").ljust(510, b"\0") + b"\x55\xaa"
PHASES: Final = ("start", "run", "stop")
KINDS: Final = (
    "agent_killed",
    "agent_held",
    "qemu_killed",
    "qemu_held",
    "libvirt_killed",
    "libvirt_away",
    "libvirt_held",
    "exchange_killed",
    "disk_full",
    "clock_jumps",
    "wire_cut",
)
AWAY: Final = frozenset({"libvirt_away", "libvirt_held"})
"""These last longer than a call dials, and in a start they begin before the order is placed."""
AWAY_TIMES: Final = 6
"""How much longer."""

Way: TypeAlias = Callable[[], Awaitable[None]]
_P = ParamSpec("_P")


class Plan(Struct, frozen=True):
    """``after_s`` into ``phase`` it happens, and is healed ``hold_s`` later."""

    what: str
    phase: str
    after_s: float
    hold_s: float
    ahead_s: int
    ports: bool


def plans(count: int, seed: int, kinds: Sequence[str] = KINDS) -> list[Plan]:
    """Draw; each pair of what and when comes once before any comes again."""
    rng, drawn = random.Random(seed), list[tuple[str, str]]()
    while len(drawn) < count:
        pairs = [(what, phase) for what in kinds for phase in PHASES]
        rng.shuffle(pairs)
        drawn += pairs
    return [
        Plan(
            what,
            phase,
            rng.uniform(0.0, 1.2 if phase == "start" else 0.4),
            rng.uniform(0.3, 4.0) * (AWAY_TIMES if what in AWAY else 1),
            rng.choice((-3600, -300, 300, 3600, 4200)),
            rng.random() < 0.5,
        )
        for what, phase in drawn[:count]
    ]


class Campaign:
    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        mount(self.state, STATE_MIB)
        self.libvirt = Libvirt(folder)
        self.exchange = Exchange(folder)
        self.bystander = ""
        self._networks = list[str]()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Everybody is there, and one VM that is to live through all of it."""
        operator_key = new_key(self.folder / "operator.pem")
        data = str(self.exchange.data)
        init = ("exchange", "init", "--data", data, "--operator-key", operator_key)
        assert headroom(self.folder / "init.log", *init).wait(60) == 0
        self.exchange.start()
        url = await self.exchange.url()
        self.wire = Wire(self.exchange.port)
        await self.wire.listen()
        async with contextlib.AsyncExitStack() as stack:
            self.operator = await stack.enter_async_context(self._client(url, "operator"))
            await market.found(self.operator, self.folder)
            self.seller = await stack.enter_async_context(self._client(url, "seller"))
            self.buyer = Buyer(await stack.enter_async_context(self._client(url, "buyer")))
            host_key = self.folder / "host.pem"
            await market.enroll(url, self.seller, host_key)
            await self.buyer.client.subscribe("account")
            listening = asyncio.create_task(self.buyer.listen())
            self.image = await self._image(url)
            to_wire = url.replace(str(self.exchange.port), str(self.wire.port))
            self.agent = Agent(self.folder, self.state, host_key, to_wire)
            self.libvirt.await_answer()
            self._networks = self.libvirt.networks()
            self.agent.start()
            _, self.bystander = await self._start_vm("bystander", True)
            await self._until(lambda: "running" in self.buyer.states(self.bystander), RUNS_S)
            try:
                yield
            finally:
                await self.agent.end(signal.SIGTERM)
                listening.cancel()

    def _client(self, url: str, name: str) -> Client:
        return Client(url, load_private_key(self.folder / f"{name}.pem"))

    async def _image(self, url: str) -> str:
        disk = self.folder / "disk.raw"
        disk.write_bytes(SECTOR + bytes(1024 * 1024 - 512))
        key = load_private_key(self.folder / "buyer.pem")
        return str(await put_image(url, key, disk, "raw"))

    async def _start_vm(self, name: str, ports: bool) -> tuple[str, str]:
        lease = await market.buy(self.seller, self.buyer, name)
        wanted = VmStart(
            req_id=1, lease_id=lease, name=name, image=self.image, ports=[80] if ports else []
        )
        return lease, str((await ask(self.buyer.client, wanted))["vm_id"])

    async def _until(self, holds: Callable[[], bool], limit_s: float) -> bool:
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if holds():
                return True
            await asyncio.sleep(0.1)
        return False

    # --- one round ---

    async def play(self, plan: Plan, name: str) -> list[str]:
        """Return the laws that it broke."""
        if plan.phase == "start" and plan.what in AWAY:
            await market.until_sold(self.seller, f"{name}-first")
            begin, _ = self._ways(plan, "")
            await begin()
        lease, vm_id = await self._start_vm(name, plan.ports)
        states = self.buyer.states
        if plan.phase == "start":
            await self._interrupt(plan, vm_id)
        await self._until(lambda: "running" in states(vm_id) or self.buyer.ended(vm_id), RUNS_S)
        if plan.phase == "run":
            await self._interrupt(plan, vm_id)
            if plan.what == "qemu_killed":
                await self._until(lambda: self.buyer.ended(vm_id), 12.0)
        if self.buyer.leases[lease].state != "ended":
            await ask(self.buyer.client, LeaseRelease(req_id=1, lease_id=lease))
        if plan.phase == "stop":
            await self._interrupt(plan, vm_id)
        await self._until(
            lambda: self.buyer.ended(vm_id) and self.buyer.leases[lease].state == "ended", ENDS_S
        )
        left = await self._left()
        found = broken(self._story(plan, lease, vm_id), left)
        if not any(name == f"headroom-{self.bystander}" for name in qemus().values()):
            found.append("a VM that nobody touched is gone")
        if self.buyer.ended(self.bystander):
            found.append(f"a bystander was ended: {self.buyer.vms[self.bystander][-1].reason}")
        return found

    def _story(self, plan: Plan, lease: str, vm_id: str) -> Story:
        told = self.buyer.vms.get(vm_id, [])
        end = self.buyer.leases[lease]
        return Story(
            plan.what,
            plan.phase,
            [one.state for one in told],
            told[-1].reason if told else None,
            end.reason if end.state == "ended" else None,
            self.buyer.charged.get(lease, 0),
        )

    # --- what happens ---

    async def _interrupt(self, plan: Plan, vm_id: str) -> None:
        await asyncio.sleep(plan.after_s)
        begin, heal = self._ways(plan, vm_id)
        await begin()
        await asyncio.sleep(plan.hold_s)
        await heal()

    def _ways(self, plan: Plan, vm_id: str) -> tuple[Way, Way]:
        """Return how it happens and how it is healed."""
        agent, exchange, wire = self.agent, self.exchange, self.wire
        stop, go_on, kill = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL
        ways: dict[str, tuple[Way, Way]] = {
            "agent_killed": (partial(agent.end, kill), _now(agent.start)),
            "agent_held": (_now(agent.send, stop), _now(agent.send, go_on)),
            "qemu_killed": (partial(self._signal, vm_id, kill), _now(int)),
            "qemu_held": (partial(self._signal, vm_id, stop), partial(self._signal, vm_id, go_on)),
            "libvirt_killed": (_now(self.libvirt.kill), _now(self.libvirt.start)),
            "libvirt_away": (_now(self.libvirt.kill), _now(self.libvirt.start)),
            "libvirt_held": (_now(self.libvirt.send, stop), _now(self.libvirt.send, go_on)),
            "exchange_killed": (partial(exchange.end, kill), self._start_exchange),
            "disk_full": (_now(self._size, True), _now(self._size, False)),
            "clock_jumps": (_now(agent.clock, plan.ahead_s), _now(agent.clock, 0)),
            "wire_cut": (_now(wire.cut), _now(wire.mend)),
        }
        return ways[plan.what]

    async def _signal(self, vm_id: str, number: signal.Signals) -> None:
        await self._until(lambda: self._qemu_of(vm_id) is not None, 3.0)
        if (pid := self._qemu_of(vm_id)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def _start_exchange(self) -> None:
        self.exchange.start()
        await self.exchange.url()

    def _size(self, full: bool) -> None:
        """Leave no room at all on the host's disk, or much again."""
        used = os.statvfs(self.state)
        kib = (used.f_blocks - used.f_bfree) * used.f_frsize // 1024
        limit = f"remount,size={kib}k" if full else f"remount,size={STATE_MIB}m"
        subprocess.run(["mount", "-o", limit, str(self.state)], check=True)

    def _qemu_of(self, vm_id: str) -> int | None:
        found = [pid for pid, name in qemus().items() if name == f"headroom-{vm_id}"]
        return found[0] if found else None

    # --- what is left ---

    async def _left(self) -> Left:
        """Return what is left once nothing is, or after a while."""
        deadline = time.monotonic() + GONE_S
        while True:
            left = await asyncio.to_thread(self._seen)
            if left == Left([], [], [], [], [], [], []) or time.monotonic() > deadline:
                return left
            await asyncio.sleep(0.5)

    def _seen(self) -> Left:
        own = self.bystander
        consoles = [path.name for path in (self.state / "logs").iterdir()]
        parts = [path.name for path in (self.state / "images").iterdir() if path.suffix]
        return Left(
            domains=[one for one in self._domains() if one != f"headroom-{own}"],
            qemus=[one for one in qemus().values() if one != f"headroom-{own}"],
            disks=[path.name for path in (self.state / "vms").iterdir() if path.name != own],
            consoles=[name for name in consoles if not name.startswith(f"{own}.log")],
            parts=parts,
            networks=[one for one in self.libvirt.networks() if one not in self._networks],
            ports=self._ports(),
            conversions=running("qemu-img"),
        )

    def _domains(self) -> list[str]:
        self.libvirt.await_answer()
        return self.libvirt.domains()

    def _ports(self) -> list[str]:
        """Ports that listen for guests; one belongs to the bystander."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A"]
        endpoints = [one.endpoints for one in self.buyer.vms.get(self.bystander, [])]
        own = {one.port for told in endpoints for one in told}
        low, high = PORTS
        return [str(port) for port in sorted(listening) if low <= port <= high and port not in own]


def _now(call: Callable[_P, object], *args: _P.args, **named: _P.kwargs) -> Way:
    async def way() -> None:
        call(*args, **named)

    return way
