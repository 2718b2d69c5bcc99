"""What an order, a lease or a VM is called in two histories that number them differently.

Without somebody's orders the exchange gives other ids. A command of the recording that names an id
is meant for what came about in the same way: an order by its client_order_id, a lease as the n-th
of its order, a VM by the lease and the name it was started with. Pure.
"""

from typing import TypeAlias

from exchange.engine.engine import Engine
from exchange.model.commands import Event, Out
from exchange.wire.frames import LeaseUpdate, OrderUpdate, VmUpdate
from exchange.wire.instructions import VmLaunch

Key: TypeAlias = tuple[object, ...]


class Names:
    """The names of one history; `fold` all that its engine sends."""

    def __init__(self) -> None:
        self.buyer_of: dict[str, str] = {}
        """By VM."""
        self.host_of: dict[str, str] = {}
        """By VM."""
        self._keys: dict[tuple[str, str], Key] = {}
        """By (account, id); a VM's account is "", since its host speaks of it too."""
        self._ids: dict[Key, str] = {}
        self._leases: dict[Key, int] = {}
        """How many leases an order has led to, for each side."""

    def seed(self, engine: Engine) -> None:
        """Take in what there is before the first command."""
        for account in engine.state.ledger.accounts:
            state = engine.account_state(account)
            rows: list[Event] = [*state.orders, *state.leases, *state.vms]
            self.fold([(account, row) for row in rows])
        for vm in engine.state.vms.values():
            self.host_of[vm.vm_id] = vm.lease.host.host_id

    def fold(self, outs: list[Out]) -> None:
        for address, frame in outs:
            match frame:
                case OrderUpdate():
                    self._name(address, frame.order_id, ("order", address, frame.client_order_id))
                case LeaseUpdate():
                    self._lease(address, frame)
                case VmUpdate():
                    lease = self._keys.get((address, frame.lease_id), ("old", frame.lease_id))
                    self.buyer_of.setdefault(frame.vm_id, address)
                    self._name("", frame.vm_id, ("vm", lease, frame.name))
                case VmLaunch():
                    self.host_of[frame.vm_id] = address
                case _:
                    continue

    def key(self, account: str, name: str) -> Key | None:
        """Return what ``name`` is here, None when there never was such a thing."""
        return self._keys.get((account, name))

    def id(self, key: Key) -> str | None:
        """Return what is called so here, None when it never came about."""
        return self._ids.get(key)

    def _lease(self, account: str, frame: LeaseUpdate) -> None:
        if (account, frame.lease_id) in self._keys:
            return
        order = ("lease", account, frame.side, frame.client_order_id)
        self._leases[order] = number = self._leases.get(order, 0) + 1
        self._name(account, frame.lease_id, (*order, number))

    def _name(self, account: str, name: str, key: Key) -> None:
        if (account, name) not in self._keys:
            self._keys[account, name] = key
            self._ids[key] = name
