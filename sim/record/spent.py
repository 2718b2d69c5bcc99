"""What an account paid and had, folded from an engine's frames. Pure but for `settled_ucr`."""

from msgspec import Struct

from exchange.engine.engine import Engine
from exchange.leases import billing
from exchange.model.commands import Out
from exchange.units import MS_PER_HOUR, UCR_PER_CREDIT
from exchange.wire.frames import Charge, LeaseUpdate, OrderUpdate, VmUpdate


class Figures(Struct, frozen=True):
    """Money in credits. ``cost`` is charged, and owed to the end for leases that still run."""

    cost: float
    unit_hours: float
    peak_units: int
    units_bought: int
    price_mean: float
    leases: int
    ready_unit_hours: float
    others_cost: float
    """What all other buyers were charged."""


class Spent:
    """Fold `observe` from ``start_ms`` on."""

    def __init__(self, account: str, start_ms: int) -> None:
        self._account = account
        self._start_ms = start_ms
        self._owed_before_ucr = 0
        self._charged_ucr = self._others_ucr = 0
        self._bought = self._paid_ucr = 0
        self._units: dict[str, int] = {}
        self._had: list[tuple[int, int]] = [(0, 0)]
        self._ready_vms: dict[str, None] = {}
        self.ready: list[tuple[int, int]] = [(0, 0)]
        """(ms since the start, VMs that are ready)."""

    def begin(self, engine: Engine) -> None:
        """Take in what the account has already; what it owes by then is not this time's cost."""
        self._owed_before_ucr = settled_ucr(engine, self._account, self._start_ms)
        for lease in engine.state.leases.values():
            if lease.buyer.account_id == self._account:
                self._units[lease.lease_id] = lease.units
                ready = [vm.vm_id for vm in lease.live_vms() if vm.ready_ms is not None]
                self._ready_vms.update(dict.fromkeys(ready))
        self._had = [(0, sum(self._units.values()))]
        self.ready = [(0, len(self._ready_vms))]

    def observe(self, outs: list[Out]) -> None:
        for address, frame in outs[1:]:
            if isinstance(frame, Charge) and address != self._account:
                self._others_ucr += frame.amount_ucr
            elif address == self._account:
                self._own(frame)

    def figures(self, engine: Engine, end_ms: int) -> Figures:
        """Return what came to be by ``end_ms``; the engine is not used any more."""
        owed_ucr = settled_ucr(engine, self._account, end_ms) - self._owed_before_ucr
        span_ms = end_ms - self._start_ms
        return Figures(
            cost=(self._charged_ucr + owed_ucr) / UCR_PER_CREDIT,
            unit_hours=_area(self._had, span_ms) / MS_PER_HOUR,
            peak_units=max(units for _, units in self._had),
            units_bought=self._bought,
            price_mean=self._paid_ucr / max(1, self._bought) / UCR_PER_CREDIT,
            leases=len(self._units),
            ready_unit_hours=_area(self.ready, span_ms) / MS_PER_HOUR,
            others_cost=self._others_ucr / UCR_PER_CREDIT,
        )

    def _own(self, frame: object) -> None:
        match frame:
            case Charge():
                self._charged_ucr += frame.amount_ucr
            case OrderUpdate(side="buy", exec="trade"):
                qty = frame.last_qty or 0
                self._bought += qty
                self._paid_ucr += qty * (frame.last_price_ucr or 0)
            case LeaseUpdate(side="buy"):
                self._units[frame.lease_id] = 0 if frame.state == "ended" else frame.units
                self._note(self._had, frame.ts_ms, sum(self._units.values()))
            case VmUpdate():
                self._ready_vms.pop(frame.vm_id, None)
                if frame.state == "running" and frame.ready_ms is not None:
                    self._ready_vms[frame.vm_id] = None
                self._note(self.ready, frame.ts_ms, len(self._ready_vms))
            case _:
                return

    def _note(self, steps: list[tuple[int, int]], now_ms: int, units: int) -> None:
        at_ms = now_ms - self._start_ms
        if steps[-1][0] == at_ms:
            steps[-1] = at_ms, units
        elif steps[-1][1] != units:
            steps.append((at_ms, units))


def settled_ucr(engine: Engine, account: str, now_ms: int) -> int:
    """Return what the account's leases owe by ``now_ms`` and were not charged yet."""
    total_ucr = 0
    for lease in engine.state.leases.values():
        if lease.buyer.account_id == account:
            billing.accrue(lease, now_ms)
            total_ucr += max(0, billing.owed_ucr(lease) - lease.charged_ucr)
    return total_ucr


def _area(steps: list[tuple[int, int]], end_ms: int) -> int:
    ends = [at_ms for at_ms, _ in steps[1:]] + [end_ms]
    return sum(units * (to_ms - at_ms) for (at_ms, units), to_ms in zip(steps, ends, strict=True))
