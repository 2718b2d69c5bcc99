"""Hosts as their owners and the public see them: rows of ``fleet`` and ``directory``. Pure reads.

A host's asks are the spot asks that its slots back, the best of each symbol: the price a buyer
would get there now. Source: rules.md 8.1, 8.2.
"""

from typing import TypeAlias

from exchange.model import evidence
from exchange.model.account import Account
from exchange.model.capacity import Host, units_in
from exchange.model.state import State
from exchange.wire.frames import DirectoryUpdate, HostAsk, HostUpdate
from exchange.wire.terms import need_of
from exchange.wire.types import SPOT, Capacity, HostStatus

Asks: TypeAlias = dict[str, dict[str, HostAsk]]
"""Host id -> symbol -> best spot ask."""


def owners(state: State) -> list[str]:
    """Return the accounts that have hosts."""
    return [name for name, account in state.ledger.accounts.items() if account.hosts]


def status_counts(state: State) -> dict[str, int]:
    """Return how many hosts have each status."""
    counts: dict[str, int] = {}
    for host in state.hosts.values():
        status = shown_status(host)
        counts[status] = counts.get(status, 0) + 1
    return counts


def shown_status(host: Host) -> HostStatus:
    """Return the status that clients see: a drained host that lives is ``draining``."""
    return "draining" if host.draining and host.status == "live" else host.status


def directory_rows(state: State, account_id: str) -> tuple[list[DirectoryUpdate], int]:
    """Return the public rows of an account's hosts, without those not approved yet.

    Also returns the cost: how many hosts and orders were scanned. An account that has no hosts, or
    does not exist, has no rows.
    """
    account = state.ledger.accounts.get(account_id)
    if account is None or not account.hosts:
        return [], 0
    asks = _best_asks(account)
    rows = [
        _directory_row(state, host, asks.get(host.host_id, {}))
        for host in account.every_host()
        if host.status != "pending"
    ]
    return rows, len(rows) + len(account.open_orders)


def fleet_rows(state: State, account_id: str) -> list[HostUpdate]:
    """Return an owner's rows; the gateway adds load and VM count."""
    return [_fleet_row(host) for host in state.ledger.accounts[account_id].every_host()]


def _best_asks(account: Account) -> Asks:
    found: Asks = {}
    for order in account.open_orders.values():
        price_ucr = order.price_ucr
        if not order.backing or price_ucr is None or not order.symbol.endswith(f".{SPOT}"):
            continue
        for host, units in order.backing:
            of_host = found.setdefault(host.host_id, {})
            best = of_host.get(order.symbol)
            if best is None or price_ucr < best.price_ucr:
                of_host[order.symbol] = HostAsk(order.symbol, price_ucr, units)
            elif price_ucr == best.price_ucr:
                best.qty += units
    return found


def _directory_row(state: State, host: Host, asks: dict[str, HostAsk]) -> DirectoryUpdate:
    room = host.free(None)
    best_first = sorted(asks.values(), key=lambda ask: (ask.price_ucr, ask.symbol))
    return DirectoryUpdate(
        host.host_id,
        host.zone,
        shown_status(host),
        list(host.classes),
        host.offered,
        _clamped(room),
        {name: units_in(room, need_of(state.config.classes[name])) for name in host.classes},
        best_first,
        host.accel,
        evidence.view([host.evidence]),
        best_first[0] if best_first else None,
        host.limits,
        host.outbound,
        host.image_max_mib,
        host.tags,
    )


def _fleet_row(host: Host) -> HostUpdate:
    offered, free = host.offered, host.free(None)
    used = _clamped(
        (offered.mvcpu - free[0], offered.mem_mib - free[1], offered.disk_mib - free[2])
    )
    return HostUpdate(
        host.host_id,
        host.name,
        shown_status(host),
        offered,
        used,
        0,
        zone=host.zone,
        accel=host.accel if host.boot_id else "",
        contracted_unit_s=evidence.seconds(host.evidence.contracted_ms),
        delivered_unit_s=evidence.seconds(host.evidence.delivered_ms),
        tags=host.tags,
        image_max_mib=host.image_max_mib,
        paused=host.paused,
    )


def _clamped(values: tuple[int, int, int]) -> Capacity:
    mvcpu, mem_mib, disk_mib = (max(0, value) for value in values)
    return Capacity(mvcpu, mem_mib, disk_mib)
