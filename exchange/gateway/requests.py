"""Which handler takes which request. Pure.

A type that is not in `HANDLERS` is a command and goes straight to the engine. Handlers that need
no file of their own are here.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from exchange.gateway import channels, console_requests, image_requests, questions, sign_up_requests
from exchange.gateway.context import Context
from exchange.gateway.host_requests import (
    heartbeat,
    host_approve,
    host_done,
    host_offer,
    host_synced,
)
from exchange.gateway.login import enroll, key_revoke, log_in
from exchange.session.outbox import HistoryJob
from exchange.session.session import Session
from exchange.wire import admin_requests, requests, session_requests
from exchange.wire.console_requests import ConsoleText, VmConsole
from exchange.wire.results import Done

Handler = Callable[[Context, Session, Any, int], None]


def statement(
    context: Context, session: Session, message: requests.AccountStatement, now_ms: int
) -> None:
    """Answered by the shell, behind this batch's commit."""
    job = HistoryJob(session.number, session.account, session.codec.name, message)
    context.jobs.append(job)


def cancel_on_disconnect(
    context: Context, session: Session, message: requests.OrderCancelOnDisconnect, now_ms: int
) -> None:
    """Journalled, so that a restart of the exchange counts as a drop too."""
    if isinstance(context.command(session, message, now_ms), Done):
        session.cancels_on_drop = message.enabled


def claim(
    context: Context, session: Session, message: session_requests.SessionClaim, now_ms: int
) -> None:
    refused = context.claims.claim(session.number, session.account, message, now_ms)
    if refused is None:
        context.ack(session, message, {"names": len(message.names)})
    else:
        context.refuse(session, message, refused)


HANDLERS: Final[dict[type[Struct], Handler]] = {
    requests.Auth: log_in,
    requests.HostEnroll: enroll,
    requests.Subscribe: channels.subscribe,
    requests.Unsubscribe: channels.unsubscribe,
    requests.DirectorySearch: channels.search,
    session_requests.SessionClaim: claim,
    requests.AccountState: questions.account_state,
    requests.AccountStatement: statement,
    requests.OrderList: questions.order_list,
    requests.OrderCancelOnDisconnect: cancel_on_disconnect,
    admin_requests.AdminBalances: questions.balances,
    requests.AccountApply: sign_up_requests.apply,
    admin_requests.AdminApplications: questions.applications,
    admin_requests.AdminApprove: sign_up_requests.approve,
    admin_requests.AdminDecline: sign_up_requests.decline,
    VmConsole: console_requests.read,
    ConsoleText: console_requests.answer,
    requests.HostHeartbeat: heartbeat,
    requests.HostDone: host_done,
    requests.HostSynced: host_synced,
    requests.HostApprove: host_approve,
    requests.HostOffer: host_offer,
    admin_requests.AdminKeyRevoke: key_revoke,
    requests.ImagePut: image_requests.put,
    requests.ImageGet: image_requests.get,
    requests.ImageStat: image_requests.stat,
    requests.ImageList: questions.image_list,
    requests.ImageDelete: image_requests.delete,
}
