"""The whole state as plain data in a fixed order: what the state hash is taken over.

Derived things (timers, indexes, what the feed has not read) are left out: they follow from the
rest. Source: architecture.md section 1 (``state_hash``).
"""

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from exchange.book import Order
    from exchange.capacity import Host, Use
    from exchange.instrument import Instrument
    from exchange.lease import Lease, Vm
    from exchange.ledger import Account
    from exchange.state import State

_encoder = msgspec.msgpack.Encoder()


def state_hash(state: "State") -> str:
    """Return the SHA-256 (hex) of the canonical snapshot."""
    return sha256(_encoder.encode(dump(state))).hexdigest()


def dump(state: "State") -> list[Any]:
    """Return the state as lists and structs, in an order that replay reproduces."""
    return [
        [state.seq, state.now_ms, state.epoch, state.killed, state.forget_ms],
        [state.counters, state.config, state.roll_ms, list(state.armed.items())],
        [_account(account) for account in state.ledger.accounts.values()],
        list(state.zones.values()),
        [_instrument(item) for item in state.instruments.values()],
        [_host(host) for host in state.hosts.values()],
        [
            _order(order)
            for account in state.ledger.accounts.values()
            for order in account.open_orders.values()
        ],
        [_order(order) for order in state.done_orders],
        [_lease(lease) for lease in state.leases.values()],
        [_lease(lease) for lease in state.ended_leases.values()],
        [_vm(vm) for vm in state.vms.values()],
        list(state.keys.values()),
        list(state.tokens.items()),
        list(state.images.values()),
        [[*name, *what] for name, what in state.deposits.items()],
    ]


def _account(account: "Account") -> list[Any]:
    return [
        account.account_id,
        account.name,
        account.available_ucr,
        account.held_ucr,
        account.account_seq,
        account.limits,
        account.killed,
    ]


def _instrument(item: "Instrument") -> list[Any]:
    queue = [order.number for sign in (1, -1) for order in item.book.orders(sign)]
    return [
        item.symbol,
        item.number,
        item.state,
        item.halted,
        item.tick_ucr,
        item.ref_ucr,
        item.band_pct,
        list(item.last_trades),
        item.start_ms,
        item.end_ms,
        item.gate_ms,
        queue,
    ]


def _use(use: "Use") -> list[int]:
    return [use.mvcpu, use.mem_mib, use.disk_mib]


def _host(host: "Host") -> list[Any]:
    return [
        host.host_id,
        host.account.account_id,
        host.name,
        host.zone,
        host.hardware_id,
        host.key_id,
        host.status,
        host.capacity,
        host.announced,
        host.limit,
        host.residual_below_pct,
        host.classes,
        host.accel,
        host.cpu_model,
        host.agent_version,
        host.boot_id,
        host.offered_known,
        host.synced,
        host.draining,
        host.silent_since_ms,
        _use(host.spot),
        [[start_ms, _use(use)] for start_ms, use in sorted(host.windows.items())],
    ]


def _order(order: "Order") -> list[Any]:
    return [
        order.number,
        order.account.account_id,
        order.request,
        order.price_ucr,
        order.qty,
        order.leaves_qty,
        order.filled_qty,
        order.filled_notional_ucr,
        order.status,
        order.reason,
        order.hold_unit_ucr,
        [[host.host_id, units] for host, units in order.backing or ()],
        order.fills,
        order.session,
        order.done_ms,
    ]


def _lease(lease: "Lease") -> list[Any]:
    return [
        lease.number,
        lease.trade_id,
        lease.instrument.symbol,
        lease.buyer.account_id,
        lease.seller.account_id,
        lease.buyer_order_id,
        lease.seller_order_id,
        lease.host.host_id,
        lease.units,
        lease.granted_units,
        lease.price_ucr,
        lease.start_ms,
        lease.state,
        lease.reason,
        lease.ends_ms,
        lease.recalls,
        lease.release_ms,
        lease.release_units,
        lease.hold_ucr,
        lease.bond_ucr,
        lease.paid_until_ms,
        lease.post_ms,
        lease.posted_ms,
        lease.charged_ucr,
        lease.accrued_ms,
        lease.unit_ms,
        lease.unit_clock_ms,
        lease.topped_ms,
        lease.boot_ms,
        lease.boot_credits,
        lease.silent_from_ms,
        lease.metered_ms,
        lease.metered_from_ms,
        lease.cpu_ms,
        lease.cpu_posted_ms,
        lease.closing,
        lease.close_by_ms,
        [_vm(vm) for vm in lease.vms.values()],
    ]


def _vm(vm: "Vm") -> list[Any]:
    return [
        vm.number,
        vm.lease.number,
        vm.request,
        vm.state,
        vm.reason,
        vm.endpoints,
        vm.requested_ms,
        vm.launched_ms,
        vm.ready_ms,
        vm.ready_at_ms,
        vm.launch_by_ms,
        vm.first,
        vm.boot,
        vm.used_at_ms,
        vm.cpu_ms_seen,
        vm.cpu_ms,
        vm.net_rx,
        vm.net_tx,
    ]
