"""What the exchange tells a host to do. Each but `ConsoleRead` is sent again until the host has
answered it."""

from typing import TypeAlias

from exchange.wire.types import Frame, SyncLease, ToldCapacity


class VmLaunch(Frame, tag="vm.launch", rename={"class_": "class"}):
    """Launch a VM to run between two times. The same ``vm_id`` again brings a new lease or end, and
    with another ``born_ms``, when it was asked for, another VM (the exchange was restored).
    ``ran``: it has run, so a host that has no such domain has lost it, and starts no other."""

    instruction_id: str
    epoch: int
    vm_id: str
    lease_id: str
    class_: str
    shape: ToldCapacity
    image: str
    cmdline: str
    user_data: str
    ports: list[int]
    allow_from: list[str]
    until_ms: int | None = None
    not_before_ms: int | None = None
    born_ms: int | None = None
    ran: bool = False


class VmKill(Frame, tag="vm.kill"):
    """Stop a VM: ACPI first, by force after ``grace_ms``. ``born_ms``: when it was asked for;
    another VM of the same id runs on."""

    instruction_id: str
    epoch: int
    vm_id: str
    grace_ms: int
    born_ms: int | None = None


class HostLimit(Frame, tag="host.limit"):
    """The owner's limit on what the host offers. ``image_max_mib``: of a VM that is new."""

    instruction_id: str
    epoch: int
    offered: ToldCapacity | None = None
    residual_below_pct: int | None = None
    image_max_mib: int | None = None


class HostSync(Frame, tag="host.sync"):
    """All the host must run, after every login; ``vms`` are complete launch orders. ``more``: the
    next frame goes on with it."""

    instruction_id: str
    epoch: int
    leases: list[SyncLease]
    vms: list[VmLaunch]
    more: bool = False


class ConsoleRead(Frame, tag="console.read"):
    """Send the last ``lines`` lines of a VM's console once, soon: it is not sent again. With
    ``after``, what came after that ``next`` of an earlier answer; with "" the last lines."""

    read_id: str
    vm_id: str
    lines: int
    after: str | None = None


Instruction: TypeAlias = VmLaunch | VmKill | HostLimit | HostSync
ForHost: TypeAlias = Instruction | ConsoleRead
