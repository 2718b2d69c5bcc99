"""The lines of a Manager's log: those of its core, and one function for each other event. Pure.

The events are listed in manager.md, "The log". Of a stored VM only its name is logged, never its
user data.
"""

from typing import Final

from exchange.log.line import Level, LogLine, line
from exchange.units import count_text, credits_text
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
from manager.core.messages import (
    DrainBackend,
    Listen,
    Log,
    LogEvent,
    ManagerRequest,
    Out,
    RegisterBackend,
    RemoveBackend,
    Send,
    Unlisten,
)

LEVELS: Final[dict[LogEvent, Level]] = {
    "fired": "info",
    "idle": "info",
    "limited": "warning",
    "budget_used": "warning",
    "order_refused": "warning",
    "bid_rests": "info",
    "falls_back": "info",
    "buys_ahead": "info",
    "price_below_tick": "warning",
    "leased": "info",
    "adopted": "info",
    "lease_ended": "info",
    "notice": "warning",
    "in_service": "info",
    "balancer_differs": "warning",
    "not_fit": "warning",
    "vm_not_started": "warning",
    "vm_ready": "info",
    "vm_ended": "warning",
    "release_refused": "warning",
    "not_scheduled": "warning",
    "backing_off": "warning",
    "host_avoided": "warning",
    "rule_stopped": "error",
    "resumed": "info",
    "blocked": "warning",
    "unblocked": "info",
    "by_hand": "info",
    "load_stale": "warning",
    "load_fresh": "info",
    "ask_refused": "warning",
    "not_limited": "warning",
}


def of_out(out: Out) -> LogLine | None:
    """Return what to say of what the core asks for."""
    match out:
        case Log(text, event):
            return line(LEVELS[event], event, text)
        case Send(request):
            return _of_request(request)
        case RegisterBackend():
            text = f"{out.server}: joins {out.backend} as {out.address}:{out.port} once healthy"
            return line("info", "joining", text, server=out.server, backend=out.backend)
        case DrainBackend(server):
            return line("info", "draining", f"{server}: drains", server=server)
        case RemoveBackend(server):
            return line("info", "removed", f"{server}: out of the balancer", server=server)
        case Listen() | Unlisten():
            return None


def _of_request(request: ManagerRequest) -> LogLine:
    match request:
        case OrderPlace(side="sell") | OrderReplace() | HostOffer() | LeaseRecall():
            return _of_sale(request)
        case OrderPlace():
            price = credits_text(request.price_ucr or 0)
            text = (
                f"order {request.client_order_id}: {request.qty} of {request.symbol} up to {price}"
            )
            order = request.client_order_id
            return line("info", "order", text, order=order, symbol=request.symbol, qty=request.qty)
        case OrderCancel():
            order = request.client_order_id or ""
            return line("info", "cancel", f"order {order}: cancel", order=order)
        case VmStart():
            text = f"start VM {request.name} on {request.lease_id}"
            return line("info", "vm_start", text, lease=request.lease_id, vm=request.name)
        case VmStop():
            return line("info", "vm_stop", f"stop VM {request.vm_id}", vm=request.vm_id)
        case LeaseRelease():
            return _of_release(request)
        case DirectorySearch():
            text = f"look who else offers {request.class_} in {request.zone}"
            return line("debug", "look", text)
        case ImageStat():
            return line("debug", "look", f"look for image {request.sha256[:12]}")


def _of_sale(request: OrderPlace | OrderReplace | HostOffer | LeaseRecall) -> LogLine:
    """Asks come and go all the time, so that is for whoever looks closely."""
    match request:
        case OrderPlace() | OrderReplace():
            order, price = request.client_order_id or "", credits_text(request.price_ucr or 0)
            text = f"ask {order}: {count_text(request.qty or 0, 'unit')} at {price}"
            return line("debug", "ask", text, order=order, qty=request.qty or 0)
        case HostOffer():
            below = request.residual_below_pct
            what = "no threshold" if below is None else f"only below {below} % own load"
            if request.image_max_mib is not None:
                what += f", images up to {request.image_max_mib} MiB"
            return line("info", "host_limit", f"{request.host}: {what}", host=request.host)
        case LeaseRecall():
            lease = request.lease_id
            return line("info", "recall", f"{lease}: recalled", lease=lease)


