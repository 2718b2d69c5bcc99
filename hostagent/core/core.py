"""The host's decisions: what to run, what to report to the exchange, when to check again.

Pure: `HostCore.apply` takes a message and the time and returns what to send and what to do; it
never waits, reads a clock or touches a hypervisor. It first settles every deadline up to
``now_ms``, each at its own time, then handles the message. The asyncio agent and the simulator
drive the same class.

Order at a start: `Tick` asks for an observation, `Observed` brings it, then `LinkUp`.
A `HostSync` that comes before the first observation is held back: to launch what may already run
would run it twice.
"""

from typing import assert_never

from exchange.wire.frames import Ack, ErrorReply
from exchange.wire.instructions import ConsoleRead, HostLimit, HostSync, VmKill, VmLaunch
from exchange.wire.requests import HostDone, HostHeartbeat, HostSynced, HostVm
from hostagent.core import identity, pause
from hostagent.core import vm as life
from hostagent.core.beats import Beats
from hostagent.core.consoles import Consoles
from hostagent.core.exchange_time import ExchangeClock, TimeTold
from hostagent.core.identity import Successors, Tombs, is_born, is_meant
from hostagent.core.kept import KeptOffer
from hostagent.core.looks import Looks
from hostagent.core.needed_images import NeededImages
from hostagent.core.offer import HostConfig, Offer
from hostagent.core.ports import (
    ConsoleSeen,
    DestroyDomain,
    DomainFailed,
    DomainGone,
    DomainStarted,
    Effect,
    FetchImage,
    GuestHangs,
    GuestReady,
    Hint,
    ImageFailed,
    ImageReady,
    KeepNotes,
    LinkDown,
    LinkUp,
    Message,
    Observe,
    Observed,
    ObservedDomain,
    Out,
    Send,
    Tick,
)
from hostagent.core.reconcile import compare_seen, compare_wanted, joined
from hostagent.core.reporter import Reporter
from hostagent.core.vm import Vm

__all__ = ["HostConfig", "HostCore"]


