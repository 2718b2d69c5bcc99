"""One VM's call that hangs or fails is no other VM's affair. The faults are the fake's."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import cast

import pytest
from msgspec.structs import replace

from hostagent.core.memory_hypervisor import MemoryHypervisor
from hostagent.core.ports import (
    BootFiles,
    ConsoleSeen,
    DestroyDomain,
    DomainFailed,
    DomainGone,
    DomainSpec,
    DomainStarted,
    Effect,
    GuestHangs,
    GuestReady,
    HypervisorError,
    KeepNotes,
    Load,
    Notes,
    Observe,
    Observed,
    ReadConsole,
    ShutdownDomain,
    StartDomain,
    WatchGuest,
)
from hostagent.machine import guest_watch
from hostagent.machine import machine as machine_module
from hostagent.machine.calls import LIMITS_S, STUCK_PER_LANE, Name
from hostagent.machine.forwarder import Forwarder
from hostagent.machine.images import ImageCache
from hostagent.machine.machine import Machine
from tests.contract.hypervisor_contract import spec

WAIT_S = 20.0
SOON: dict[Name, float] = dict.fromkeys(LIMITS_S, 0.2)
OTHERS: list[Effect] = [
    ShutdownDomain("v-2"),
    KeepNotes("v-2", Notes(ready_ms=1)),
    ReadConsole("r-2", "v-2", 1),
    DestroyDomain("v-2"),
]


class NoImages(ImageCache):
    """Every image is here, and nothing of it. ``done`` are the calls, by name."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self.forgotten: list[str] = []
        self.done: list[str] = []
        self.hang = False
        self._wait = wait

    def boot_files(self, image: str, spec: DomainSpec) -> BootFiles:
        self.done.append("boot_files")
        return BootFiles()

    def forget_vm(self, vm_id: str) -> None:
        if self.hang:
            self._wait()
        self.forgotten.append(vm_id)
        self.done.append("forget_vm")


class Bench:
    """A machine on the fake. Calls named in ``hangs`` hang until `free`, ``fails`` raise."""

    def __init__(self, limits_s: dict[Name, float], simulated: bool = True) -> None:
        self.hangs: set[tuple[str, str]] = set()
        self.fails: dict[tuple[str, str], Exception] = {}
        self.asked: list[tuple[str, str]] = []
        self.hanging = threading.Event()
        self._free = threading.Event()
        self.fake = MemoryHypervisor(lambda: 1_000, fault=self._fault)
        self.images = NoImages(self._wait)
        forwarder = Forwarder("127.0.0.1", 30_000, 30_999)
        parts = self.fake, self.images, forwarder, Load, lambda: 1_000, simulated
        self.machine = Machine(*parts, limits_s)

    def _fault(self, call: str, vm_id: str) -> None:
        self.asked.append((call, vm_id))
        if (call, vm_id) in self.fails:
            raise self.fails[call, vm_id]
        if (call, vm_id) in self.hangs:
            self._wait()

    def _wait(self) -> None:
        self.hanging.set()
        self._free.wait(WAIT_S)

    def free(self) -> None:
        self.hangs.clear()
        self._free.set()

    async def start(self, vm_id: str) -> object:
        return await self.machine.carry_out(StartDomain(replace(spec(vm_id), ports=())))


