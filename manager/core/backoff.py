"""Who is to blame for units that never served, and how long nothing is bought for it.

A unit that is given back without having served was paid for nothing. The image may be wrong or the
host, and one failure does not tell which. So both are suspected at first:

* the image is left alone for a minute, then two, doubling up to four hours;
* the host is avoided for an hour; a buyer cannot tell whose a host is, so each is its own seller.

When units bought after that fail on other hosts, it is the image: its rules stop until somebody
resumes them, and the hosts are cleared. An image that serves elsewhere is not to blame. What the
exchange says of an image counts at once, the word of one host does not. Pure.
Source: manager.md, "Units that never serve".
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from exchange.units import MS_PER_HOUR, MS_PER_MINUTE
from manager.core.library import StoredVm
from manager.core.outgoing import Outgoing
from manager.core.past_failures import Failure
from manager.core.rented import RentedUnits
from manager.core.unit import Lease

FIRST_PAUSE_MS: Final = MS_PER_MINUTE
LONGEST_PAUSE_MS: Final = 4 * MS_PER_HOUR
FORGET_MS: Final = MS_PER_HOUR
"""So long after its pause without a failure, an image starts again from the first pause."""
AVOID_MS: Final = MS_PER_HOUR
STEADY_MS: Final = 5 * MS_PER_MINUTE
"""An image with a unit in service for so long is fine."""
IMAGES_MAX: Final = 1_000
HOSTS_MAX: Final = 10_000


class Failing(Struct):
    """An image that did not serve. ``hosts``: where; ``before``: where in the rounds before."""

    why: str
    rounds: int = 0
    began_ms: int = 0
    until_ms: int = 0
    hosts: set[str] = set()
    before: set[str] = set()
    stopped: bool = False


class Avoided(Struct, frozen=True):
    """A host from which nothing shall be bought until then; ``strict``: also if nobody sells as
    cheaply."""

    until_ms: int
    why: str
    strict: bool


class Pause(Struct, frozen=True):
    """Nothing is bought for an image until then, or (``None``) until somebody resumes it."""

    until_ms: int | None
    why: str


class Backoff:
    """Told by `Bursts` of units that did not serve; asked by `Standing` and `Purchases`."""

    def __init__(self, outgoing: Outgoing, rented: RentedUnits) -> None:
        self._outgoing = outgoing
        self._rented = rented
        self._images: dict[str, Failing] = {}
        self._hosts: dict[str, Avoided] = {}

    # --- what is told ---

    def unhealthy(self, lease: Lease, why: str) -> None:
        """A unit did not serve, and nobody knows whose fault it is."""
        self.host_failed(lease, why, strict=True)
        if lease.vm is not None and not self._serves(lease.vm.image):
            self._failed(lease, lease.vm.image, why, lease.host)

    def host_failed(self, lease: Lease, why: str, *, strict: bool) -> None:
        """Avoid the lease's host; ``strict``: what failed was paid for."""
        now_ms, known = self._outgoing.now_ms, self.avoided().get(lease.host)
        if known is None:
            self._outgoing.log("host_avoided", f"host {lease.host} is avoided for 1 h: {why}")
        strict = strict or (known is not None and known.strict)
        self._hosts[lease.host] = Avoided(now_ms + AVOID_MS, why, strict)
        if len(self._hosts) > HOSTS_MAX:
            del self._hosts[next(iter(self._hosts))]

    def unserved(self, lease: Lease, why: str) -> None:
        """A unit did not serve, which is not its host's fault."""
        if lease.vm is not None and not self._serves(lease.vm.image):
            self._failed(lease, lease.vm.image, why, None)

    def image_wrong(self, lease: Lease, why: str) -> None:
        """The exchange itself says that the stored VM cannot run."""
        if lease.vm is not None:
            self._stop(lease.vm.name, self._failing(lease.vm.image, why), why)

    def resume(self, image: str) -> None:
        """Forget what is held against the image: somebody has looked at it."""
        self._images.pop(image, None)

    def resume_all(self) -> None:
        """There is a new configuration: every image gets another chance."""
        self._images.clear()

    def remember(self, vm: StoredVm, failed: Sequence[Failure], ahead_ms: int) -> None:
        """Units for ``vm`` failed before the start, it seems: go on where that left off.

        It is no proof, so no rule stops for it. ``ahead_ms``: the exchange's clock less ours.
        """
        why = "units went 2 to 5 min after their start, before this Manager began"
        now_ms, failing = self._outgoing.now_ms, Failing(why)
        for one in failed:
            if failing.rounds == 0 or one.began_ms - ahead_ms >= failing.began_ms:
                failing.rounds += 1
                failing.began_ms = one.ended_ms - ahead_ms
            failing.until_ms = one.ended_ms - ahead_ms + _pause_ms(failing.rounds)
            avoided = Avoided(one.ended_ms - ahead_ms + AVOID_MS, why, strict=False)
            self._hosts.setdefault(one.host, avoided)
        if failing.rounds and vm.image not in self._images:
            self._images[vm.image] = failing
            if failing.until_ms > now_ms:
                self._tell_pause(vm.name, failing)

    # --- what is asked ---

    def pause(self, image: str) -> Pause | None:
        """Return why nothing is to be bought for the image now, ``None`` when it may."""
        failing = self._images.get(image)
        if failing is None:
            return None
        if failing.stopped:
            return Pause(None, failing.why)
        if failing.until_ms <= self._outgoing.now_ms:
            return None
        return Pause(failing.until_ms, failing.why)

    def avoided(self) -> dict[str, Avoided]:
        """Return the hosts to avoid now."""
        now_ms = self._outgoing.now_ms
        self._hosts = {host: row for host, row in self._hosts.items() if row.until_ms > now_ms}
        return self._hosts

    # --- inside ---

    def _serves(self, image: str) -> bool:
        """Tell whether the image has proven itself; then nothing is held against it."""
        since_ms = self._outgoing.now_ms - STEADY_MS
        steady = any(
            lease.vm is not None
            and lease.vm.image == image
            and unit.state == "ready"
            and unit.joined_ms <= since_ms
            for lease, unit in self._rented.units()
        )
        if steady:
            self._images.pop(image, None)
        return steady

    def _failing(self, image: str, why: str) -> Failing:
        known = self._images.get(image)
        if known is not None and (
            known.stopped or self._outgoing.now_ms < known.until_ms + FORGET_MS
        ):
            known.why = why
            return known
        failing = self._images[image] = Failing(why)
        if len(self._images) > IMAGES_MAX:
            del self._images[next(iter(self._images))]
        return failing

    def _failed(self, lease: Lease, image: str, why: str, host: str | None) -> None:
        assert lease.vm is not None, "its image is known"
        failing, now_ms = self._failing(image, why), self._outgoing.now_ms
        # Units bought before the pause began fail in the same round, however late.
        if failing.rounds == 0 or lease.bought_ms >= failing.began_ms:
            failing.rounds += 1
            failing.began_ms = now_ms
            failing.before |= failing.hosts
            failing.hosts = set()
            self._tell_pause(lease.vm.name, failing)
        failing.until_ms = max(failing.until_ms, now_ms + _pause_ms(failing.rounds))
        if host is not None:
            failing.hosts.add(host)
            if failing.before and host not in failing.before:
                self._stop(lease.vm.name, failing, f"it failed on {_two(failing, host)}: {why}")

    def _tell_pause(self, vm: str, failing: Failing) -> None:
        minutes = _pause_ms(failing.rounds) // MS_PER_MINUTE
        text = f"VM {vm} did not serve: {failing.why}; nothing is bought for it for {minutes} min"
        self._outgoing.log("backing_off", text)

    def _stop(self, vm: str, failing: Failing, why: str) -> None:
        """It is the image: stop its rules, and clear the hosts that were suspected with it."""
        for host in failing.hosts | failing.before:
            self._hosts.pop(host, None)
        if not failing.stopped:
            failing.stopped, failing.why = True, why
            text = f"VM {vm}: {why}; its rules buy nothing until they are resumed"
            self._outgoing.log("rule_stopped", text)


def _pause_ms(rounds: int) -> int:
    return min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << min(rounds - 1, 16))


def _two(failing: Failing, host: str) -> str:
    return f"{min(failing.before)} and then on {host}"
