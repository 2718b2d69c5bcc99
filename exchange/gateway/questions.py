"""Questions whose answer may be longer than a frame: read in pages. Pure.

They are not journalled, but answered in order with everything else. Source: docs/protocol.md,
"How long a frame is".
"""

from typing import Any, Final

from exchange.engine import account_pages
from exchange.gateway.context import Context
from exchange.session.session import Session
from exchange.wire import admin_requests, paging, requests
from exchange.wire.results import Refused
from exchange.wire.types import PAGE_ROWS_MAX, Paged

_UNKNOWN_APPLICATION: Final = Refused("invalid_field", "no application's id", "after")


def whole_account(context: Context, session: Session) -> dict[str, Any] | Refused:
    """Return the session's account in one frame, or a refusal when it is too long for one."""
    account = session.account
    made = context.engine.account_page(account, account_pages.KINDS, None, PAGE_ROWS_MAX)
    _pay_looks(context, session)
    assert not isinstance(made, Refused), "the first page has no cursor"
    rows, following = made
    return _stands(context, account) | rows if following is None else paging.TOO_LONG


def account_state(
    context: Context, session: Session, message: requests.AccountState, now_ms: int
) -> None:
    _account(context, session, message, account_pages.KINDS, _stands(context, session.account))


def order_list(
    context: Context, session: Session, message: requests.OrderList, now_ms: int
) -> None:
    _account(context, session, message, ("orders",), {})


def image_list(
    context: Context, session: Session, message: requests.ImageList, now_ms: int
) -> None:
    kinds = account_pages.FOR_SALE if message.for_sale else ("images",)
    _account(context, session, message, kinds, {})


def balances(
    context: Context, session: Session, message: admin_requests.AdminBalances, now_ms: int
) -> None:
    made = context.engine.balance_page(message.after, message.limit or PAGE_ROWS_MAX)
    _pay_looks(context, session)
    if isinstance(made, Refused):
        context.refuse(session, message, made)
    else:
        _answer(context, session, message, {"balances": made[0]}, made[1])


def applications(
    context: Context, session: Session, message: admin_requests.AdminApplications, now_ms: int
) -> None:
    after = "0" if message.after is None else message.after.rpartition("-")[2]
    if not after.isdecimal():
        context.refuse(session, message, _UNKNOWN_APPLICATION)
        return
    # Their ids end with a growing number, so a cursor keeps its place even when its row is gone.
    waiting = context.sign_ups.pending.items()
    rows = ((name, row) for name, row in waiting if int(name.rpartition("-")[2]) > int(after))
    found, following = paging.page(rows, message.limit or PAGE_ROWS_MAX)
    _answer(context, session, message, {"applications": found}, following)


def _stands(context: Context, account: str) -> dict[str, Any]:
    engine = context.engine
    return {"account_seq": engine.account_seq(account), "balances": engine.balance(account)}


def _pay_looks(context: Context, session: Session) -> None:
    """A page costs its bytes and the rows that were scanned to find it."""
    context.limits.rows_looked_at(session, context.engine.looked_at, context.now_ms)


def _account(
    context: Context,
    session: Session,
    message: Paged,
    kinds: tuple[str, ...],
    stands: dict[str, Any],
) -> None:
    limit = message.limit or PAGE_ROWS_MAX
    made = context.engine.account_page(session.account, kinds, message.after, limit)
    _pay_looks(context, session)
    if isinstance(made, Refused):
        context.refuse(session, message, made)
    else:
        _answer(context, session, message, stands | made[0], made[1])


def _answer(
    context: Context,
    session: Session,
    message: Paged,
    result: dict[str, Any],
    following: str | None,
) -> None:
    answer = paging.answered(message, result, following)
    if isinstance(answer, Refused):
        context.refuse(session, message, answer)
    else:
        context.ack(session, message, answer)
