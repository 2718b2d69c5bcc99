"""What an agent keeps beside its VMs, so that its own restart changes nothing it offers. Pure."""

from msgspec import Struct, field
from msgspec.structs import replace

from exchange.wire.types import Capacity, ToldCapacity
from hostagent.core.inventory import Facts, Override
from hostagent.core.own_use import DayUse, Used
from hostagent.core.residual import CLOSE_AFTER_MS, OPEN_AFTER_MS, Residual


class KeptOffer(Struct):
    """The owner's limit, whether the residual offer is open and since when it is otherwise, and
    what the server's own work used: within a day, and ``held`` now (None: not known yet)."""

    limit: ToldCapacity | None = None
    residual: Residual = field(default_factory=Residual)
    day: DayUse = DayUse()
    held: Used | None = None


def resumed(kept: KeptOffer, at_ms: int) -> KeptOffer:
    """Return ``kept`` for an agent that looks first at ``at_ms``.

    A wait that would be over by now was not watched to its end: it begins anew.
    """
    waited_ms = at_ms - (kept.residual.since_ms or 0)
    watched = 0 <= waited_ms < (CLOSE_AFTER_MS if kept.residual.open else OPEN_AFTER_MS)
    return kept if watched else replace(kept, residual=replace(kept.residual, since_ms=None))


class Kept(Struct):
    """``capacity`` as announced last; None before the first announcement."""

    capacity: Capacity | None = None
    offer: KeptOffer = field(default_factory=KeptOffer)


def steady(measured: Capacity, known: Facts, kept: Capacity | None, said: Override) -> Capacity:
    """Return ``kept`` where ``measured`` is not far from it; what the owner said goes first.

    Free disk is never the same twice: log files grow. A difference of less than half of the
    server's reserve is taken from, or left to, the reserve.
    """
    if kept is None:
        return measured
    had = Capacity(known.cpus * 1000, known.mem_mib, known.disk_mib)

    def one(kind: str) -> int:
        now, before = getattr(measured, kind), getattr(kept, kind)
        slack = (getattr(had, kind) - now) // 2
        free_to_choose = getattr(said, kind) is None and abs(now - before) <= slack
        return int(before if free_to_choose else now)

    return Capacity(one("mvcpu"), one("mem_mib"), one("disk_mib"))
