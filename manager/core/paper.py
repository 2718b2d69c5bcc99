"""A paper market: answers the Manager's requests as an exchange with unlimited supply would.

For `headroom manager dry-run`, which asks what rules would have done, and for tests of the core.
Every order fills at once at `price_ucr` a unit-hour, each unit on a host of its own; a VM is
guest-ready `boot_ms` after its start; stopping and draining take no time. Charges post hourly and
at the end, as units x time x price without the exchange's minimum. Pure.
"""

from heapq import heappop, heappush
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from exchange.units import MS_PER_HOUR, MS_PER_SECOND, ceil_div
from exchange.wire.frames import Ack, Charge, ErrorReply, LeaseUpdate, OrderUpdate, VmUpdate
from exchange.wire.requests import (
    DirectorySearch,
    HostOffer,
    ImageStat,
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderPlace,
    OrderReplace,
    VmStart,
    VmStop,
)
from exchange.wire.types import Endpoint, IdleUnit, LeaseState, OrderStatus, VmState
from manager.core.classes import place_of
from manager.core.core import Manager
from manager.core.messages import (
    BackendDrained,
    BackendReady,
    Connected,
    DrainBackend,
    Listen,
    Log,
    ManagerMessage,
    ManagerRequest,
    Out,
    RegisterBackend,
    RemoveBackend,
    Send,
    Unlisten,
)

ADDRESS: Final = "192.0.2.1"  # RFC 5737: an address that is nobody's


class PaperLease(Struct):
    """A lease of one unit and the VM on it."""

    row: LeaseUpdate
    vm: VmUpdate | None = None
    last: VmUpdate | None = None
    """The VM that ended on it."""
    charged_ucr: int = 0


class Booted(Struct, frozen=True):
    """A VM's guest answers now."""

    lease_id: str
    vm_id: str


class HourOver(Struct, frozen=True):
    """A lease has run another hour."""

    lease_id: str


class Expired(Struct, frozen=True):
    """A resting order's time is over."""

    order: OrderPlace


