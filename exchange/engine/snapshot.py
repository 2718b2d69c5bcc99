"""Writes the whole state as plain data in a fixed order, hashes it and restores it.

Each kind of object has one table of the fields that are copied as they are; what refers to other
objects is written as their ids and looked up again when it is restored. Derived things (timers,
indexes, what the feed has not read) are left out and rebuilt. Source: architecture.md, "One shape:
a pure core in a thin shell".
"""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from itertools import chain
from operator import attrgetter
from typing import Any, Final, TypeAlias

import msgspec

from exchange.engine import meter_rows
from exchange.model import stories
from exchange.model.account import Order, make_order
from exchange.model.capacity import Host, Use
from exchange.model.config import ExchangeConfig
from exchange.model.evidence import Evidence
from exchange.model.instrument import Instrument
from exchange.model.lease import Lease, Vm
from exchange.model.records import Counters, DeadMan, Image, Key, Limits, Token, Zone
from exchange.model.state import State
from exchange.model.timers import TimerKind
from exchange.wire.requests import OrderPlace, VmStart
from exchange.wire.results import FillRow
from exchange.wire.types import Capacity, Endpoint, HostLimits

Row = list[Any]

STATE: Final = ("seq", "now_ms", "epoch", "killed", "halted", "forget_ms", "roll_ms")
ACCOUNT: Final = ("available_ucr", "held_ucr", "account_seq", "killed", "limited")
INSTRUMENT: Final = (
    *("number", "state", "halted", "tradable", "tick_ucr", "ref_ucr", "band_pct"),
    *("start_ms", "end_ms", "gate_ms"),
)
HOST: Final = (
    *("host_id", "status", "residual_below_pct", "classes", "accel", "cpu_model"),
    *("agent_version", "boot_id", "boot_before", "offered_known", "synced", "draining"),
    "silent_since_ms",
)
ORDER: Final = (
    *("qty", "leaves_qty", "filled_qty", "filled_notional_ucr", "status", "reason"),
    *("hold_unit_ucr", "session", "done_ms"),
)
LEASE: Final = (
    *("lease_id", "buyer_order_id", "seller_order_id", "state", "reason"),
    *("ends_ms", "release_ms", "release_units", "hold_ucr", "bond_ucr", "paid_until_ms"),
    *("post_ms", "charged_ucr", "closing"),
)
VM: Final = (
    *("state", "reason", "launched_ms", "ready_ms", "booted", "launch_by_ms", "unit"),
    *("came_from", "boot", "used_at_ms", "cpu_ms_seen", "cpu_ms", "net_rx", "net_tx"),
)
# No rule reads `silent_since_ms`, `net_rx` and `net_tx`. The state hash of rules 1 covers them, so
# they go with rules 2 (docs/decisions/0063-rules-newer-than-rows.md).
OrderRow: TypeAlias = tuple[
    tuple[int, str, OrderPlace, int | None], Row, list[tuple[str, int]] | None, list[FillRow] | None
]


class _Stored(msgspec.Struct, array_like=True):
    """The rows that `dump` writes, in its order, as `restore` reads them.

    Kinds with many rows are fully typed, so that msgspec decodes them in one step.
    """

    values: Row
    made: tuple[Counters, ExchangeConfig]
    accounts: list[Row]
    zones: list[Zone]
    instruments: list[Row]
    hosts: list[Row]
    live: list[OrderRow]
    done: list[OrderRow]
    leases: list[Row]
    vms: list[int]
    keys: list[Key]
    tokens: list[tuple[str, Token]]
    images: list[Image]
    deposits: list[tuple[str, str, int, int]]
    armed: list[tuple[int, str]]
    dead_men: list[DeadMan]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Stored)
PARTS: Final = (*STATE, *_Stored.__struct_fields__[1:], "stories")
"""What to call the parts of a snapshot: the values of the state itself, then one a list."""


def state_hash(state: State) -> str:
    """Return the SHA-256 (hex) of the canonical snapshot."""
    return sha256(dump(state)).hexdigest()


