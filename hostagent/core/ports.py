"""The events and effects between the host core and its shell, and the ports a shell implements.

The core never acts. It returns effects (`FetchImage`, `StartDomain`, ...) beside the wire messages
to `Send`; whoever drives it, the asyncio agent or the simulator, carries them out and brings the
results back as messages (`ImageReady`, `DomainStarted`, ...). Each effect says which results it may
have. A lost result is no disaster: the core asks again, and every effect may be carried out twice.
"""

from collections.abc import Callable
from typing import Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from exchange.wire.console_requests import ConsoleText
from exchange.wire.frames import Ack, ErrorReply
from exchange.wire.instructions import ConsoleRead, HostLimit, HostSync, VmKill, VmLaunch
from exchange.wire.requests import (
    HostAnnounce,
    HostDone,
    HostHeartbeat,
    HostSynced,
    UsageReport,
    VmStatus,
)
from exchange.wire.types import Endpoint, ToldCapacity
from hostagent.core.console import ConsolePart
from hostagent.core.exchange_time import TimeTold

DomainState: TypeAlias = Literal[
    "running", "stopped", "crashed", "io_error", "held", "taken", "unknown"
]
"""``stopped``: by its guest or us; ``io_error``: paused by it; ``held``: paused by somebody, who
may let it go on; ``taken``: ended, saved or moved away by somebody; ``unknown``: not to be told."""


class Forward(Struct, frozen=True):
    """How a guest's port is reached: outside ``public_port`` -> host ``inner_port`` -> guest.

    ``inner_port`` listens on the loopback address only; 0 where a hypervisor has no real network.
    """

    guest_port: int
    public_port: int
    inner_port: int = 0


class DomainSpec(Struct, frozen=True):
    """All that a hypervisor needs to start one VM. ``boot`` keys the VM's counters; ``born_ms`` is
    as in `VmLaunch`, None in a domain of an older agent."""

    vm_id: str
    lease_id: str
    boot: str
    shape: ToldCapacity
    image: str
    cmdline: str = ""
    user_data: str = ""
    ports: tuple[int, ...] = ()
    allow_from: tuple[str, ...] = ()
    until_ms: int | None = None
    born_ms: int | None = None


class Notes(Struct, frozen=True):
    """What the agent learns while a VM runs and must find again after its own restart."""

    until_ms: int | None = None
    ready_ms: int | None = None
    net_rx_total: int = 0
    net_tx_total: int = 0
    born_ms: int | None = None


class Reading(Struct, frozen=True):
    """A VM's cumulative counters at ``at_ms``; they start from zero at every boot.

    ``held_mib``: what it takes of the server's memory by now; None where nobody can tell.
    """

    at_ms: int
    cpu_ms_total: int
    mem_mib: int
    net_rx_total: int = 0
    net_tx_total: int = 0
    held_mib: int | None = None


class ObservedDomain(Struct, frozen=True):
    """One of our domains as the hypervisor shows it. Foreign domains are never shown.

    ``reading`` is None when the domain does not run.
    """

    spec: DomainSpec
    state: DomainState
    forwards: tuple[Forward, ...] = ()
    notes: Notes = Notes()
    reading: Reading | None = None


class Load(Struct, frozen=True):
    """The whole server's use, VMs included, in percent."""

    cpu_pct: float = 0.0
    mem_pct: float = 0.0


# --- what the core asks for ---

HostMessage: TypeAlias = (
    HostAnnounce | HostHeartbeat | HostDone | HostSynced | VmStatus | UsageReport | ConsoleText
)


class Send(Struct, frozen=True, tag="send"):
    """Send to the exchange; without a connection it is dropped (the core sends it again)."""

    message: HostMessage


class FetchImage(Struct, frozen=True, tag="fetch_image"):
    """Have the image ready to boot. Results: `ImageReady`, `ImageFailed`."""

    image: str