class Paper:
    """Drives ``manager`` on virtual time.

    ``log`` collects what it says: (ms, line, how many units were bought before).
    """

    def __init__(
        self, manager: Manager, price_ucr: int, boot_ms: int, supply: int | None = None
    ) -> None:
        self.manager = manager
        self.log: list[tuple[int, str, int]] = []
        self.outs: list[Out] = []
        self.leases: dict[str, PaperLease] = {}
        self.supply = supply
        self.sold_out: tuple[str, ...] = ()
        """Classes that nobody offers."""
        self.units: list[tuple[int, int]] = []
        """(ms, how many units there were from then on)."""
        self.charged_ucr = 0
        self.now_ms = 0
        self._price_ucr = price_ucr
        self._boot_ms = boot_ms
        self._later: list[tuple[int, int, ManagerMessage | Booted | HourOver | Expired]] = []
        self._number = 0
        self._account_seq = 0

    def connected(self) -> Connected:
        """Return the account as it stands, as after a login."""
        leases = [replace(one.row, idle=_idle(one)) for one in self.leases.values()]
        vms = [lease.vm for lease in self.leases.values() if lease.vm is not None]
        return Connected(self._account_seq, [], leases, vms)

    def feed(self, message: ManagerMessage, now_ms: int) -> None:
        """Let time pass up to ``now_ms``, then give the Manager ``message``."""
        self.advance(now_ms)
        self._step(message)

    def advance(self, now_ms: int) -> None:
        """Let everything happen that is due up to ``now_ms``, in order of time."""
        while True:
            due_ms = self._later[0][0] if self._later else None
            wake_ms = self.manager.next_deadline_ms()
            if wake_ms is not None and wake_ms <= now_ms and (due_ms is None or wake_ms < due_ms):
                self.now_ms = max(wake_ms, self.now_ms)
                self._carry_out(self.manager.wake(self.now_ms))
            elif due_ms is not None and due_ms <= now_ms:
                self.now_ms = due_ms
                self._step(heappop(self._later)[2])
            else:
                break
        self.now_ms = now_ms

    def owed_ucr(self) -> int:
        """Return what all units cost so far: price x time, rounded up a unit."""
        owed = sum(self._cost_ucr(one.row) - one.charged_ucr for one in self.leases.values())
        return self.charged_ucr + owed

    def end(self, lease_id: str, reason: str) -> None:
        """End a lease from the outside: its host is lost, or its recall is over."""
        lease = self.leases.pop(lease_id)
        self.units.append((self.now_ms, len(self.leases)))
        self._charge(lease)
        if self.supply is not None:
            self.supply += 1
        self._lease(lease.row, state="ended", reason=reason)

    def _charge(self, lease: PaperLease) -> None:
        amount_ucr = self._cost_ucr(lease.row) - lease.charged_ucr
        lease.charged_ucr += amount_ucr
        self.charged_ucr += amount_ucr
        times = (lease.row.start_ms, self.now_ms)
        self._soon(Charge(*self._frame_head(), lease.row.lease_id, *times, amount_ucr))

    def _cost_ucr(self, row: LeaseUpdate) -> int:
        return ceil_div((self.now_ms - row.start_ms) * row.price_ucr, MS_PER_HOUR)

    def _step(self, message: ManagerMessage | Booted | HourOver | Expired) -> None:
        match message:
            case Booted(lease_id, vm_id):
                lease = self.leases.get(lease_id)
                if lease is None or lease.vm is None or lease.vm.vm_id != vm_id:
                    return
                if lease.row.silent_since_ms is None:
                    self._vm(lease, lease.vm, "running", self.now_ms)
                else:
                    self._soon(message, MS_PER_SECOND)  # a silent host reports nothing yet
            case HourOver(lease_id):
                lease = self.leases.get(lease_id)
                if lease is not None:
                    self._charge(lease)
                    self._soon(message, MS_PER_HOUR)
            case Expired(order):
                self._order(order, 0, "expired")
            case _:
                self._carry_out(self.manager.apply(message, self.now_ms))

    def _soon(
        self, message: ManagerMessage | Booted | HourOver | Expired, delay_ms: int = 0
    ) -> None:
        self._number += 1
        heappush(self._later, (self.now_ms + delay_ms, self._number, message))

    def _carry_out(self, outs: list[Out]) -> None:
        self.outs += outs
        units = len(self.leases)
        for out in outs:
            match out:
                case Send(request):
                    self._request(request)
                case RegisterBackend(server):
                    self._soon(BackendReady(server))
                case DrainBackend(server):
                    self._soon(BackendDrained(server))
                case RemoveBackend() | Listen() | Unlisten():
                    pass
                case Log(text):
                    self.log.append((self.now_ms, text, units))

    def _request(self, request: ManagerRequest) -> None:
        match request:
            case OrderPlace():
                self._place(request)
            case OrderCancel():
                self._soon(ErrorReply(request.req_id, "order_done", "expires by itself"))
            case VmStart():
                self._start(request)
            case VmStop():
                self._stop(request)
            case LeaseRelease():
                self._release(request)
            case DirectorySearch():
                self._ack(request.req_id, {"hosts": []})
            case ImageStat():
                self._ack(request.req_id, {"sha256": request.sha256})
            case OrderReplace() | LeaseRecall() | HostOffer():
                raise AssertionError("nothing is sold on paper")

    def _ack(self, req_id: int, result: dict[str, Any]) -> None:
        self._soon(Ack(req_id, None, self.now_ms, result))

    def _place(self, order: OrderPlace) -> None:
        filled = 0
        if order.time_in_force == "ioc" and place_of(order.symbol).class_name not in self.sold_out:
            filled = order.qty if self.supply is None else min(order.qty, self.supply)
        if self.supply is not None:
            self.supply -= filled
        rests = order.time_in_force == "gtd"
        status: OrderStatus = "new" if rests else "filled" if filled == order.qty else "canceled"
        self._ack(order.req_id, {"filled_qty": filled, "status": status})
        if rests:
            assert order.expire_ms is not None, "a gtd order names its end"
            self._soon(Expired(order), order.expire_ms - self.now_ms)
        self._order(order, filled, status)
        for _ in range(filled):
            self._grant(order)

    def _grant(self, order: OrderPlace) -> None:
        self._number += 1
        number, now_ms = self._number, self.now_ms
        row = LeaseUpdate(
            0,
            0,
            now_ms,
            f"l-{number}",
            f"t-{number}",
            order.symbol,
            "buy",
            f"h-{number}",
            1,
            self._price_ucr,
            "active",
            now_ms,
            0,
            order.client_order_id,
        )
        lease = self.leases[row.lease_id] = PaperLease(row)
        self.units.append((self.now_ms, len(self.leases)))
        lease.row = self._lease(row, state="active", reason=None)
        self._soon(HourOver(row.lease_id), MS_PER_HOUR)

    def _start(self, request: VmStart) -> None:
        self._number += 1
        lease = self.leases.get(request.lease_id)
        if lease is None:
            self._soon(ErrorReply(request.req_id, "lease_ended", "the lease ended"))
            return
        vm_id = f"v-{self._number}"
        self._ack(request.req_id, {"vm_id": vm_id, "duplicate": False})
        blank = VmUpdate(0, 0, 0, vm_id, request.lease_id, request.name, "requested", [])
        ports = request.ports or []
        vm = replace(blank, endpoints=[Endpoint(port, ADDRESS, port) for port in ports])
        self._vm(lease, vm, "starting", None)
        self._soon(Booted(request.lease_id, vm_id), self._boot_ms)

    def _stop(self, request: VmStop) -> None:
        for lease in self.leases.values():
            if lease.vm is not None and lease.vm.vm_id == request.vm_id:
                self._ack(request.req_id, {"vm_id": request.vm_id})
                self._vm(lease, lease.vm, "stopped", None)
                lease.vm = None
                return
        self._soon(ErrorReply(request.req_id, "unknown_vm", "the VM is gone"))

    def _release(self, request: LeaseRelease) -> None:
        lease = self.leases.get(request.lease_id)
        if lease is None:
            self._soon(ErrorReply(request.req_id, "lease_ended", "the lease ended"))
            return
        self._ack(request.req_id, {"lease_id": request.lease_id})
        if request.at_ms is None:
            self.end(request.lease_id, "released")

    def _frame_head(self) -> tuple[int, int, int]:
        self._account_seq += 1
        return self._account_seq, 0, self.now_ms

    def _order(self, order: OrderPlace, filled: int, status: OrderStatus) -> None:
        name = order.client_order_id
        leaves = order.qty - filled if status == "new" else 0
        amounts = (order.qty, filled, leaves, filled * self._price_ucr)
        head = self._frame_head()
        self._soon(OrderUpdate(*head, name, name, order.symbol, "buy", "new", status, *amounts))

    def _lease(self, row: LeaseUpdate, state: LeaseState, reason: str | None) -> LeaseUpdate:
        seq, _, now_ms = self._frame_head()
        frame = replace(row, account_seq=seq, ts_ms=now_ms, state=state, reason=reason)
        self._soon(frame)
        return frame

    def _vm(self, lease: PaperLease, vm: VmUpdate, state: VmState, ready_ms: int | None) -> None:
        seq, _, now_ms = self._frame_head()
        lease.vm = replace(vm, account_seq=seq, ts_ms=now_ms, state=state, ready_ms=ready_ms)
        if state in ("stopped", "failed"):
            lease.last = lease.vm
        self._soon(lease.vm)


def _idle(lease: PaperLease) -> list[IdleUnit] | None:
    if lease.vm is not None or lease.last is None:
        return None
    return [IdleUnit(lease.last.name, lease.last.state, lease.last.reason)]
