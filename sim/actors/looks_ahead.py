"""Looks at a host of which nobody is told anything: made before their time, or left out.

Most looks of a run change nothing but what the host remembers, and need nobody to wake for them.

    LooksAhead  a host without VMs whose own load changes: its own `Offer` sees the loads to come,
                in their order, up to the first that changes the offer. Where something happens
                before, it goes back and sees again what it was to see until then.
    LastLook    a host that only its VMs use, all of which run: of its looks the last one counts,
                with its counters. It is made when something happens.

Both go the same way as a run that makes each look at its time. ``due_ms`` is asked after every
message and deadline, `settle` is called before the next one; both while no heartbeats are sent.
"""

from collections.abc import Callable
from typing import Final, Protocol

from hostagent.core.core import HostCore
from hostagent.core.offer import Watched
from hostagent.core.ports import Load, Observe, Observed

LOOKS_MAX: Final = 60
"""Made at once: with more, going back costs more than is won."""


class LeftOut(Protocol):
    """What both do."""

    def due_ms(self) -> int | None:
        """Return the next deadline besides the heartbeats, looks that tell nothing left out."""

    def covers(self, now_ms: int) -> bool:
        """Tell whether nothing is due at ``now_ms``, though a look may be."""

    def settle(self, until_ms: int) -> None:
        """Bring the host to where it is when all looks up to ``until_ms`` were made, no other."""


class LooksAhead:
    """``load_at(at_ms)`` is the load of the host without VMs."""

    def __init__(self, core: HostCore, load_at: Callable[[int], Load]) -> None:
        self._core = core
        self._load_at = load_at
        self._before: Watched | None = None
        """None: no look is made ahead."""
        self._seen: list[Observed] = []
        self._due_ms = 0

    def due_ms(self) -> int | None:
        if self._core.vms:
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

    def _look_ahead(self) -> None:
        core = self._core
        assert core.looks.due_ms is not None
        self._due_ms = core.looks.due_ms
        self._before, self._seen = core.offer.watched(), []
        for _ in range(LOOKS_MAX):
            seen = Observed(self._due_ms, [], self._load_at(self._due_ms), {})
            core.offer.observe(seen, {})
            if core.offer.changed():
                self._go_back()
                return
            self._seen.append(seen)
            self._due_ms += core.config.observe_ms

    def _go_back(self) -> None:
        """Let the offer have seen what is in ``_seen``, and nothing after it."""
        assert self._before is not None
        self._core.offer.go_back(self._before)
        for seen in self._seen:
            self._core.offer.observe(seen, {})


class LastLook:
    """``look(at_ms)`` returns what is seen at a time since which nothing has happened."""

    def __init__(self, core: HostCore, look: Callable[[int], Observed]) -> None:
        self._core = core
        self._look = look
        self._waits = False

    def due_ms(self) -> int | None:
        self._waits = all(vm.state == "running" for vm in self._core.vms.values())
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
