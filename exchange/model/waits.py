"""The units of a lease and how long each waited for its first VM, which is not billed.

A unit is *fresh* until a VM is first started on it. That VM's number is the unit's key from then
on, whichever VM runs there later. The time from the start of the first VM until the host launched
it is free without a limit, then its boot for at most `FREE_BOOT_MS`. Later VMs of a unit are billed
from the first moment. Source: rules.md 5.3.

A wait is kept as points in time while anything may still change it: the launch may yet be
reported, or the host may turn out to have been silent meanwhile. Once it can change no more it is
*settled*: only its length is kept. So a lease of any age has few spans.

Always true: every unit is fresh or has exactly one wait, open or settled (`Units.fault`).
"""

from msgspec import Struct

from exchange.model.spans import Span, cut, first, length_ms
from exchange.model.stories import Story
from exchange.units import MAX_INT
from exchange.wire.terms import FREE_BOOT_MS


class Wait(Struct):
    """A unit's wait for its first VM; points in time.

    ``delivered`` in the methods: the spans of the lease's time in which its host was not silent.
    """

    from_ms: int
    launched_ms: int | None = None
    until_ms: int | None = None
    """When nobody waited any more: guest-ready, told to stop, or gone."""

    def launching(self, delivered: list[Span]) -> list[Span]:
        """Return the part of ``delivered`` that waited for the launch."""
        launched_ms = self.until_ms if self.launched_ms is None else self.launched_ms
        return cut(delivered, self.from_ms, MAX_INT if launched_ms is None else launched_ms)

    def booting(self, delivered: list[Span]) -> list[Span]:
        """Return the part of ``delivered`` that is free as a boot: at most 120 s."""
        if self.launched_ms is None:
            return []
        until_ms = MAX_INT if self.until_ms is None else self.until_ms
        return first(cut(delivered, self.launched_ms, until_ms), FREE_BOOT_MS)

    def unbilled(self, delivered: list[Span]) -> list[Span]:
        """Return the part of ``delivered`` that is not billed."""
        return self.launching(delivered) + self.booting(delivered)

    def is_over(self, delivered: list[Span], before_ms: int) -> bool:
        """Was all that this wait leaves unbilled before ``before_ms``?"""
        if self.until_ms is not None and self.until_ms <= before_ms:
            return True
        if self.launched_ms is None:
            return False
        return length_ms(cut(delivered, self.launched_ms, before_ms)) >= FREE_BOOT_MS


class Units(Struct):
    """The units of one lease; a number per unit only of those that have had a VM."""

    fresh_units: int
    """How many units have had no VM yet."""
    waits: dict[int, Wait] | None = None
    """By the unit's key: waits that may still change."""
    past_waits: dict[int, int] | None = None
    """By the unit's key: how long the settled waits were; and their sum."""
    past_wait_ms: int = 0
    idle: tuple[int, ...] = ()
    """Keys of the units whose VM is gone, in the order of its going."""

    def assign(self, vm_number: int, from_ms: int, launched: bool) -> int:
        """Give a VM a unit, a fresh one if there is any; returns its key.

        A fresh unit's wait begins; ``launched``: the VM runs already, so only a boot can be free.
        """
        if not self.fresh_units:
            key, self.idle = self.idle[0], self.idle[1:]
            return key
        self.fresh_units -= 1
        self.waits = self.waits or {}
        self.waits[vm_number] = Wait(from_ms, from_ms if launched else None)
        return vm_number

    def free(self, key: int) -> None:
        """The unit's VM is gone; it may have another."""
        self.idle += (key,)

    def open_wait(self, key: int) -> Wait | None:
        """Return the wait of the unit with this key if somebody still waits."""
        wait = self.waits.get(key) if self.waits else None
        return wait if wait is not None and wait.until_ms is None else None

    def unbilled_ms(self, delivered: list[Span], from_ms: int, to_ms: int) -> int:
        """Return the unit-time between two times that waits leave unbilled.

        ``from_ms`` is 0, or so late that no settled wait reaches behind it.
        """
        past_ms = 0 if from_ms else self.past_wait_ms
        waits = (self.waits or {}).values()
        return past_ms + sum(length_ms(cut(w.unbilled(delivered), from_ms, to_ms)) for w in waits)

    def waited_ms(self, delivered: list[Span], key: int) -> int:
        """Return how much of one unit's time is not billed."""
        if self.past_waits and key in self.past_waits:
            return self.past_waits[key]
        assert self.waits is not None, "a unit with a key has a wait"
        return length_ms(self.waits[key].unbilled(delivered))

    def settle(self, delivered: list[Span], before_ms: int, story: Story) -> None:
        """Keep of the waits that were over before ``before_ms`` only their length."""
        for key, wait in list((self.waits or {}).items()):
            if wait.is_over(delivered, before_ms):
                waited_ms = length_ms(self.close(key, delivered, story))
                self.past_waits = self.past_waits or {}
                self.past_waits[key] = waited_ms
                self.past_wait_ms += waited_ms

    def close(self, key: int, delivered: list[Span], story: Story) -> list[Span]:
        """Forget a wait that changes no more; returns its unbilled part, which joins the story."""
        assert self.waits is not None, "only a wait that is open can be closed"
        wait = self.waits.pop(key)
        story.waited_ms += length_ms(wait.launching(delivered))
        story.boot_ms += length_ms(wait.booting(delivered))
        return wait.unbilled(delivered)

    def forget_settled(self, key: int) -> int:
        """A unit leaves the lease whose wait is settled; returns how long that was."""
        assert self.past_waits is not None, "a unit with a key has a wait"
        waited_ms = self.past_waits.pop(key)
        self.past_wait_ms -= waited_ms
        return waited_ms

    def fault(self, units: int) -> str | None:
        """Return what is wrong with the books of a lease of ``units``, None when nothing is."""
        waits, past_waits = self.waits or {}, self.past_waits or {}
        keys = [*waits, *past_waits]
        if self.fresh_units < 0 or self.fresh_units + len(keys) != units:
            return f"{self.fresh_units} fresh units and {len(keys)} others are not {units}"
        if len(set(keys)) < len(keys) or not set(self.idle) <= set(keys):
            return f"units {keys} with {self.idle} idle"
        if sum(past_waits.values()) != self.past_wait_ms:
            return f"settled waits do not sum to {self.past_wait_ms} ms"
        return None
