"""Looks at a host of which nobody is told anything: made before their time, or left out.

Most looks of a run change nothing but what the host remembers, and need nobody to wake for them.

    LooksAhead  a host whose own load changes: its own `Offer` and meters see what is to come, in
                its order, up to the first that changes the offer. Where something happens before,
                they go back and see again what they were to see until then.
    LastLook    a host that only its VMs use: of its looks the last one counts, with its counters.
                It is made when something happens.

Both wait until all VMs there run, and go the same way as each look at its time. ``due_ms`` is asked
after every message and deadline, `settle` is called before the next one; both while no heartbeats
are sent.
"""

from collections.abc import Callable
from typing import Final, Protocol

from hostagent.core.core import HostCore
from hostagent.core.metering import Meter
from hostagent.core.offer import Watched
from hostagent.core.ports import Observe, Observed, Reading

LOOKS_MAX: Final = 64
"""So many are made at once, at most: with more, going back costs more than is won. None after
something has happened, as more is likely to, then twice as many each time."""
NEVER_MS: Final = 1 << 53


class LeftOut(Protocol):
    """What both do."""

    def due_ms(self) -> int | None:
        """Return the next deadline besides the heartbeats, looks that tell nothing left out."""

    def covers(self, now_ms: int) -> bool:
        """Tell whether nothing is due at ``now_ms``, though a look may be."""

    def settle(self, until_ms: int) -> None:
        """Bring the host to where it is when all looks up to ``until_ms`` were made, no other."""


class LooksAhead:
    """``look(at_ms)`` returns what would be seen at a time, if nothing happens before."""

    def __init__(self, core: HostCore, look: Callable[[int], Observed]) -> None:
        self._core = core
        self._look = look
        self._before: Watched | None = None
        """None: no look is made ahead."""
        self._readings: list[tuple[Meter, Reading | None]] = []
        """The VMs' last ones from before."""
        self._seen: list[Observed] = []
        self._due_ms = 0
        self._most = 0

    def due_ms(self) -> int | None:
        if not _all_run(self._core):
            return self._core.next_due_ms()
        if self._before is None:
            self._look_ahead()
        return self._due_ms

    def covers(self, now_ms: int) -> bool:
        return self._before is not None and now_ms < self._due_ms

    def settle(self, until_ms: int) -> None:
        if self._before is None:
            return
        if self._seen and self._seen[-1].at_ms > until_ms:
            self._seen = [seen for seen in self._seen if seen.at_ms <= until_ms]
            self._go_back()
        if self._seen:
            self._core.looks.pass_over(self._seen[-1].at_ms)
        self._before = None
        calm = until_ms >= self._due_ms - 1 and len(self._seen) == self._most
        self._most = min(2 * self._most or 2, LOOKS_MAX) if calm else 0

    def _look_ahead(self) -> None:
        core = self._core
        assert core.looks.due_ms is not None
        look_ms, vms_ms = core.looks.due_ms, core.vms_due_ms or NEVER_MS
        self._before, self._seen = core.offer.watched(), []
        self._readings = [(vm.meter, vm.meter.last) for vm in core.vms.values()]
        while look_ms < vms_ms and len(self._seen) < self._most:
            seen = self._look(look_ms)
            core.offer.observe(seen, core.vms)
            if core.offer.changed():
                self._go_back()
                break
            self._read(seen)
            self._seen.append(seen)
            look_ms += core.config.observe_ms
        self._due_ms = min(look_ms, vms_ms)

    def _read(self, seen: Observed) -> None:
        for domain in seen.domains:
            if domain.reading is not None:
                self._core.vms[domain.spec.vm_id].meter.observe(domain.reading)

    def _go_back(self) -> None:
        """Let the host have seen what is in ``_seen``, and nothing after it."""
        assert self._before is not None
        self._core.offer.go_back(self._before)
        for meter, reading in self._readings:
            meter.last = reading
        for seen in self._seen:
            self._core.offer.observe(seen, self._core.vms)
            self._read(seen)


class LastLook:
    """``look(at_ms)`` returns what is seen at a time since which nothing has happened."""

    def __init__(self, core: HostCore, look: Callable[[int], Observed]) -> None:
        self._core = core
        self._look = look
        self._waits = False

    def due_ms(self) -> int | None:
        self._waits = _all_run(self._core)
        return self._core.vms_due_ms if self._waits else self._core.next_due_ms()

    def covers(self, now_ms: int) -> bool:
        due_ms = self._core.vms_due_ms
        return self._waits and (due_ms is None or now_ms < due_ms)

    def settle(self, until_ms: int) -> None:
        looks, due_ms = self._core.looks, self._core.looks.due_ms
        if self._waits and due_ms is not None and due_ms <= until_ms:
            last_ms = until_ms - (until_ms - due_ms) % self._core.config.observe_ms
            looks.pass_over(last_ms - 1)
            told = self._core.apply(self._look(last_ms), last_ms)
            assert told == [Observe()], "a look that was left out would have told something"
        self._waits = False


def _all_run(core: HostCore) -> bool:
    """By themselves VMs that run go on to do so; there may be none."""
    return all(vm.state == "running" for vm in core.vms.values())