class HostCore:
    """All of one host's state. ``vms`` holds every VM until the exchange knows how it ended."""

    def __init__(self, config: HostConfig, kept: KeptOffer | None = None) -> None:
        self.config = config
        self.vms: dict[str, Vm] = {}
        self._ended = Tombs()
        self._successors = Successors()
        self.offer = Offer(config, kept or KeptOffer())
        self._reporter = Reporter(self.offer)
        self.clock = ExchangeClock()
        self._seen = False
        self._consoles = Consoles()
        self._images = NeededImages()
        self._begun_sync: HostSync | None = None
        """Of which parts are to come."""
        self._held_sync: HostSync | None = None
        self._synced_id = ""
        self._epoch = 0
        self.beats = Beats(config.heartbeat_ms)
        self.looks = Looks(config.observe_ms)
        self.vms_due_ms: int | None = None
        """The first deadline of any VM; computed again after everything that may change it."""

    # --- the two calls of every core ---

    def apply(self, message: Message, now_ms: int) -> list[Out]:
        """Return what follows from the time up to ``now_ms`` and then from ``message``."""
        out: list[Out] = []
        self._settle(now_ms, out)
        self._handle(message, now_ms, out)
        for order in self._successors.due(self.vms):
            self._launch_new(order, now_ms, out)
        if not isinstance(message, Tick):
            self._find_vms_due()
        return out + self._images.news(self.vms)

    def next_deadline_ms(self) -> int | None:
        due_ms, beat_ms = self.next_due_ms(), self.beats.due_ms
        return beat_ms if due_ms is None or (beat_ms is not None and beat_ms < due_ms) else due_ms

    def next_due_ms(self) -> int | None:
        """Return the next deadline besides the heartbeats."""
        vms_ms, look_ms = self.vms_due_ms, self.looks.due_ms
        return look_ms if vms_ms is None or (look_ms is not None and look_ms < vms_ms) else vms_ms

    def steady(self) -> bool:
        """Tell whether heartbeats say nothing new until the next message or deadline."""
        return not self._reporter.has_news(self.vms)

    # --- deadlines ---

    def _settle(self, now_ms: int, out: list[Out]) -> None:
        while (due_ms := self.next_deadline_ms()) is not None and due_ms <= now_ms:
            if self.beats.due_ms == due_ms:
                self._heartbeat(now_ms, out)
            elif self.looks.due_ms == due_ms:
                self._observe(now_ms, out)
            else:
                self._settle_vm(self._vm_due_at(due_ms), due_ms, out)

    def _vm_due_at(self, due_ms: int) -> Vm:
        return next(vm for vm in self.vms.values() if life.next_deadline_ms(vm) == due_ms)

    def _settle_vm(self, vm: Vm, due_ms: int, out: list[Out]) -> None:
        if vm.usage_ms is not None and vm.usage_ms <= due_ms:
            vm.usage_ms = due_ms + life.USAGE_EVERY_MS
            self._reporter.usage(vm, out)
            # What is reported must not be more than an agent after us will find.
            out.append(KeepNotes(vm.spec.vm_id, life.notes(vm)))
        else:
            self._follow(vm, life.settle(vm, due_ms), out)
        self._find_vms_due()

    def _find_vms_due(self) -> None:
        times = [life.next_deadline_ms(vm) for vm in self.vms.values()]
        self.vms_due_ms = min((time for time in times if time is not None), default=None)

    def _heartbeat(self, now_ms: int, out: list[Out]) -> None:
        self.beats.begin(now_ms)
        running = sum(vm.state in ("running", "stopping") for vm in self.vms.values())
        out.append(Send(HostHeartbeat(load=self.offer.load(), vms=running)))
        self._reporter.announce(out)
        for vm in self.vms.values():
            self._reporter.tell(vm, out)

    def _observe(self, now_ms: int, out: list[Out]) -> None:
        self.looks.begin(now_ms, self.vms)
        if self.offer.look_begins(now_ms):
            self._reporter.announce(out)
        out.append(Observe())

    # --- messages ---

    def _handle(self, message: Message, now_ms: int, out: list[Out]) -> None:
        match message:
            case Tick():
                if self.looks.due_ms is None:
                    self._observe(now_ms, out)
            case Hint():
                self.looks.hint(now_ms)
            case VmLaunch() | VmKill() | HostLimit() | HostSync():
                # An instruction from a run of the exchange that is over counts no more.
                if message.epoch >= self._epoch:
                    self._epoch = message.epoch
                    self._obey(message, now_ms, out)
            case TimeTold():
                self.clock.hear(message)
            case LinkUp():
                self._epoch = 0  # of this connection: a restored exchange counts from less
                self.beats.begin(now_ms)
                self._reporter.link_up(self.vms, out)
            case LinkDown():
                self._link_down(now_ms)
            case Ack() | ErrorReply():
                self._take_answer(message, out)
            case Observed():
                self._take_observation(message, now_ms, out)
            case ImageReady() | ImageFailed():
                self._take_image(message, now_ms, out)
            case DomainStarted() | DomainFailed() | DomainGone() | GuestReady() | GuestHangs():
                self._take_domain(message, now_ms, out)
            case ConsoleRead():
                vm = self.vms.get(message.vm_id)
                out.append(self._consoles.read(message, vm is not None and not vm.disowned))
            case ConsoleSeen():
                out.append(self._consoles.seen(message))
            case _:
                assert_never(message)

    def _obey(
        self, order: VmLaunch | VmKill | HostLimit | HostSync, now_ms: int, out: list[Out]
    ) -> None:
        match order:
            case VmLaunch():
                self._launch(order, now_ms, out)
            case VmKill():
                self._kill(order, now_ms, out)
            case HostLimit():
                self.offer.limit(order)
                out.append(Send(HostDone(instruction_id=order.instruction_id, ok=True)))
                self._reporter.announce(out)
            case HostSync():
                self._sync(order, now_ms, out)

    def _link_down(self, now_ms: int) -> None:
        self.beats.end()
        self._reporter.link_down(self.vms)
        for vm in self.vms.values():
            life.cut_off(vm, now_ms)

    def _take_answer(self, answer: Ack | ErrorReply, out: list[Out]) -> None:
        unapproved = self._reporter.unapproved
        settled = self._reporter.answered(answer, self.vms)
        if settled is not None:
            del self.vms[settled.spec.vm_id]
            self._ended.bury(settled.spec.vm_id, settled.spec.born_ms)
        if unapproved and not self._reporter.unapproved and self._synced_id:
            # The owner has approved this host; its earlier reports about VMs were ignored.
            self._say_synced(out)

    # --- instructions ---

    def _launch(self, order: VmLaunch, now_ms: int, out: list[Out]) -> None:
        vm = self.vms.get(order.vm_id)
        if vm is not None and is_meant(order, vm.spec) and not vm.disowned:
            self._launch_again(vm, order, out)
        elif vm is None and self._ended.hold(order.vm_id, order.born_ms):
            out.append(Send(HostDone(instruction_id=order.instruction_id, ok=True)))
        else:
            self._launch_new(order, now_ms, out)
            self.vms[order.vm_id].image_max_mib = self.offer.image_max_mib

    def _launch_new(self, order: VmLaunch, now_ms: int, out: list[Out]) -> None:
        if (other := self.vms.get(order.vm_id)) is not None:
            self._successors.add(order)
            self._follow(other, life.disown(other, now_ms), out)
            return
        vm = life.ordered(order, self._boot(now_ms))
        vm.clock = self.clock
        fetching = any(other.spec.image == order.image for other in self._waiting_for_image())
        effects: list[Effect] = [] if fetching else [FetchImage(order.image)]
        if order.ran or not self.offer.has_room(vm, self.vms):
            effects = life.refused(vm, "domain_lost" if order.ran else "no_room")
        self.vms[order.vm_id] = vm
        self._follow(vm, effects, out)

    def _boot(self, now_ms: int) -> str:
        return f"{self.config.boot_id}-{now_ms}"

    def _launch_again(self, vm: Vm, order: VmLaunch, out: list[Out]) -> None:
        vm.reap_ms = vm.cutoff_ms = None
        life.remember(vm.launches, order.instruction_id)
        if order.until_ms != vm.spec.until_ms:
            # The exchange waits a minute for what was used under the lease before.
            self._reporter.usage(vm, out)
        effects = life.extended(vm, order.until_ms)
        if identity.stamped(vm, order) and vm.domain == "up":
            effects = [KeepNotes(vm.spec.vm_id, life.notes(vm))]
        self._follow(vm, effects, out)

    def _kill(self, order: VmKill, now_ms: int, out: list[Out]) -> None:
        vm = self.vms.get(order.vm_id)
        if vm is None or vm.disowned or not is_born(vm.spec, order.born_ms):
            self._successors.drop(order.vm_id, order.born_ms)
            # Never here, or gone for long: what was asked for is so, and a launch that comes
            # late must not undo it.
            self._ended.bury(order.vm_id, order.born_ms)
            out.append(Send(HostDone(instruction_id=order.instruction_id, ok=True)))
            return
        life.remember(vm.kills, order.instruction_id)
        self._follow(vm, life.stop(vm, now_ms, "stopped", None, order.grace_ms), out)
        self.looks.hurry(now_ms, self.vms)

    # --- what the exchange wants against what is here ---

    def _sync(self, sync: HostSync, now_ms: int, out: list[Out]) -> None:
        sync = joined(self._begun_sync, sync)
        self._begun_sync = sync if sync.more else None
        if sync.more:
            return
        if not self._seen:
            self._held_sync = sync
            return
        wanted = compare_wanted(sync, self.vms, self._ended)
        for order in wanted.launch:
            self._launch_new(order, now_ms, out)
        for order in wanted.keep:
            self._launch_again(self.vms[order.vm_id], order, out)
        for vm_id in wanted.orphans:
            self._orphan(self.vms[vm_id], now_ms)
        self._synced_id = sync.instruction_id
        self._say_synced(out)

    def _say_synced(self, out: list[Out]) -> None:
        """Answer the newest sync with what is here, and report every VM's state."""
        told = {vm_id: vm.state for vm_id, vm in self.vms.items() if not vm.disowned}
        rows = [HostVm(vm_id=vm_id, state=state) for vm_id, state in told.items()]
        boot_id = self.config.boot_id
        out.append(Send(HostSynced(instruction_id=self._synced_id, boot_id=boot_id, vms=rows)))
        for vm in self.vms.values():
            vm.unreported = True
            self._reporter.tell(vm, out)

    def _orphan(self, vm: Vm, now_ms: int) -> None:
        vm.cutoff_ms = None
        if vm.reap_ms is None and vm.state != "stopping":
            vm.reap_ms = now_ms + self.config.orphan_grace_ms

    def _take_observation(self, seen: Observed, now_ms: int, out: list[Out]) -> None:
        self.looks.done(now_ms, self.vms)
        self.offer.observe(seen, self.vms)
        found = compare_seen(seen.domains, seen.at_ms, self.vms, self._ended)
        for domain in found.adopt:
            self._adopt(domain, seen, now_ms, out)
        for domain in found.known:
            self._look_at(self.vms[domain.spec.vm_id], domain, now_ms, out)
        for vm_id in found.missing:
            vm = self.vms[vm_id]
            life.gone(vm, None)
            # Whoever removed the domain left its disk, its console and its ports.
            self._follow(vm, [DestroyDomain(vm_id, vm.spec.boot)], out)
        out += [DestroyDomain(one.vm_id, one.boot) for one in found.leftovers]
        for vm in self.vms.values():
            life.reach(vm, vm.spec.vm_id in seen.unreached)
            self._reporter.tell(vm, out)
            self._follow(vm, pause.start_again(vm, self._boot(now_ms), now_ms), out)
        self._reporter.announce(out)
        self._seen = True
        if self._held_sync is not None:
            sync, self._held_sync = self._held_sync, None
            self._sync(sync, now_ms, out)

    def _adopt(self, domain: ObservedDomain, seen: Observed, now_ms: int, out: list[Out]) -> None:
        endpoints = seen.endpoints.get(domain.spec.vm_id, [])
        vm, effects = life.adopted(domain, endpoints, now_ms, self.config.ready_bound_ms)
        vm.clock = self.clock
        self.vms[domain.spec.vm_id] = vm
        if not self._reporter.connected:
            life.cut_off(vm, now_ms)
        elif self._seen:
            # Ours by its metadata, but the exchange has not named it in this connection.
            self._orphan(vm, now_ms)
        self._follow(vm, effects, out)
        self._look_at(vm, domain, now_ms, out)

    def _look_at(self, vm: Vm, domain: ObservedDomain, now_ms: int, out: list[Out]) -> None:
        if domain.reading is not None:
            vm.meter.observe(domain.reading)
        self._follow(vm, life.looked_at(vm, domain.state, now_ms), out)

    # --- results of effects ---

    def _waiting_for_image(self) -> list[Vm]:
        waiting = [vm for vm in self.vms.values() if vm.state == "starting"]
        return [vm for vm in waiting if vm.domain == "none" and not vm.image_here]

    def _take_image(self, message: ImageReady | ImageFailed, now_ms: int, out: list[Out]) -> None:
        for vm in self._waiting_for_image():
            if vm.spec.image != message.image:
                continue
            effects: list[Effect] = []
            if isinstance(message, ImageFailed):
                life.image_failed(vm, message.reason)
            elif life.image_is_too_large(vm, message.mib):
                life.image_failed(vm, "image_invalid")
            else:
                effects = life.image_ready(vm, now_ms)
            self._follow(vm, effects, out)

    def _take_domain(
        self,
        message: DomainStarted | DomainFailed | DomainGone | GuestReady | GuestHangs,
        now_ms: int,
        out: list[Out],
    ) -> None:
        vm = self.vms.get(message.vm_id)
        if vm is None or (isinstance(message, DomainGone) and message.boot != vm.spec.boot):
            return
        effects: list[Effect] = []
        match message:
            case DomainStarted():
                bound_ms = self.config.ready_bound_ms
                effects = life.started(vm, message.endpoints, now_ms, bound_ms)
            case DomainFailed():
                life.start_failed(vm, message.reason)
            case DomainGone():
                life.gone(vm, message.reading)
            case GuestReady():
                effects = life.guest_ready(vm, now_ms)
            case GuestHangs():
                effects = life.guest_hangs(vm, now_ms)
        self._follow(vm, effects, out)

    # --- what every change ends with ---

    def _follow(self, vm: Vm, effects: list[Effect], out: list[Out]) -> None:
        """Carry on with ``effects`` after something happened to ``vm``, and tell of it."""
        out += pause.put_off(vm, effects) if self.offer.paused else effects
        self._reporter.tell(vm, out)