def dump(state: State) -> bytes:
    """Return the state as MessagePack, in an order that replay reproduces."""
    accounts = state.ledger.accounts.values()
    live = [order for account in accounts for order in account.open_orders.values()]
    leases = [*state.leases.values(), *state.ended_leases.values()]
    return _encoder.encode(
        [
            _values(state, STATE),
            [state.counters, state.config],
            [[a.account_id, a.name, a.limits, *_values(a, ACCOUNT)] for a in accounts],
            list(state.zones.values()),
            [_instrument(item) for item in state.instruments.values()],
            [_host(host) for host in state.hosts.values()],
            [_order(order) for order in live],
            [_order(o) for o in chain(state.ended_orders.values(), state.done_orders.values())],
            [_lease(lease) for lease in leases],
            list(state.vms),
            list(state.keys.values()),
            list(state.tokens.items()),
            list(state.images.values()),
            [[*name, *what] for name, what in state.deposits.items()],
            list(state.armed.items()),
            list(state.dead_men.values()),
        ]
    )


def with_stories(state: State) -> bytes:
    """Return the state as `dump` does, with the stories of its leases behind it."""
    by_lease = {number: lease.meter.story for number, lease in state.leases.items()}
    return stories.joined(dump(state), by_lease)


def _values(item: object, names: tuple[str, ...]) -> Any:
    return _getter(names)(item)


@cache
def _getter(names: tuple[str, ...]) -> Callable[[object], Any]:
    """Return what reads all the fields at once, which is most of a snapshot's work."""
    return attrgetter(*names)


def _instrument(item: Instrument) -> Row:
    queue = [order.number for sign in (1, -1) for order in item.book.orders(sign)]
    parts = [item.class_name, item.zone.zone, item.pricing, item.delivery]
    return [parts, _values(item, INSTRUMENT), list(item.last_trades), queue]


def _use(use: Use) -> list[int]:
    return [use.mvcpu, use.mem_mib, use.disk_mib]


def _host(host: Host) -> Row:
    made = [host.number, host.account_id, host.name, host.zone, host.hardware_id]
    offer: Row = [host.capacity, host.announced, host.limit, host.evidence]
    if host.limits is not None:  # no rows of earlier releases have them
        offer.append(host.limits)
    if host.image_max_mib is not None:
        offer += [None] * (5 - len(offer)) + [host.image_max_mib]
    windows = [[start_ms, _use(use)] for start_ms, use in sorted(host.windows.items())]
    row = [made, host.key_id, _values(host, HOST), offer, _use(host.spot), windows, host.cooling]
    # Left out where nothing is said, so that the state hashes of older journals stay.
    if host.paused is not None:
        return [*row, host.outbound, host.tags, host.paused]
    if host.tags is not None:
        return [*row, host.outbound, host.tags]
    return row if host.outbound is None else [*row, host.outbound]


def _order(order: Order) -> Row:
    made = [order.number, order.account.account_id, order.request, order.price_ucr]
    backing = None
    if order.backing is not None:
        backing = [[host.host_id, units] for host, units in order.backing]
    return [made, _values(order, ORDER), backing, order.fills]


def _lease(lease: Lease) -> Row:
    made = [
        lease.number,
        lease.trade_id,
        [lease.instrument.class_name, lease.instrument.zone.zone],
        [lease.instrument.pricing, lease.instrument.delivery, *_times(lease.instrument)],
        lease.buyer.account_id,
        lease.seller.account_id,
        lease.host.host_id,
        lease.units,
        lease.price_ucr,
        lease.start_ms,
    ]
    vms = [_vm(vm) for vm in lease.vms.values() if vm.lease is lease]
    moved = [[vm.name, vm.number] for vm in lease.vms.values() if vm.lease is not lease]
    return [made, _values(lease, LEASE), meter_rows.stored(lease), lease.recalls, vms, moved]


def _times(item: Instrument) -> Row:
    return [item.start_ms, item.end_ms, item.gate_ms]


