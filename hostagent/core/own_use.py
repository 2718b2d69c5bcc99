"""What a server's own work uses: what it may use within a day, and what it uses now. Pure.

Own use = the server's use less that of the VMs which this agent runs. The default offer leaves
the server what its work used within 24 hours, a residual offer what it uses now (rules.md 8.3).
"""

from bisect import bisect_left
from typing import Final

from msgspec import Struct

from hostagent.core.metering import cpu_pct
from hostagent.core.ports import Observed
from hostagent.core.residual import CLOSE_AFTER_MS, OPEN_AFTER_MS
from hostagent.core.vm import Vm

SLOT_MS: Final = 5 * 60_000
DAY_SLOTS: Final = 24 * 3_600_000 // SLOT_MS
"""How many slots are kept at most: those that are not older."""
CPU_SHARE: Final = 95
"""Own work may use more CPU than is counted for it in 5 of 100 slots: it then competes with VMs.
Memory that is lent out cannot be had back so, hence there the greatest slot counts."""
STEPS: Final = 20
"""What is counted moves in twentieths of the server, and down only when it is clearly too much."""


class Used(Struct, frozen=True):
    mvcpu: int = 0
    mem_mib: int = 0


class Slot(Struct, frozen=True, array_like=True):
    """The mean use within 5 minutes, ``number`` times `SLOT_MS` after the epoch."""

    number: int
    mvcpu: int
    mem_mib: int


class DayUse(Struct, frozen=True):
    """Slots of the last 24 hours, oldest first, and what is counted as the server's own use."""

    slots: tuple[Slot, ...] = ()
    counted: Used = Used()

    def hours(self) -> float:
        """Return how much of the day is known."""
        return len(self.slots) * SLOT_MS / 3_600_000


def own_use(seen: Observed, vms: dict[str, Vm], total: Used) -> Used | None:
    """Return what the server's own work uses; None when a VM's part in it is not known yet."""
    pct, mem_mib = seen.load.cpu_pct, seen.load.mem_pct * total.mem_mib / 100
    for domain in seen.domains:
        vm, reading = vms.get(domain.spec.vm_id), domain.reading
        if vm is None or reading is None:
            continue
        if vm.meter.last is None:
            return None
        pct -= cpu_pct(vm.meter.last, reading, total.mvcpu)
        mem_mib -= reading.mem_mib if reading.held_mib is None else reading.held_mib
    return Used(max(0, round(pct * total.mvcpu / 100)), max(0, round(mem_mib)))


class OwnUse(Struct):
    """Collects what the server's own work uses; ``day`` is what a restart must find again."""

    total: Used
    day: DayUse
    number: int = -1
    """Of the slot that is open; the sums of what was seen in it follow."""
    count: int = 0
    mvcpu: int = 0
    mem_mib: int = 0

    def observe(self, own: Used, at_ms: int) -> None:
        if self.number == -1 and not self.day.slots:
            # What is in use already cannot be offered; CPU at a start says nothing yet.
            self.day = DayUse(counted=Used(0, _counted(0, own.mem_mib, self.total.mem_mib)))
        number = at_ms // SLOT_MS
        if number != self.number:
            self._close_slot(number)
        self.count += 1
        self.mvcpu += own.mvcpu
        self.mem_mib += own.mem_mib

    def _close_slot(self, next_number: int) -> None:
        count, number = self.count, self.number
        if count:
            slot = Slot(number, self.mvcpu // count, self.mem_mib // count)
            slots = (*_between(self.day.slots, next_number - DAY_SLOTS, number), slot)
            self.day = DayUse(slots, self._recount(slots))
        self.number, self.count, self.mvcpu, self.mem_mib = next_number, 0, 0, 0

    def _recount(self, slots: tuple[Slot, ...]) -> Used:
        counted, total = self.day.counted, self.total
        by_cpu = sorted([slot.mvcpu for slot in slots])
        busy = by_cpu[(len(by_cpu) * CPU_SHARE + 99) // 100 - 1]
        most = max([slot.mem_mib for slot in slots])
        return Used(
            _counted(counted.mvcpu, busy, total.mvcpu),
            _counted(counted.mem_mib, most, total.mem_mib),
        )


def _between(slots: tuple[Slot, ...], first: int, end: int) -> tuple[Slot, ...]:
    """Return the slots from number ``first`` up to but not including ``end``."""
    begin = bisect_left(slots, first, key=_number)
    return slots[begin : bisect_left(slots, end, lo=begin, key=_number)]


def _number(slot: Slot) -> int:
    return slot.number


def _counted(before: int, now: int, total: int) -> int:
    """Return what to count: up at once in whole steps, down when 1.5 steps too much."""
    step = max(1, total // STEPS)
    if now <= before and 2 * (before - now) < 3 * step:
        return before
    return min(total, -(-now // step) * step)


class Held(Struct):
    """Use that has held: up to what it was at least for a minute, down to what it was at most for
    five. So a load that jumps to and fro moves nothing. None: nothing has held yet."""

    level: int | None = None
    up_ms: int | None = None
    up_to: int = 0
    down_ms: int | None = None
    down_to: int = 0

    def observe(self, now: int, at_ms: int) -> None:
        level = self.level
        if level is not None and now > level:
            self._rise(now, at_ms)
        else:
            self.up_ms = None
        if level is None or now < level:
            self._fall(now, at_ms)
        else:
            self.down_ms = None

    def _rise(self, now: int, at_ms: int) -> None:
        if self.up_ms is None:
            self.up_ms, self.up_to = at_ms, now
        self.up_to = min(self.up_to, now)
        if at_ms - self.up_ms >= CLOSE_AFTER_MS:
            self.level, self.up_ms = self.up_to, None

    def _fall(self, now: int, at_ms: int) -> None:
        if self.down_ms is None:
            self.down_ms, self.down_to = at_ms, now
        self.down_to = max(self.down_to, now)
        if at_ms - self.down_ms >= OPEN_AFTER_MS:
            self.level, self.down_ms = self.down_to, None
