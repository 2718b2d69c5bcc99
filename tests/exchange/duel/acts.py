"""Commands that are never refused, with what they do to the oracle.

Of hosts, of the operator and of connections: plain facts, no judgement needed. Each is put to both
sides of a `Duel` and everything is compared. Two messages that several senders build stand at the
end.
"""

from functools import partial
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
from tests.exchange.duel.referee import Duel
from tests.exchange.duel.scene import CLASSES, room_for
from tests.exchange.oracle.hosts import Host
from tests.exchange.oracle.orders import Limits
from tests.exchange.oracle.owed import Vm

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

    def effect() -> None:
        host.offer, host.announced, host.others = room_for(units), True, others
        go_live(host)
        duel.oracle.shrink_to_offer(host.name)

    duel.act(message, host.owner, host.name, effect)


def go_live(host: Host) -> None:
    """Back, heard out and its offer known."""
    if host.state == "syncing" and host.synced and host.announced:
        host.state = "live"


def offer(duel: Duel, host: Host, units: int | None) -> None:
    """The owner sets a limit, or lifts it (None)."""
    limit = None if units is None else room_for(units)

    def effect() -> None:
        host.limit = limit
        duel.oracle.shrink_to_offer(host.name)

    offered = None if limit is None else Capacity(*limit)
    duel.act(HostOffer(req_id=1, host=host.name, offered=offered), host.owner, "", effect)


def drain(duel: Duel, host: Host, *, enabled: bool) -> None:
    def effect() -> None:
        host.draining = enabled
        if enabled:
            duel.oracle.withdraw_asks(host.name, "capacity_shrunk")

    duel.act(HostDrain(req_id=1, host=host.name, enabled=enabled), host.owner, "", effect)


def silent(duel: Duel, host: Host) -> None:
    """Nothing was heard of a live or syncing host for 15 s, or since it came back."""
    since_ms = max(duel.market.now_ms - 15_000, host.heard_ms)

    def effect() -> None:
        host.state, host.synced, host.announced = "silent", False, False
        duel.oracle.withdraw_asks(host.name, "host_silent")
        duel.oracle.silence(host.name, since_ms)

    duel.act(HostSilent(host.name, since_ms), "", "", effect)


def back(duel: Duel, host: Host) -> None:
    """A silent or lost host is heard again."""
    host.heard_ms = duel.market.now_ms
    duel.act(HostBack(host.name), "", "", partial(setattr, host, "state", "syncing"))


def lost(duel: Duel, host: Host) -> None:
    """A silent host is given up."""

    def effect() -> None:
        host.state = "lost"
        duel.oracle.lose(host.name)

    duel.act(HostLost(host.name), "", "", effect)


def synced(duel: Duel, host: Host, boot: str, runs: list[Vm]) -> None:
    """A syncing host tells what it runs. The boot it had before proves that its VMs ran."""
    oracle = duel.oracle

    def effect() -> None:
        oracle.heard_out(host.name, ran=boot == host.boot)
        for vm in [vm for vm in oracle.vms.values() if vm.lease.host == host.name]:
            if vm.state == "stopping" and vm not in runs:
                oracle.gone(vm, "stopped")
        host.synced, host.boot = True, boot
        go_live(host)

    vms = [HostVm(vm_id=f"v-{vm.number}", state="running") for vm in runs]
    message = HostSynced(instruction_id="i", boot_id=boot, vms=vms)
    duel.act(message, host.owner, host.name, effect)


# --- the operator ---


def deposit(duel: Duel, account: str, amount_ucr: int, ref: str) -> None:
    """Money comes in or, as much as is there, goes out."""
    duel.advance(0)
    amount_ucr = max(amount_ucr, -duel.oracle.available(account))
    message = AdminDeposit(req_id=1, account=account, amount_ucr=amount_ucr, ref=ref)
    duel.act(message, "", "", lambda: duel.oracle.pay("outside", account, amount_ucr))


def limit(duel: Duel, account: str, limits: Limits) -> None:
    message = AdminLimits(
        req_id=1,
        account=account,
        max_qty=limits.max_qty,
        max_notional_ucr=limits.max_notional_ucr,
        max_open_orders=limits.max_open_orders,
    )
    duel.act(message, "", "", lambda: duel.oracle.limits.update({account: limits}))


def halt(duel: Duel, symbol: str, *, halted: bool) -> None:
    stopped = duel.oracle.halted
    change = stopped.add if halted else stopped.discard
    duel.act(AdminHalt(req_id=1, symbol=symbol, halted=halted), "", "", partial(change, symbol))


def kill(duel: Duel, account: str, *, enabled: bool) -> None:
    """The kill switch of one account."""
    oracle = duel.oracle

    def effect() -> None:
        (oracle.killed.add if enabled else oracle.killed.discard)(account)
        if enabled:
            oracle.cancel_all(account, "kill_switch")

    message = AdminKillSwitch(req_id=1, account=account, enabled=enabled)
    duel.act(message, "", "", effect)


# --- connections ---


def arm(duel: Duel, account: str, session: int, *, enabled: bool) -> None:
    """A connection arms or disarms cancel-on-disconnect."""
    armed = duel.oracle.armed

    def effect() -> None:
        armed.pop(session, None)
        if enabled:
            armed[session] = account

    message = OrderCancelOnDisconnect(req_id=1, enabled=enabled)
    duel.act(message, account, "", effect, session=session)


def drop(duel: Duel, session: int, *, clean: bool) -> None:
    """A connection is gone, properly closed or not."""
    effect = partial(duel.oracle.drop_session, session, clean=clean)
    duel.act(SessionDropped(session, clean), "", "", effect)


def dead_man(duel: Duel, account: str, key: str, timeout_ms: int) -> None:
    """A key arms, renews or (0) disarms its dead man's switch."""
    men, at_ms = duel.oracle.dead_men, duel.market.now_ms + timeout_ms

    def effect() -> None:
        men.pop(key, None)
        if timeout_ms:
            men[key] = (account, at_ms)

    message = OrderCancelAllAfter(req_id=1, timeout_ms=timeout_ms)
    duel.act(message, account, "", effect, key_id=key)


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
