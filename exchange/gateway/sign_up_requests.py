"""Handles applications for accounts and the operator's decisions on them. Pure.

Pending applications are in `session.sign_ups`. Source: protocol.md, "Operator and sign-up".
"""

from exchange.gateway.context import Context
from exchange.session.session import Session
from exchange.session.sign_ups import Application
from exchange.wire.admin_requests import AdminAccount, AdminApprove, AdminDecline, AdminKey
from exchange.wire.requests import AccountApply
from exchange.wire.results import Refused


def apply(context: Context, session: Session, message: AccountApply, now_ms: int) -> None:
    engine = context.engine
    added: Application | Refused
    if engine.key(message.public_key) is not None:
        added = Refused("invalid_field", "this public key is in use", "public_key")
    else:
        added = context.sign_ups.add(message, engine.epoch, now_ms)
    if isinstance(added, Refused):
        context.refuse(session, message, added)
    else:
        context.ack(session, message, {"application": added.application})


def approve(context: Context, session: Session, message: AdminApprove, now_ms: int) -> None:
    """Open the account with the applicant's key; asked again, the answer is the same."""
    ups = context.sign_ups
    result = {"account": message.account, "key_id": message.key_id}
    before = ups.approved.get(message.application)
    if before is not None and (before.account, before.key_id) == (message.account, message.key_id):
        context.ack(session, message, result | {"duplicate": True})
        return
    refused = _open(context, session, message, now_ms)
    if refused is not None:
        context.refuse(session, message, refused)
        return
    ups.approve(message)
    context.ack(session, message, result | {"duplicate": False})


def _open(context: Context, session: Session, message: AdminApprove, now_ms: int) -> Refused | None:
    """Journal account and key, or return why not; all checks come first, so that it is both or
    none."""
    engine, found = context.engine, context.sign_ups.pending.get(message.application)
    if found is None:
        return _unknown(message.application)
    if engine.has_account(message.account):
        text = "this account exists; admin.key gives it another key"
        return Refused("invalid_field", text, "account")
    if engine.key(message.key_id) is not None:
        return Refused("invalid_field", "this key id is in use", "key_id")
    if engine.key(found.public_key) is not None:
        return Refused("invalid_field", "the applicant's public key is in use", "application")
    opened = context.internal(
        AdminAccount(req_id=message.req_id, account=message.account, name=found.name),
        now_ms,
        session.account,
    )
    if isinstance(opened, Refused):
        return opened
    key = AdminKey(
        req_id=message.req_id,
        account=message.account,
        key_id=message.key_id,
        public_key=found.public_key,
        role="trader",
    )
    added = context.internal(key, now_ms, session.account)
    assert not isinstance(added, Refused), "key and account were checked"
    return None


def decline(context: Context, session: Session, message: AdminDecline, now_ms: int) -> None:
    """Remove an application; the applicant may apply again."""
    if context.sign_ups.remove(message.application) is None:
        context.refuse(session, message, _unknown(message.application))
    else:
        context.ack(session, message, {"application": message.application})


def _unknown(name: str) -> Refused:
    return Refused("invalid_field", f"no application {name!r} is pending", "application")
