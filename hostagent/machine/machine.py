"""Carry the core's effects out on this server: hypervisor, images, forwarded ports. Shell module.

The counterpart of `memory_hypervisor.MemoryServer` in the real world. Every blocking call of the
hypervisor has a time limit and waits only for those of the same VM (`calls`). An effect that cannot
be carried out says so in its result; where it has none, the core's next look shows it and the core
asks again.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from msgspec.structs import replace

from exchange.log import log
from exchange.wire.types import Endpoint
from hostagent.core import log_events
from hostagent.core.consoles import console_seen
from hostagent.core.domain_xml import check_spec
from hostagent.core.policy import UNLIMITED, Policy
from hostagent.core.ports import (
    BootFiles,
    DestroyDomain,
    DomainFailed,
    DomainGone,
    DomainSpec,
    DomainStarted,
    Effect,
    FetchImage,
    Forward,
    Hypervisor,
    HypervisorError,
    ImageError,
    ImageFailed,
    ImageReady,
    KeepNotes,
    Load,
    NeedImages,
    Observe,
    Observed,
    ObservedDomain,
    ReadConsole,
    Reading,
    Result,
    ShutdownDomain,
    StartDomain,
    WatchGuest,
)
from hostagent.machine.adopted_ports import AdoptedPorts
from hostagent.machine.calls import EVERYBODY, Calls, HangsError, Name
from hostagent.machine.fence import Fence
from hostagent.machine.forwarder import (
    Counted,
    Forwarder,
    ForwardError,
    free_loopback_port,
)
from hostagent.machine.guest_watch import GuestWatch
from hostagent.machine.images import ImageCache
from hostagent.machine.lanes import Lanes

START_TRIES = 5
PORT_TRIES = 30
PORT_AGAIN_S = 1.0
COUNT_PORTS_S = 60.0
_PORT_TAKEN = "host forwarding rule"
_T = TypeVar("_T")
_P = ParamSpec("_P")


class Machine:
    """Owns one hypervisor and the calls to it; `close` lets go of both, VMs keep running.

    ``simulated``: the guests are not real, so that nobody can connect to one.
    """

    def __init__(
        self,
        hypervisor: Hypervisor,
        images: ImageCache,
        forwarder: Forwarder,
        load: Callable[[], Load],
        clock: Callable[[], int],
        simulated: bool = False,
        limits_s: dict[Name, float] | None = None,
        policy: Policy = UNLIMITED,
        fence: Fence | None = None,
    ) -> None:
        self._hypervisor = hypervisor
        self._images = images
        self._forwarder = forwarder
        self._load = load
        self._clock = clock
        self._policy = policy
        self._fence = fence or Fence(policy)
        self._calls = Calls(limits_s)
        self._guests = GuestWatch(hypervisor, self._calls, forwarder, simulated)
        self._turns = Lanes()
        self._boots: dict[str, str] = {}
        """Of the VMs started here."""
        self._lost = False
        """The last look at the hypervisor failed."""
        self._adopted = AdoptedPorts(forwarder, policy)
        self._count_at_s = 0.0

    async def carry_out(self, effect: Effect) -> Result | None:
        """Do ``effect`` and return its result; None when it has none, or has failed for now."""
        try:
            result = await self._do(effect)
        except (HypervisorError, ForwardError, ImageError, OSError) as error:
            self._failed(effect, str(error))
            return None
        if self._lost and isinstance(effect, Observe):
            self._lost = False
            log.write(log_events.hypervisor_back())
        return result

    def _failed(self, effect: Effect, why: str) -> None:
        """A look that fails is said once, until one succeeds: the core looks again and again."""
        if not isinstance(effect, Observe):
            log.write(log_events.effect_failed(type(effect).__name__, why))
        elif not self._lost:
            self._lost = True
            log.write(log_events.hypervisor_lost(why))

    async def own(self, owner: str) -> bool:
        """We serve ``owner`` from now on; returns whether that changes which domains are ours."""
        return await self._calls.call("own", EVERYBODY, partial(self._hypervisor.own, owner))

    def watch(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` in this loop soon after something happened to one of our domains."""
        loop = asyncio.get_running_loop()

        def hint() -> None:
            with contextlib.suppress(RuntimeError):  # The agent has ended meanwhile.
                loop.call_soon_threadsafe(tell)

        self._hypervisor.watch(hint)

    async def observe(self) -> Observed:
        """Look at all our domains; listen again for those that an agent before us started."""
        await asyncio.to_thread(self._fence.look)
        domains = await self._calls.call("observe", EVERYBODY, self._hypervisor.observe)
        endpoints: dict[str, list[Endpoint]] = {}
        for domain in domains:
            vm_id = domain.spec.vm_id
            if domain.state in ("running", "held", "unknown"):
                await self._adopted.listen(domain)
            endpoints[vm_id] = self._forwarder.endpoints(domain.forwards)
        counted = [self._with_network(domain) for domain in domains]
        ports = await self._count_ports()
        return Observed(
            self._clock(), counted, self._load(), endpoints, tuple(self._adopted.unreached), ports
        )

    async def _count_ports(self) -> int | None:
        """Count now and then, and when there were too few."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._count_at_s:
            return None
        self._count_at_s = now_s + COUNT_PORTS_S
        return await asyncio.to_thread(self._forwarder.usable_ports)

    async def close(self) -> None:
        self._guests.close()
        await self._forwarder.close_all()
        with contextlib.suppress(HypervisorError):
            await self._calls.call("close", EVERYBODY, self._hypervisor.close)

    async def _do(self, effect: Effect) -> Result | None:
        match effect:
            case FetchImage():
                return await self._fetch(effect.image)
            case NeedImages():
                self._images.need(effect.images)
            case StartDomain():
                async with self._turns.turn(effect.spec.vm_id):
                    return await self._start(effect.spec)
            case ShutdownDomain():
                await self._of_vm("shutdown", effect.vm_id, self._hypervisor.shutdown)
            case DestroyDomain():
                async with self._turns.turn(effect.vm_id):
                    return await self._destroy(effect.vm_id, effect.boot)
            case WatchGuest():
                return await self._guests.wait(effect.vm_id)
            case KeepNotes():
                keep = self._hypervisor.keep_notes
                await self._of_vm("keep_notes", effect.vm_id, keep, effect.notes)
            case ReadConsole():
                return await self._console(effect)
            case Observe():
                return await self.observe()
        return None

    async def _of_vm(
        self,
        name: Name,
        vm_id: str,
        blocking: Callable[Concatenate[str, _P], _T],
        *more: _P.args,
        **named: _P.kwargs,
    ) -> _T:
        return await self._calls.call(name, vm_id, partial(blocking, vm_id, *more, **named))

    async def _fetch(self, image: str) -> Result:
        try:
            await self._images.fetch(image)
        except ImageError as error:
            log.write(log_events.image_failed(str(error)))
            return ImageFailed(image, error.reason)
        return ImageReady(image, self._images.size_mib(image))

    async def _start(self, spec: DomainSpec) -> Result:
        try:
            check_spec(spec)
        except HypervisorError as error:
            # Nothing was made, and such an id must not name what is to be removed.
            log.write(log_events.not_started(spec, str(error)))
            return DomainFailed(spec.vm_id, error.reason)
        self._boots[spec.vm_id] = spec.boot
        try:
            make = partial(self._images.boot_files, spec.image, spec)
            files = await self._calls.call("boot_files", spec.vm_id, make)
            await asyncio.to_thread(self._fence.hold)
            forwards = await self._start_on_free_ports(spec, files)
        except (ImageError, ForwardError, HypervisorError) as error:
            log.write(log_events.not_started(spec, str(error)))
            await self._forget(spec.vm_id)
            return DomainFailed(spec.vm_id, error.reason)
        return DomainStarted(spec.vm_id, self._forwarder.endpoints(forwards))

    async def _start_on_free_ports(self, spec: DomainSpec, files: BootFiles) -> tuple[Forward, ...]:
        """Start, again on other inner ports when somebody took one before QEMU could."""
        for tries_left in reversed(range(START_TRIES)):
            ports = dict.fromkeys(spec.ports)
            wanted = tuple(Forward(port, 0, free_loopback_port()) for port in ports)
            opened = await self._open_when_free(spec, wanted)
            try:
                start = partial(self._hypervisor.start, spec, files, opened)
                await self._calls.call("start", spec.vm_id, start)
            except HypervisorError as error:
                await self._forwarder.close(spec.vm_id)
                if isinstance(error, HangsError):
                    await self._clear(spec.vm_id)
                if _PORT_TAKEN not in str(error) or tries_left == 0:
                    raise
            else:
                return opened
        raise AssertionError("the last try returns or raises")

    async def _open_when_free(
        self, spec: DomainSpec, forwards: tuple[Forward, ...]
    ) -> tuple[Forward, ...]:
        """Listen; the VM that had the ports before may still be stopping."""
        bytes_s = self._policy.rates.net_bytes_s(spec.shape.mvcpu)
        open_all = partial(self._forwarder.open, spec.vm_id, forwards, spec.allow_from)
        for tries_left in reversed(range(PORT_TRIES)):
            try:
                return await open_all(Counted(), bytes_s)
            except ForwardError as error:
                self._count_at_s = 0.0
                if error.reason != "no_free_port" or tries_left == 0:
                    raise
            await asyncio.sleep(PORT_AGAIN_S)
        raise AssertionError("the last try returns or raises")

    async def _destroy(self, vm_id: str, boot: str) -> Result:
        """Read the counters a last time, then remove every trace; another VM of the id stays."""
        if boot and self._boots.get(vm_id, boot) != boot:
            return DomainGone(vm_id, boot=boot)
        reading = await self._last_reading(vm_id)
        self._guests.stop(vm_id)
        await self._of_vm("destroy", vm_id, self._hypervisor.destroy)
        await self._forwarder.close(vm_id)
        await self._forget(vm_id)
        self._guests.forget(vm_id)
        self._adopted.forget(vm_id)
        self._boots.pop(vm_id, None)
        return DomainGone(vm_id, reading, boot)

    async def _last_reading(self, vm_id: str) -> Reading | None:
        """A look that fails costs the last counters, not the stop."""
        try:
            domains = await self._calls.call("observe", vm_id, self._hypervisor.observe)
        except HypervisorError as error:
            log.write(log_events.vm_trouble(vm_id, "effect_failed", f"last counters: {error}"))
            return None
        here = [self._with_network(one) for one in domains if one.spec.vm_id == vm_id]
        return here[0].reading if here else None

    async def _forget(self, vm_id: str) -> None:
        try:
            await self._of_vm("forget_vm", vm_id, self._images.forget_vm)
        except HypervisorError as error:
            log.write(log_events.vm_trouble(vm_id, "effect_failed", str(error)))

    async def _clear(self, vm_id: str) -> None:
        """A start that was given up may still come about: leave nothing of it."""
        try:
            await self._of_vm("destroy", vm_id, self._hypervisor.destroy)
        except HypervisorError as error:
            log.write(log_events.vm_trouble(vm_id, "effect_failed", f"may be left over: {error}"))

    async def _console(self, effect: ReadConsole) -> Result:
        """Whoever asked waits: also what cannot be read is an answer."""
        try:
            read = self._hypervisor.console
            seen = await self._of_vm("console", effect.vm_id, read, effect.lines, effect.after)
        except HypervisorError as error:
            log.write(log_events.vm_trouble(effect.vm_id, "console_failed", str(error)))
            seen = None
        return console_seen(effect.read_id, seen)

    def _with_network(self, domain: ObservedDomain) -> ObservedDomain:
        """Add the forwarded bytes; the hypervisor does not see the user network's."""
        if domain.reading is None:
            return domain
        counted = self._forwarder.counted(domain.spec.vm_id)
        reading = replace(domain.reading, net_rx_total=counted.rx, net_tx_total=counted.tx)
        return replace(domain, reading=reading)
