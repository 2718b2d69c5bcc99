"""Commands that are never refused.

Of hosts, of the operator and of connections: plain facts, no judgement needed. Each is put to both
sides of a `Duel` and everything is compared. Two messages that several senders build stand at the
end.
"""

from typing import Final

from exchange.model.commands import HostBack, HostLost, HostSilent, SessionDropped
from exchange.wire.admin_requests import AdminDeposit, AdminHalt, AdminKillSwitch, AdminLimits
from exchange.wire.requests import (
    HostAnnounce,
    HostDrain,
    HostOffer,
    HostSynced,
    HostVm,
    OrderCancelAllAfter,
    OrderCancelOnDisconnect,
    OrderPlace,
    UsageReport,
)
from exchange.wire.types import Capacity, HostLimits, Side
from sim.oracle.hosts import Host
from sim.oracle.orders import Limits
from sim.oracle.owed import Vm
from tests.exchange.duel.referee import Duel
from tests.exchange.duel.scene import CLASSES, room_for

OTHERS: Final = (None, (60, 64), None, (5, 64), None, None, (2_000, 49), None, None)
"""Ports and MiB of the largest image: enough, few ports, none said, and an image too small."""

# --- hosts ---


def announce(duel: Duel, host: Host, units: int, boot: str) -> None:
    """A host says what it offers: room for so many units of class small; some say what else."""
    room, others = Capacity(*room_for(units)), OTHERS[units % len(OTHERS)]
    limits = None if others is None else HostLimits(ports=others[0], image_mib=others[1])
    message = HostAnnounce(
        req_id=1,
        capacity=room,
        offered=room,
        classes=CLASSES,
        cpu_model="test",
        accel="simulated",
        agent_version="1",
        boot_id=boot,
        limits=limits,
    )
    duel.act(message, host.owner, host.name)


def offer(duel: Duel, host: Host, units: int | None) -> None:
    """The owner sets a limit, or lifts it (None)."""
    limit = None if units is None else room_for(units)
    offered = None if limit is None else Capacity(*limit)
    duel.act(HostOffer(req_id=1, host=host.name, offered=offered), host.owner)


def drain(duel: Duel, host: Host, *, enabled: bool) -> None:
    duel.act(HostDrain(req_id=1, host=host.name, enabled=enabled), host.owner)


def silent(duel: Duel, host: Host) -> None:
    """Nothing was heard of a live or syncing host for 15 s, or since it came back."""
    since_ms = max(duel.market.now_ms - 15_000, host.heard_ms)
    duel.act(HostSilent(host.name, since_ms), "")


def back(duel: Duel, host: Host) -> None:
    """A silent or lost host is heard again."""
    duel.act(HostBack(host.name))


def lost(duel: Duel, host: Host) -> None:
    """A silent host is given up."""
    duel.act(HostLost(host.name), "")


def synced(duel: Duel, host: Host, boot: str, runs: list[Vm]) -> None:
    """A syncing host tells what it runs. The boot it had before proves that its VMs ran."""
    vms = [HostVm(vm_id=f"v-{vm.number}", state="running") for vm in runs]
    message = HostSynced(instruction_id="i", boot_id=boot, vms=vms)
    duel.act(message, host.owner, host.name)


# --- the operator ---


def deposit(duel: Duel, account: str, amount_ucr: int, ref: str) -> None:
    """Money comes in or, as much as is there, goes out."""
    duel.advance(0)
    amount_ucr = max(amount_ucr, -duel.oracle.available(account))
    message = AdminDeposit(req_id=1, account=account, amount_ucr=amount_ucr, ref=ref)
    duel.act(message)


def limit(duel: Duel, account: str, limits: Limits) -> None:
    message = AdminLimits(
        req_id=1,
        account=account,
        max_qty=limits.max_qty,
        max_notional_ucr=limits.max_notional_ucr,
        max_open_orders=limits.max_open_orders,
    )
    duel.act(message)


def halt(duel: Duel, symbol: str, *, halted: bool) -> None:
    duel.act(AdminHalt(req_id=1, symbol=symbol, halted=halted))


def kill(duel: Duel, account: str, *, enabled: bool) -> None:
    """The kill switch of one account."""
    message = AdminKillSwitch(req_id=1, account=account, enabled=enabled)
    duel.act(message, "")


# --- connections ---


def arm(duel: Duel, account: str, session: int, *, enabled: bool) -> None:
    """A connection arms or disarms cancel-on-disconnect."""
    message = OrderCancelOnDisconnect(req_id=1, enabled=enabled)
    duel.act(message, account, session=session)


def drop(duel: Duel, session: int, *, clean: bool) -> None:
    """A connection is gone, properly closed or not."""
    duel.act(SessionDropped(session, clean), "")


def dead_man(duel: Duel, account: str, key: str, timeout_ms: int) -> None:
    """A key arms, renews or (0) disarms its dead man's switch."""
    message = OrderCancelAllAfter(req_id=1, timeout_ms=timeout_ms)
    duel.act(message, account, key_id=key)


# --- messages ---


def limit_order(
    name: str, symbol: str, side: Side, qty: int, price_ucr: int, host: str | None = None
) -> OrderPlace:
    """A limit order, an ask on one host if it is named."""
    return OrderPlace(
        req_id=1,
        client_order_id=name,
        symbol=symbol,
        side=side,
        order_type="limit",
        qty=qty,
        price_ucr=price_ucr,
        hosts=None if host is None else [host],
    )


def reading(duel: Duel, vm: Vm, boot: str, cpu_ms_total: int) -> UsageReport:
    """What a host reads of a VM now."""
    return UsageReport(
        req_id=1,
        vm_id=f"v-{vm.number}",
        boot=boot,
        at_ms=duel.market.now_ms,
        cpu_ms_total=cpu_ms_total,
        mem_mib=100,
        net_rx_total=1,
        net_tx_total=1,
    )
