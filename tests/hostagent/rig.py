"""A host core on a server in memory, with an exchange that acknowledges, on virtual time."""

import heapq
from itertools import count
from typing import TypeVar

from exchange.wire.frames import Ack
from exchange.wire.instructions import HostSync, VmKill, VmLaunch
from exchange.wire.requests import HostDone, VmStatus
from exchange.wire.types import Capacity, Request
from hostagent.core.core import HostConfig, HostCore
from hostagent.core.memory_hypervisor import Boot, BootPlan, FaultPlan, MemoryServer
from hostagent.core.ports import (
    Effect,
    HostMessage,
    LinkDown,
    LinkUp,
    Load,
    Message,
    ObservedDomain,
    Send,
    StartDomain,
    Tick,
)

START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
SMALL = Capacity(mvcpu=1000, mem_mib=2048, disk_mib=10_240)
IMAGE = "a" * 64
CONFIG = HostConfig(
    capacity=Capacity(mvcpu=4000, mem_mib=16_384, disk_mib=100_000),
    classes={"small": SMALL},
    boot_id="boot-1",
    host_mvcpu=8000,
)
PROMPT = Boot(start_ms=1_000, ready_ms=5_000, stop_ms=2_000)

T = TypeVar("T", bound=HostMessage)


def launch(vm_id: str = "v-1", instruction_id: str = "i-1", **changes: object) -> VmLaunch:
    order = VmLaunch(
        instruction_id=instruction_id,
        epoch=1,
        vm_id=vm_id,
        lease_id="l-1",
        class_="small",
        shape=SMALL,
        image=IMAGE,
        cmdline="",
        user_data="",
        ports=[80],
        allow_from=[],
    )
    for name, value in changes.items():
        setattr(order, name, value)
    return order


def kill(vm_id: str = "v-1", instruction_id: str = "i-9", grace_ms: int = 0) -> VmKill:
    return VmKill(instruction_id=instruction_id, epoch=1, vm_id=vm_id, grace_ms=grace_ms)


def sync(*vms: VmLaunch, instruction_id: str = "s-1", epoch: int = 1) -> HostSync:
    return HostSync(instruction_id=instruction_id, epoch=epoch, leases=[], vms=list(vms))


class Rig:
    """``sent`` is all that reached the exchange; ``answers`` False loses every answer."""

    def __init__(
        self,
        boots: BootPlan = lambda spec: PROMPT,
        config: HostConfig = CONFIG,
        fetch_ms: int = 3_000,
        fault: FaultPlan = lambda call, vm_id: None,
    ) -> None:
        self.now_ms = START_MS
        self.load = Load()
        self.server = MemoryServer(
            lambda: self.now_ms, boots, lambda: self.load, fetch_ms, fault=fault
        )
        self.config = config
        self.core = HostCore(config)
        self.sent: list[HostMessage] = []
        self.effects: list[Effect] = []
        self.answers = True
        self._connected = False
        self._due: list[tuple[int, int, Message]] = []
        self._order = count()
        self.tell(Tick())

    # --- what happens ---

    def connect(self, *vms: VmLaunch) -> None:
        """Log in; the exchange wants ``vms`` to run."""
        self._connected = True
        self.tell(LinkUp())
        self.tell(sync(*vms))

    def disconnect(self) -> None:
        self._connected = False
        self.tell(LinkDown())

    def restart_agent(self, keep: bool = False) -> None:
        """A new agent on the same server: late results are lost, and it knows nothing.

        ``keep``: it knows what the agent before it has kept for it.
        """
        self._connected = False
        self._due.clear()
        self.core = HostCore(self.config, self.core.offer.kept() if keep else None)
        self.tell(Tick())

    def tell(self, message: Message) -> None:
        """Deliver ``message`` now, and everything that follows at this very time."""
        heapq.heappush(self._due, (self.now_ms, next(self._order), message))
        self.run(0)

    def run(self, ms: int) -> None:
        """Let ``ms`` pass."""
        end_ms = self.now_ms + ms
        while (at_ms := self._next_ms()) is not None and at_ms <= end_ms:
            self.now_ms = max(self.now_ms, at_ms)
            message = heapq.heappop(self._due)[2] if self._result_due() else Tick()
            for out in self.core.apply(message, self.now_ms):
                if isinstance(out, Send):
                    self._receive(out.message)
                else:
                    self._carry_out(out)
        self.now_ms = end_ms

    def _next_ms(self) -> int | None:
        times = [self._due[0][0]] if self._due else []
        deadline_ms = self.core.next_deadline_ms()
        return min([*times, *([] if deadline_ms is None else [deadline_ms])], default=None)

    def _result_due(self) -> bool:
        return bool(self._due) and self._due[0][0] <= self.now_ms

    def _carry_out(self, effect: Effect) -> None:
        self.effects.append(effect)
        for at_ms, result in self.server.carry_out(effect):
            heapq.heappush(self._due, (at_ms, next(self._order), result))

    def _receive(self, message: HostMessage) -> None:
        if not self._connected:
            return
        self.sent.append(message)
        if isinstance(message, Request) and self.answers:
            answer = Ack(message.req_id)
            heapq.heappush(self._due, (self.now_ms + 10, next(self._order), answer))

    # --- what is seen ---

    def got(self, kind: type[T]) -> list[T]:
        """Return the messages of one kind, in the order they came."""
        return [message for message in self.sent if isinstance(message, kind)]

    def states(self, vm_id: str = "v-1") -> list[str]:
        """Return a VM's reported states, each once: "running" becomes "ready" when it is."""
        told: list[str] = []
        for status in self.got(VmStatus):
            word: str = status.state
            if status.ready_ms and status.state == "running":
                word = "ready"
            word = f"{word}({status.reason})" if status.reason else word
            if status.vm_id == vm_id and told[-1:] != [word]:
                told.append(word)
        return told

    def done(self) -> list[tuple[str, bool]]:
        return [(one.instruction_id, one.ok) for one in self.got(HostDone)]

    def running(self) -> list[str]:
        """Return the VM ids of the domains that exist."""
        return [domain.spec.vm_id for domain in self.running_domains()]

    def running_domains(self) -> list[ObservedDomain]:
        return self.server.hypervisor.observe()

    def starts(self) -> list[str]:
        return [effect.spec.vm_id for effect in self.effects if isinstance(effect, StartDomain)]