def _vm(vm: Vm) -> Row:
    return [[vm.number, vm.request, vm.requested_ms], _values(vm, VM), vm.endpoints]


# --- and back ---


def restore(data: bytes) -> State:
    """Return the state that `dump` wrote, with the stories that `stories.joined` put behind it."""
    rows, stored_stories = stories.split(data)
    stored = _decoder.decode(rows)
    counters, config = stored.made
    state = State(config)
    _set(state, STATE, stored.values)
    state.counters = counters
    for name, title, limits, *values in stored.accounts:
        account = state.ledger.accounts.get(name) or state.ledger.open(name, title)
        account.limits = msgspec.convert(limits, Limits)
        _set(account, ACCOUNT, values)
    state.zones = {zone.zone: zone for zone in stored.zones}
    for row in stored.instruments:
        _restore_instrument(state, row)
    for row in stored.hosts:
        _restore_host(state, row)
    _restore_orders(state, stored)
    for row in stored.leases:
        _restore_lease(state, row)
    _restore_vms(state, stored.vms, {row[0][0]: row[5] for row in stored.leases})
    for key in stored.keys:
        state.keys[key.key_id] = key
        state.key_ids[key.public_key] = key.key_id
    state.tokens.update(stored.tokens)
    state.images = {image.sha256: image for image in stored.images}
    state.deposits.update({row[:2]: row[2:] for row in stored.deposits})
    state.armed = dict(stored.armed)
    for man in stored.dead_men:
        state.dead_men[man.key_id] = man
        state.dead_man_keys[man.number] = man.key_id
    for number, story in stories.decode(stored_stories).items():
        state.leases[number].meter.story = story
    _arm(state)
    return state


def _set(item: object, names: Sequence[str], values: Row) -> None:
    for name, value in zip(names, values, strict=True):
        setattr(item, name, value)


def _restore_instrument(state: State, row: Row) -> None:
    (class_name, zone, pricing, delivery), values, trades, _ = row
    shape = state.config.classes[class_name]
    item = Instrument(class_name, state.zones[zone], pricing, delivery, shape)
    _set(item, INSTRUMENT, values)
    item.last_trades.extend((price, qty) for price, qty in trades)
    state.instruments[item.symbol] = item
    if item.number:
        state.windows[item.number] = item


def _restore_host(state: State, row: Row) -> None:
    made, key_id, values, offer, spot, windows, cooling, *more = row
    number, account_id, name, zone, hardware_id = made
    host = Host(number, account_id, name, zone, hardware_id, key_id)
    _set(host, HOST, values)
    host.outbound, host.tags, host.paused = [*more, None, None, None][:3]
    host.capacity = msgspec.convert(offer[0], Capacity)
    announced, limit = msgspec.convert(offer[1:3], list[Capacity | None])
    assert announced is not None
    host.set_offer(announced, limit)
    host.evidence = msgspec.convert(offer[3], Evidence)
    limits, host.image_max_mib = [*offer[4:], None, None][:2]
    host.limits = msgspec.convert(limits, HostLimits | None)
    host.spot = _restored_use(spot)
    host.windows = {start_ms: _restored_use(use) for start_ms, use in windows}
    for until_ms, need, units in cooling:
        host.cool(until_ms, tuple(need), units)
    state.hosts[host.host_id] = host
    state.ledger.accounts[account_id].hosts.setdefault(zone, []).append(host)


def _restored_use(values: list[int]) -> Use:
    use = Use()
    use.mvcpu, use.mem_mib, use.disk_mib = values
    return use


