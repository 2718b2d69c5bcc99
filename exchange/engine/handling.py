"""Handles one command: which handler takes it, and what is settled before it.

Apart from ``engine.py`` because a command's way through the engine is compiled with the rooms below
(`make dist-compiled`), and a compiled class could not be extended by source.
"""

from collections.abc import Callable
from typing import Any, Final

from exchange.engine import admin, deadlines, retention
from exchange.hosts import enrollment, owner_limits, presence
from exchange.leases import images, leasing, outages, vms
from exchange.model import emit
from exchange.model.commands import (
    AdvanceTime,
    Command,
    EnrollHost,
    Genesis,
    HostBack,
    HostLost,
    HostSilent,
    ImageDeleted,
    ImageStored,
    Out,
    SessionDropped,
    Started,
)
from exchange.model.state import State
from exchange.trading import cancels, fast_path, orders
from exchange.wire import admin_requests, requests
from exchange.wire.results import Done, Refused

Handler = Callable[[State, Command, Any], Done | Refused]


def _advance(state: State, command: Command, message: AdvanceTime) -> Done | Refused:
    """Time passed and no deadline was due: a row is written only if ended things can be
    forgotten."""
    due_ms = retention.due_ms(state) if message.forget else None
    return Done(duplicate=due_ms is None or due_ms > state.now_ms)


_NOTHING: Final[Out] = ("", Done(duplicate=True))
"""Placeholder for the reply until there is one."""

HANDLERS: Final[dict[type, Handler]] = {
    Genesis: admin.genesis,
    AdvanceTime: _advance,
    HostSilent: presence.silent,
    HostBack: presence.back,
    HostLost: presence.lost,
    EnrollHost: enrollment.enroll,
    ImageStored: images.stored,
    ImageDeleted: images.deleted,
    requests.ImageOffer: images.offer,
    requests.ImageBuy: images.buy,
    requests.OrderPlace: fast_path.place,
    requests.OrderReplace: orders.replace,
    requests.OrderCancel: fast_path.cancel,
    requests.OrderMassCancel: cancels.mass_cancel,
    requests.OrderCancelOnDisconnect: cancels.cancel_on_disconnect,
    requests.OrderCancelAllAfter: cancels.cancel_all_after,
    SessionDropped: cancels.session_dropped,
    requests.VmStart: vms.start,
    requests.VmStop: vms.stop,
    requests.LeaseRelease: leasing.release,
    requests.LeaseRecall: leasing.recall,
    requests.HostToken: enrollment.token,
    requests.HostApprove: enrollment.approve,
    requests.HostAnnounce: presence.announce,
    requests.HostOffer: owner_limits.offer,
    requests.HostDrain: presence.drain,
    requests.HostSynced: presence.synced,
    requests.VmStatus: vms.status,
    requests.UsageReport: vms.usage,
    admin_requests.AdminAccount: admin.account,
    admin_requests.AdminKey: admin.key,
    admin_requests.AdminKeyRevoke: admin.key_revoke,
    admin_requests.AdminDeposit: admin.deposit,
    admin_requests.AdminZone: admin.zone,
    admin_requests.AdminInstrument: admin.instrument,
    admin_requests.AdminHalt: admin.halt,
    admin_requests.AdminKillSwitch: admin.kill_switch,
    admin_requests.AdminLimits: admin.limits,
}


def apply(state: State, command: Command, now_ms: int) -> list[Out]:
    """As `Engine.apply`."""
    before_ms = state.now_ms
    assert now_ms >= before_ms, "time never runs backwards"
    message = command.message
    handler = HANDLERS.get(type(message))
    outs: list[Out] = [_NOTHING]
    state.outs = outs
    state.looked_at = 0
    if handler is None:
        outs[0] = ("", _start(state, message, now_ms))
        return outs
    if now_ms >= state.timers.wake_ms and deadlines.is_due(state, now_ms):
        state.seq += 1
        before_ms = now_ms
        _settle(state, now_ms)
        if type(message) is AdvanceTime:
            if message.forget and now_ms >= state.forget_ms:
                retention.forget_old(state)
            outs[0] = ("", Done())
            return outs
    state.now_ms = now_ms
    state.seq += 1
    reply = handler(state, command, message)
    outs[0] = ("", reply)
    if type(reply) is not Done or reply.duplicate:
        assert not state.ledger.moved, "a refusal changes nothing"
        state.seq -= 1
        state.now_ms = before_ms
        return outs
    if state.ledger.moved:
        emit.balances(state)
    if now_ms >= state.forget_ms:
        retention.forget_old(state)
    if len(state.done_orders) >= state.ended_orders.pack_at:
        state.ended_orders.pack(state.done_orders)
    return outs


def _start(state: State, message: Any, now_ms: int) -> Done:
    """`Started` runs before settling, the deadlines missed meanwhile at their own times."""
    assert type(message) is Started, "every other command has a handler"
    state.seq += 1
    state.epoch = message.epoch
    vms.extend_launches(state, now_ms)
    if message.down_since_ms is not None:
        outages.move_releases(state, message.down_since_ms, now_ms)
    cancels.drop_all_sessions(state)
    emit.balances(state)
    _settle(state, now_ms)
    return Done()


def _settle(state: State, now_ms: int) -> None:
    """Execute every deadline up to ``now_ms``, each at its own time."""
    while (entry := deadlines.pop(state, now_ms)) is not None:
        state.settling = entry
        at_ms, kind, number = entry
        state.now_ms = max(state.now_ms, at_ms)
        deadlines.DEADLINES[kind].run(state, number)
        emit.balances(state)
    state.settling = None
    state.now_ms = now_ms
