"""The snapshot: everything a Manager knows, as rows. Pure: reads the core and changes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from exchange.units import MS_PER_SECOND
from manager.control.frames import (
    AlertRow,
    BurstRow,
    GroupRow,
    LoadRow,
    OrderRow,
    RuleRow,
    RuleStand,
    Snapshot,
    SpendRow,
    UnitRow,
    VmRow,
)
from manager.core.bids import Order, rule_of
from manager.core.core import Manager
from manager.core.library import find
from manager.core.rule import Buy, BuyTo, Release, Rule
from manager.core.rule_state import Reading, util_pct
from manager.core.standing import RuleStatus, Stand
from manager.core.unit import Lease, Unit
from manager.core.wish import RuleState


def snapshot(
    manager: Manager,
    now_ms: int,
    alerts: Iterable[AlertRow] = (),
    groups: Sequence[GroupRow] = (),
) -> Snapshot:
    """Return all there is to see at ``now_ms``."""
    reading = manager.reading()
    return Snapshot(
        at_ms=now_ms,
        load=_load(manager, reading),
        rules=[
            _rule(manager, reading, state, status, now_ms)
            for state, status in zip(manager.rules.watched(), manager.rule_states(), strict=True)
        ],
        bursts=_bursts(manager, now_ms),
        library=_library(manager),
        groups=list(groups),
        alerts=list(alerts),
        spend=_spend(manager, now_ms),
    )


def _spend(manager: Manager, now_ms: int) -> SpendRow:
    sums = manager.budget.sums(None, now_ms)
    most = {cap.span: cap.most_ucr for cap in manager.rules.account_limits()}
    return SpendRow(sums.day_ucr, sums.month_ucr, most.get("day"), most.get("month"))


def _load(manager: Manager, reading: Reading) -> LoadRow:
    load_rps, unit_rps = reading.load_rps, reading.unit_rps
    known = load_rps is not None and reading.ready > 0
    util = util_pct(load_rps or 0.0, reading.ready, unit_rps) if known else None
    return LoadRow(
        unit_rps=unit_rps,
        core_units=manager.config.core_units,
        load_rps=None if load_rps is None else round(load_rps, 1),
        util_pct=None if util is None else round(util, 1),
        ready=reading.ready,
        pending=reading.pending,
        paid=reading.paid,
        stale=manager.load.stale,
        needed=manager.load.needed,
        online=manager.online,
        buying=manager.config.buying,
    )


# --- rules ---


def _rule(
    manager: Manager, reading: Reading, state: RuleState, status: RuleStatus, now_ms: int
) -> RuleRow:
    rule, since = state.rule, state.watch.since_ms()
    sums = manager.budget.sums(rule.name, now_ms)
    cooling_until_ms = state.cooled_ms if state.cooled_ms > now_ms else None
    return RuleRow(
        name=rule.name,
        when=when_text(rule),
        do=action_text(rule),
        state=_stand(status.state, since),
        since_ms=since,
        until_ms=status.until_ms or cooling_until_ms,
        needs=state.watch.needs(reading, now_ms),
        blocked_by=[*status.reasons, *_used_up(manager, reading, rule, status)],
        fired_ms=state.fired_ms,
        units=sum(len(lease.units) for lease in _leases(manager, rule.name)),
        spent_ucr=sums.day_ucr,
        spent_month_ucr=sums.month_ucr,
        held_ucr=manager.rented.held_ucr(rule.name) + manager.purchases.held_ucr(rule.name),
        budget_day_ucr=rule.budget_day_ucr,
        budget_month_ucr=rule.budget_month_ucr,
        fallback=list(rule.fallback),
        ahead=manager.forward.ahead(rule.name) if rule.forward else 0,
    )


def _stand(state: Stand, since: int | None) -> RuleStand:
    """A rule is ``holding`` while its condition holds and nothing else keeps it."""
    return "holding" if state == "ready" and since is not None else state


def _used_up(manager: Manager, reading: Reading, rule: Rule, status: RuleStatus) -> Iterator[str]:
    """Yield the limit that leaves a buying rule nothing, and what the deposit lacks."""
    if status.state not in ("ready", "cooling") or not rule.buys:
        return
    limit, lack = manager.rules.bound(rule, reading), manager.deposit.lacks(rule.name)
    if limit.units <= 0:
        yield limit.text()
    if lack is not None:
        yield lack


def when_text(rule: Rule) -> str:
    """Return what the rule waits for, as it is written in the file."""
    if rule.track is not None:
        kind = "track" if rule.track.ahead is None else "predict"
        return f"{kind} {rule.track.metric} {rule.track.target:g}"
    if rule.at is not None:
        return f"at {rule.at.text}"
    return " and ".join(condition.text for condition in rule.conditions)


def clock(at_ms: int) -> str:
    """``18:03:20 UTC``: the second in which it happened, as the log has it."""
    return f"{datetime.fromtimestamp(at_ms // MS_PER_SECOND, UTC):%H:%M:%S} UTC"


def clock_from(at_ms: int) -> str:
    """As `clock`, the first whole second from which something is so."""
    return clock(at_ms + MS_PER_SECOND - 1)


def action_text(rule: Rule) -> str:
    """Return the action as it is written in the file."""
    match rule.action:
        case Buy(units):
            return f"buy {units}"
        case BuyTo(units):
            return f"buy to {units}"
        case Release(units):
            return "release all" if units is None else f"release {units}"
        case None:
            return "buy and release"


# --- bursts ---


def _bursts(manager: Manager, now_ms: int) -> list[BurstRow]:
    names = [lease.rule for lease in manager.rented.leases.values()]
    names += [rule_of(order.client_order_id) for order in manager.purchases.orders()]
    return [_burst(manager, name, now_ms) for name in dict.fromkeys(names)]


def _burst(manager: Manager, name: str, now_ms: int) -> BurstRow:
    leases = _leases(manager, name)
    orders = [o for o in manager.purchases.orders() if rule_of(o.client_order_id) == name]
    vm = manager.vm_of(name)
    return BurstRow(
        name=name,
        vm="" if vm is None else vm.name,
        by_hand=name.startswith("+"),
        hour_ucr=manager.rented.held_ucr(name),
        units=[_unit(lease, unit, now_ms) for lease in leases for unit in lease.units.values()],
        orders=[_order(order) for order in orders if order.on_order],
    )


def _unit(lease: Lease, unit: Unit, now_ms: int) -> UnitRow:
    return UnitRow(
        unit=unit.server,
        lease_id=lease.lease_id,
        host=lease.host,
        price_ucr=lease.price_ucr,
        state=unit.state,
        vm=unit.vm_name,
        address=unit.address,
        port=unit.port,
        joined_ms=unit.joined_ms,
        ending=lease.ending,
        silent=now_ms < lease.silent_until_ms,
        symbol=lease.symbol,
    )


def _order(order: Order) -> OrderRow:
    return OrderRow(
        order.client_order_id, order.symbol, order.price_ucr, order.on_order, order.rests
    )


def _leases(manager: Manager, rule: str) -> list[Lease]:
    return [lease for lease in manager.rented.leases.values() if lease.rule == rule]


# --- the library ---


def _library(manager: Manager) -> list[VmRow]:
    running = [lease.vm.name for lease, _ in manager.rented.units() if lease.vm is not None]
    return [
        VmRow(
            name=vm.name,
            vm_class=vm.vm_class,
            image=vm.image,
            ports=list(vm.ports),
            health=vm.health,
            backend=vm.backend,
            units=running.count(vm.name),
        )
        for vm in manager.config.library
    ]


def vm_in_use(manager: Manager, name: str) -> str | None:
    """Say what needs the stored VM, ``None`` when nothing does."""
    for rule in manager.config.rules:
        vm = find(manager.config.library, rule.vm)
        if rule.buys and vm is not None and vm.name == name:
            return f"rule {rule.name} names it"
    running = _running(manager.rented.leases.values(), name)
    return f"it runs on {running}" if running else None


def _running(leases: Iterable[Lease], name: str) -> str:
    return next((one.lease_id for one in leases if one.vm is not None and one.vm.name == name), "")