class NeedImages(Struct, frozen=True, tag="need_images"):
    """VMs wait for exactly these images now: keep them, others may be dropped. No result."""

    images: frozenset[str]


class StartDomain(Struct, frozen=True, tag="start_domain"):
    """Define and start. Results: `DomainStarted`, `DomainFailed`."""

    spec: DomainSpec


class ShutdownDomain(Struct, frozen=True, tag="shutdown_domain"):
    """Press the guest's power button. No result of its own: the core watches and waits."""

    vm_id: str


class DestroyDomain(Struct, frozen=True, tag="destroy_domain"):
    """Stop at once and remove every trace. Result: `DomainGone`, also when nothing was there.

    ``boot`` as in `DomainSpec`: another VM that has the id by now is left alone.
    """

    vm_id: str
    boot: str = ""


class WatchGuest(Struct, frozen=True, tag="watch_guest"):
    """Tell when the guest accepts TCP on its first port. Result: `GuestReady`, or never.

    `GuestHangs` when QEMU itself does not answer; the watch has ended then.
    """

    vm_id: str


class KeepNotes(Struct, frozen=True, tag="keep_notes"):
    """Store ``notes`` with the domain, so that they outlive the agent."""

    vm_id: str
    notes: Notes


class ReadConsole(Struct, frozen=True, tag="read_console"):
    """Read the end of a VM's console. Result: `ConsoleSeen`, also when there is none."""

    read_id: str
    vm_id: str
    lines: int
    after: str | None = None


class Observe(Struct, frozen=True, tag="observe"):
    """Look at all our domains and the server's load. Result: `Observed`."""


Effect: TypeAlias = (
    FetchImage
    | NeedImages
    | StartDomain
    | ShutdownDomain
    | DestroyDomain
    | WatchGuest
    | KeepNotes
    | ReadConsole
    | Observe
)
Out: TypeAlias = Send | Effect

# --- what the core is told ---


class LinkUp(Struct, frozen=True, tag="link_up"):
    """Logged in to the exchange."""


class LinkDown(Struct, frozen=True, tag="link_down"):
    """The connection is lost; what was not acknowledged may not have arrived."""


class ImageReady(Struct, frozen=True, tag="image_ready"):
    """``mib``: its size in whole MiB."""

    image: str
    mib: int = 0


class ImageFailed(Struct, frozen=True, tag="image_failed"):
    image: str
    reason: str


class DomainStarted(Struct, frozen=True, tag="domain_started"):
    vm_id: str
    endpoints: list[Endpoint] = []


class DomainFailed(Struct, frozen=True, tag="domain_failed"):
    """The domain could not be started, and nothing of it is left."""

    vm_id: str
    reason: str


class DomainGone(Struct, frozen=True, tag="domain_gone"):
    """Nothing of the domain is left. ``reading`` was taken just before, when it still ran."""

    vm_id: str
    reading: Reading | None = None
    boot: str = ""
    """Of which VM, as in `DestroyDomain`."""


class GuestReady(Struct, frozen=True, tag="guest_ready"):
    vm_id: str


class GuestHangs(Struct, frozen=True, tag="guest_hangs"):
    """Nobody knows whether the guest serves: its QEMU does not answer."""

    vm_id: str


class ConsoleSeen(Struct, frozen=True, tag="console_seen"):
    """``text`` is None when the VM has no console that can be read. The rest as in
    `ConsolePart`."""

    read_id: str
    text: str | None
    next: str | None = None
    gap: bool = False


class Observed(Struct, frozen=True, tag="observed"):
    """All our domains as they stood at ``at_ms``, with the endpoints the shell gives them."""

    at_ms: int
    domains: list[ObservedDomain]
    load: Load = Load()
    endpoints: dict[str, list[Endpoint]] = {}
    unreached: tuple[str, ...] = ()
    """VMs with a port that the shell cannot bind yet."""
    ports: int | None = None
    """How many ports the VMs can have, with those they have; None: not counted this time."""