def _restore_orders(state: State, stored: _Stored) -> None:
    by_number: dict[int, Order] = {}
    for row in stored.done:
        order = _restored_order(state, row)
        order.account.orders[order.client_order_id] = order
        state.done_orders[order.number] = order
        if len(state.done_orders) >= state.ended_orders.pack_at:
            state.ended_orders.pack(state.done_orders)
    for row in stored.live:
        order = _restored_order(state, row)
        by_number[order.number] = order
        order.account.orders[order.client_order_id] = order
        order.account.open_orders[order.number] = order
        if order.request.expire_ms is not None:
            state.expiring[order.number] = order
    for (class_name, zone, pricing, delivery), _, _, queue in stored.instruments:
        book = state.instruments[f"{class_name}.{zone}.{pricing}.{delivery}"].book
        for number in queue:
            book.rest(by_number[number])
        book.touched.clear()


def _restored_order(state: State, row: OrderRow) -> Order:
    (number, account_id, request, price_ucr), values, backing, fills = row
    order = make_order(number, state.ledger.accounts[account_id], request, price_ucr)
    _set(order, ORDER, values)
    if backing is not None:
        order.backing = [(state.hosts[host], units) for host, units in backing]
    order.fills = fills
    return order


def _restore_lease(state: State, row: Row) -> None:
    made, values, meter, recalls, vms, _ = row
    number, trade_id, (class_name, zone), (pricing, delivery, *times) = made[:4]
    buyer, seller, host, units, price_ucr, start_ms = made[4:]
    item = state.instruments.get(f"{class_name}.{zone}.{pricing}.{delivery}")
    if item is None:  # a window that is settled and forgotten: its lease ended less than 24 h ago
        shape = state.config.classes[class_name]
        item = Instrument(class_name, state.zones[zone], pricing, delivery, shape)
        item.start_ms, item.end_ms, item.gate_ms = times
    accounts = state.ledger.accounts
    lease = Lease(
        number,
        trade_id,
        item,
        accounts[buyer],
        accounts[seller],
        state.hosts[host],
        units,
        price_ucr,
        start_ms,
    )
    _set(lease, LEASE, values)
    meter_rows.restore(lease, meter)
    lease.recalls = [(at_ms, recalled) for at_ms, recalled in recalls]
    for vm_row in vms:
        vm = _restored_vm(lease, vm_row)
        lease.vms[vm.name] = vm
    if lease.state == "ended":
        state.ended_leases[number] = lease
    else:
        state.add_lease(lease)


def _restored_vm(lease: Lease, row: Row) -> Vm:
    (number, request, requested_ms), values, endpoints = row
    vm = Vm(number, lease, msgspec.convert(request, VmStart), requested_ms)
    _set(vm, VM, values)
    vm.endpoints = msgspec.convert(endpoints, list[Endpoint])
    return vm


def _restore_vms(state: State, numbers: list[int], moved: dict[int, list[Row]]) -> None:
    """Tie the VMs that live, and those that a lease remembers although they went on elsewhere."""
    leases = [*state.leases.values(), *state.ended_leases.values()]
    known = {vm.number: vm for lease in leases for vm in lease.vms.values()}
    state.vms = {number: known[number] for number in numbers}
    for lease in leases:
        lease.vms.update((name, known[number]) for name, number in moved[lease.number])


def _arm(state: State) -> None:
    """Set the timer of every subject's next deadline again."""
    timers = state.timers
    for man in state.dead_men.values():
        timers.set(man.at_ms, TimerKind.DEAD_MAN, man.number)
    for host in state.hosts.values():
        for until_ms, _, _ in host.cooling:
            timers.set(until_ms, TimerKind.COOLING, host.number)
    for vm in state.vms.values():
        if vm.launch_by_ms is not None:
            timers.set(vm.launch_by_ms, TimerKind.VM, vm.number)
    for lease in state.leases.values():
        timers.set(lease.due_ms(), TimerKind.LEASE, lease.number)
    for order in state.expiring.values():
        timers.set(order.request.expire_ms or 0, TimerKind.ORDER, order.number)
    for window in state.windows.values():
        due_ms = window.due_ms()
        if due_ms is not None:
            timers.set(due_ms, TimerKind.WINDOW, window.number)
    if state.roll_ms is not None:
        timers.set(state.roll_ms, TimerKind.ROLL, 0)