def on(bench: Bench, story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(WAIT_S):
            await story()

    try:
        asyncio.run(main())
    finally:
        bench.free()


@pytest.mark.parametrize("call", ["start", "shutdown", "destroy", "keep_notes", "console"])
def test_a_call_that_hangs_keeps_no_other_vm_waiting(call: str) -> None:
    """No limit is reached here: the other VM's calls do not wait for it at all."""
    bench = Bench(dict.fromkeys(LIMITS_S, WAIT_S))
    own: dict[str, Effect] = {
        "start": StartDomain(replace(spec("v-1"), ports=())),
        "shutdown": ShutdownDomain("v-1"),
        "destroy": DestroyDomain("v-1"),
        "keep_notes": KeepNotes("v-1", Notes()),
        "console": ReadConsole("r-1", "v-1", 1),
    }

    async def story() -> None:
        bench.hangs.add((call, "v-1"))
        hanging = asyncio.create_task(bench.machine.carry_out(own[call]))
        assert await asyncio.to_thread(bench.hanging.wait, WAIT_S)
        assert await bench.start("v-2") == DomainStarted("v-2")
        for effect in OTHERS:
            await bench.machine.carry_out(effect)
        assert bench.fake.observe() == []
        assert not hanging.done()
        bench.free()
        await hanging

    on(bench, story)


def test_a_start_that_hangs_is_given_up_and_leaves_nothing() -> None:
    bench = Bench({**SOON, "start": 0.2})

    async def story() -> None:
        bench.hangs.add(("start", "v-1"))
        assert await bench.start("v-1") == DomainFailed("v-1", "start_failed")
        assert bench.asked[-1] == ("destroy", "v-1")
        assert await bench.start("v-2") == DomainStarted("v-2")

    on(bench, story)


def test_a_stop_that_hangs_is_tried_again_and_works_when_it_can() -> None:
    bench = Bench(SOON)

    async def story() -> None:
        await bench.start("v-1")
        bench.hangs.add(("destroy", "v-1"))
        for _ in range(STUCK_PER_LANE + 1):
            assert await bench.machine.carry_out(DestroyDomain("v-1")) is None
        bench.free()
        gone = await bench.machine.carry_out(DestroyDomain("v-1"))
        assert isinstance(gone, DomainGone)

    on(bench, story)


def test_a_second_stop_of_a_vm_leaves_the_one_that_has_its_id_by_then() -> None:
    """(Seen to fail: it ended that one, closed its ports and removed its disk.)"""
    bench = Bench(dict.fromkeys(LIMITS_S, WAIT_S))
    images = bench.images

    async def story() -> None:
        first, second = (replace(spec("v-1"), ports=(), boot=one) for one in ("b-1", "b-2"))
        await bench.machine.carry_out(StartDomain(first))
        images.hang = True
        stop = DestroyDomain("v-1", "b-1")
        stops = [asyncio.create_task(bench.machine.carry_out(stop)) for _ in range(2)]
        assert await asyncio.to_thread(bench.hanging.wait, WAIT_S), "its files are being removed"
        start = asyncio.create_task(bench.machine.carry_out(StartDomain(second)))
        late = asyncio.create_task(bench.machine.carry_out(stop))
        bench.free()
        assert await start == DomainStarted("v-1")
        assert await late == DomainGone("v-1", boot="b-1")
        assert [cast(DomainGone, one).boot for one in await asyncio.gather(*stops)] == ["b-1"] * 2
        assert [seen.spec.boot for seen in bench.fake.observe()] == ["b-2"]
        assert images.done[-1] == "boot_files", "what was made for it is still there"

    on(bench, story)


def test_calls_of_one_vm_that_hang_are_bounded() -> None:
    bench = Bench(SOON)

    async def story() -> None:
        bench.hangs.add(("console", "v-1"))
        for _ in range(STUCK_PER_LANE + 3):
            seen = await bench.machine.carry_out(ReadConsole("r", "v-1", 1))
            assert seen == ConsoleSeen("r", None)
        assert bench.asked.count(("console", "v-1")) == STUCK_PER_LANE

    on(bench, story)


def test_a_look_that_fails_does_not_keep_a_vm_from_being_stopped() -> None:
    bench = Bench(SOON)

    async def story() -> None:
        await bench.start("v-1")
        bench.fails["observe", ""] = HypervisorError("no answer")
        assert await bench.machine.carry_out(DestroyDomain("v-1")) == DomainGone("v-1")
        bench.fails.clear()
        seen = await bench.machine.carry_out(Observe())
        assert cast(Observed, seen).domains == []

    on(bench, story)


def test_the_machine_closes_in_time_whatever_hangs() -> None:
    bench = Bench({**SOON, "start": WAIT_S})

    async def story() -> None:
        bench.hangs |= {("start", "v-1"), ("close", "")}
        hanging = asyncio.create_task(bench.start("v-1"))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await bench.machine.close()
        hanging.cancel()

    on(bench, story)


def test_a_guest_whose_qemu_hangs_is_told_from_one_that_does_not_serve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guest_watch, "HANGS_AGAIN_S", 0.0)
    bench = Bench(SOON)

    async def story() -> None:
        await bench.machine.carry_out(StartDomain(spec("v-1")))
        bench.hangs.add(("guest_accepts", "v-1"))
        assert await bench.machine.carry_out(WatchGuest("v-1")) == GuestHangs("v-1")
        bench.free()
        assert await bench.machine.carry_out(WatchGuest("v-1")) == GuestReady("v-1")
        await bench.machine.close()

    on(bench, story)


class Unsure(Bench):
    """For five times nobody knows whether a guest serves."""

    def _fault(self, call: str, vm_id: str) -> None:
        super()._fault(call, vm_id)
        if call == "guest_accepts" and self.asked.count((call, vm_id)) <= 5:
            raise HypervisorError("no answer")


def test_that_nobody_knows_whether_a_guest_serves_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """(Seen to fail: a line twice a second, for as long as libvirtd was away.)"""
    monkeypatch.setattr(guest_watch, "WATCH_EVERY_S", 0.0)
    bench = Unsure(SOON)

    async def story() -> None:
        await bench.machine.carry_out(StartDomain(spec("v-1")))
        assert await bench.machine.carry_out(WatchGuest("v-1")) == GuestReady("v-1")
        await bench.machine.close()

    on(bench, story)
    assert caplog.text.count("ready or not?") == 1


class Slow(Bench):
    """A guest that does not serve the first twenty times it is asked about."""

    def _fault(self, call: str, vm_id: str) -> None:
        super()._fault(call, vm_id)
        if call == "guest_accepts" and self.asked.count((call, vm_id)) <= 20:
            raise HypervisorError("not yet")


def test_a_guest_that_does_not_serve_yet_is_not_connected_to_at_every_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """QEMU would keep them all for it. Shown to fail: 21 connections."""
    monkeypatch.setattr(guest_watch, "WATCH_EVERY_S", 0.0)
    monkeypatch.setattr(guest_watch, "GUEST_ANSWER_S", 0.0)
    callers: list[asyncio.StreamWriter] = []

    def answer(_: asyncio.StreamReader, caller: asyncio.StreamWriter) -> None:
        callers.append(caller)
        caller.transport.abort()

    async def story() -> None:
        qemu = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = qemu.sockets[0].getsockname()[1]
        monkeypatch.setattr(machine_module, "free_loopback_port", lambda: port)
        await bench.machine.carry_out(StartDomain(spec("v-1")))
        assert await bench.machine.carry_out(WatchGuest("v-1")) == GuestReady("v-1")
        await bench.machine.close()
        qemu.close()
        await qemu.wait_closed()

    bench = Slow(dict.fromkeys(LIMITS_S, WAIT_S), simulated=False)
    on(bench, story)
    assert bench.asked.count(("guest_accepts", "v-1")) > 20
    assert 1 <= len(callers) <= 5