class Hint(Struct, frozen=True, tag="hint"):
    """Something may have happened to a domain. Never to be relied on."""


class Tick(Struct, frozen=True, tag="tick"):
    """Time has passed; `HostCore.next_deadline_ms` asked for it."""


Result: TypeAlias = (
    ImageReady
    | ImageFailed
    | DomainStarted
    | DomainFailed
    | DomainGone
    | GuestReady
    | GuestHangs
    | ConsoleSeen
    | Observed
    | Hint
    | Tick
)
Message: TypeAlias = (
    Result
    | TimeTold
    | LinkUp
    | LinkDown
    | VmLaunch
    | VmKill
    | HostLimit
    | HostSync
    | ConsoleRead
    | Ack
    | ErrorReply
)


# --- ports ---


HYPERVISOR_LOST: Final = "hypervisor_lost"
"""The reason of a start that fails because nobody answers: it is worth another try later."""


class HypervisorError(Exception):
    """The hypervisor cannot do what was asked. ``str(error)`` is one line for the owner's log.

    ``reason`` is the word that the renter gets: the line may tell of the host's insides.
    """

    def __init__(self, line: str, reason: str = "start_failed") -> None:
        super().__init__(line)
        self.reason = reason


class BootFiles(Struct, frozen=True):
    """What a domain boots from: a kernel with its initramfs, or a disk of its own.

    All are paths. ``user_data`` holds the renter's text for the guest to read, ``seed`` the same
    for cloud-init.
    """

    kernel: str | None = None
    initrd: str | None = None
    disk: str | None = None
    user_data: str | None = None
    seed: str | None = None


class Hypervisor(Protocol):
    """Runs domains. Blocking, one caller at a time for each VM. Raises `HypervisorError`.

    Every call may be repeated: destroying or shutting down what is not there does nothing, and
    starting a domain that runs raises.
    """

    def start(self, spec: DomainSpec, files: BootFiles, forwards: tuple[Forward, ...]) -> None:
        """Define and start a domain that carries ``spec`` in its metadata."""

    def own(self, owner: str) -> bool:
        """From now on only domains of ``owner`` (`owner.named`) are ours, and new ones carry it;
        those of an older agent say nothing and count too. Returns whether that is new."""

    def shutdown(self, vm_id: str) -> None:
        """Press the power button; the guest may take its time or ignore it."""

    def destroy(self, vm_id: str) -> None:
        """Stop the domain at once if it runs, and remove its definition."""

    def keep_notes(self, vm_id: str, notes: Notes) -> None:
        """Store ``notes`` in the domain's metadata, in place of the notes before."""

    def observe(self) -> list[ObservedDomain]:
        """Return our domains, ordered by VM id; never anybody else's."""

    def all_vm_ids(self) -> set[str]:
        """Return the ids of all domains here that may have files in our folders, ours or not."""

    def guest_accepts(self, vm_id: str) -> bool:
        """Tell whether the guest accepts TCP connections on its first forwarded port now."""

    def console(self, vm_id: str, lines: int, after: str | None = None) -> ConsolePart | None:
        """Return the last ``lines`` lines of a domain's serial console, or what came after
        ``after``, as `console.part` makes it; None when the domain is not there or has none."""

    def watch(self, tell: Callable[[], None]) -> None:
        """Call ``tell``, from any thread, soon after something happened to one of our domains,
        until `close`. Only a hint: it may be lost, late, doubled or about nothing."""

    def close(self) -> None:
        """Let go of the hypervisor. Domains keep running."""


class ImageError(Exception):
    """An image cannot be had or is not fit to boot. As `HypervisorError`, a line and a word.

    For which reasons the host is liable: `exchange.wire.terms.failure_fault`.
    """

    def __init__(self, line: str, reason: str = "image_invalid") -> None:
        super().__init__(line)
        self.reason = reason


Clock: TypeAlias = Callable[[], int]
"""Returns UTC epoch milliseconds."""