def _of_release(request: LeaseRelease) -> LogLine:
    lease = request.lease_id
    if request.at_ms is not None:
        text = f"{lease}: release scheduled again, in case this Manager dies"
        return line("debug", "release_scheduled", text, lease=lease, at_ms=request.at_ms)
    units = "all" if request.units is None else str(request.units)
    what = "all units" if request.units is None else count_text(request.units, "unit")
    return line("info", "release", f"{lease}: release {what}", lease=lease, units=units)


def started(version: str, url: str, account: str, rules: int) -> LogLine:
    text = f"headroom {version}: account {account}: {count_text(rules, 'rule')} at work"
    return line("info", "started", text, version=version, url=url, account=account, rules=rules)


def stopped() -> LogLine:
    text = "stopped; leases end by their schedule unless a Manager goes on with them"
    return line("info", "stopped", text)


def left_behind(limit_s: float) -> LogLine:
    text = f"stopped after {limit_s:g} s without waiting for what hangs"
    return line("warning", "left_behind", text)


def warned(text: str) -> LogLine:
    """Something in manager.toml is allowed but odd."""
    return line("warning", "config", f"warning: {text}")


def connected() -> LogLine:
    return line("info", "connected", "connected again")


def disconnected(reason: str) -> LogLine:
    return line("warning", "disconnected", f"disconnected: {reason}", reason=reason)


def another_manager(why: str) -> LogLine:
    """``why`` "": it is gone."""
    if why:
        text = f"another Manager is at work with these rules: {why}; this one waits"
        return line("error", "another_manager", text, reason=why)
    return line("info", "takes_over", "the other Manager is gone; this one goes on")


def unsubscribed(channel: str, reason: str) -> LogLine:
    text = f"no longer told of {channel}: {reason}"
    return line("warning", "unsubscribed", text, channel=channel, reason=reason)


def account_reset(reason: str) -> LogLine:
    text = f"the account's frames have a gap, it is read anew: {reason}"
    return line("warning", "account_reset", text, reason=reason)


def account_unread(why: str) -> LogLine:
    return line("warning", "account_unread", f"the account cannot be read: {why}", reason=why)


def charges_unread(why: str) -> LogLine:
    text = f"this month's charges cannot be read, budgets count from now on: {why}"
    return line("warning", "charges_unread", text, reason=why)


def load(trouble: str) -> LogLine:
    """``trouble`` "": there is a figure again."""
    if trouble:
        return line("warning", "load_lost", trouble, reason=trouble)
    return line("info", "load_back", "the load is known again")


def unknown(request: str, why: str) -> LogLine:
    text = f"{request}: outcome unknown: {why}"
    return line("warning", "outcome_unknown", text, request=request, reason=why)


def balancer(server: str, what: str, why: str) -> LogLine:
    text = f"{server}: not {what}: {why}"
    return line("warning", f"not_{what}", text, server=server, reason=why)


def balancer_gone(trouble: str) -> LogLine:
    """``trouble`` "": it answers again."""
    if trouble:
        text = f"the balancer does not answer: {trouble}; servers join and leave when it does"
        return line("error", "balancer_gone", text, reason=trouble)
    return line("info", "balancer_back", "the balancer answers again")


def reloaded(rules: int, changes: list[str]) -> LogLine:
    """``changes``: what is new in the file, a few words each."""
    what = ", ".join(changes) or "nothing has changed"
    text = f"the file was read again: {what}; {count_text(rules, 'rule')} at work"
    return line("info", "reloaded", text, rules=rules)


def not_reloaded(why: str) -> LogLine:
    text = f"the file was read again and nothing was changed: {why}"
    return line("error", "not_reloaded", text, reason=why)


def no_control(why: str) -> LogLine:
    return line("warning", "no_control", f"no control socket: {why}", reason=why)


def alerts(trouble: str) -> LogLine:
    """``trouble`` "": they get out again."""
    if trouble:
        text = f"alerts do not get out: {trouble}"
        return line("error", "alerts_lost", text, reason=trouble)
    return line("info", "alerts_back", "alerts get out again")


def web(trouble: str) -> LogLine:
    """``trouble`` "": it serves again."""
    if trouble:
        text = f"the terminal for browsers does not serve: {trouble}; it is started again"
        return line("error", "web_gone", text, reason=trouble)
    return line("info", "web_back", "the terminal for browsers serves again")


def vm_damaged(why: str) -> LogLine:
    return line("error", "vm_damaged", f"stored VM {why}", reason=why)
