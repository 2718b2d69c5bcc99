"""Sign-up: who wants to join, until the operator decides. Pure.

An application is a wish, not a fact: it is not journalled and a restart forgets it. Approved, it
becomes an account with one trader key, journalled as the operator's own two commands. Since anybody
may apply, all of it is bounded; how often an address may, `addresses` says. Source: protocol.md,
"Operator and sign-up".
"""

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from exchange.model.commands import Refused
from exchange.session.session import Session
from exchange.wire.admin_requests import AdminAccount, AdminApprove, AdminDecline, AdminKey
from exchange.wire.requests import AccountApply

if TYPE_CHECKING:
    from exchange.gateway.gateway import Gateway

PENDING_MAX: Final = 1_000
DECIDED_MAX: Final = 1_000
"""Approvals remembered, so that asking again gives the same answer."""


class Application(Struct, frozen=True):
    """One pending application, as the operator reads it."""

    application: str
    name: str
    contact: str
    public_key: str
    side: str
    at_ms: int


class SignUps:
    """Pending applications by id, oldest first, and what was decided lately."""

    def __init__(self) -> None:
        self.pending: dict[str, Application] = {}
        self.approved: dict[str, AdminApprove] = {}
        self._ids: dict[str, str] = {}
        """Application by public key."""
        self._last_number = 0

    def add(self, message: AccountApply, epoch: int, now_ms: int) -> Application | Refused:
        """Keep an application; the same key again is the same application."""
        known = self._ids.get(message.public_key)
        if known is not None:
            return self.pending[known]
        if len(self.pending) >= PENDING_MAX:
            return Refused("busy", f"{PENDING_MAX} applications wait for the operator")
        self._last_number += 1
        # With the epoch, or after a restart an id could stand for somebody else.
        name = f"a-{epoch}-{self._last_number}"
        facts = message.name, message.contact, message.public_key, message.side
        self.pending[name] = Application(name, *facts, now_ms)
        self._ids[message.public_key] = name
        return self.pending[name]

    def remove(self, name: str) -> Application | None:
        """Take an application off the list, None when it is not there."""
        found = self.pending.pop(name, None)
        if found is not None:
            del self._ids[found.public_key]
        return found

    def approve(self, message: AdminApprove) -> None:
        """Remember what was decided."""
        self.remove(message.application)
        self.approved[message.application] = message
        if len(self.approved) > DECIDED_MAX:
            del self.approved[next(iter(self.approved))]


# --- requests ---


def apply(gateway: "Gateway", session: Session, message: AccountApply, now_ms: int) -> None:
    engine = gateway.engine
    added: Application | Refused
    if engine.key(message.public_key) is not None:
        added = Refused("invalid_field", "this public key is in use", "public_key")
    else:
        added = gateway.sign_ups.add(message, engine.epoch, now_ms)
    if isinstance(added, Refused):
        gateway.refuse(session, message, added)
    else:
        gateway.ack(session, message, {"application": added.application})


def approve(gateway: "Gateway", session: Session, message: AdminApprove, now_ms: int) -> None:
    """Open the account with the applicant's key; asked again, the answer is the same."""
    ups = gateway.sign_ups
    result = {"account": message.account, "key_id": message.key_id}
    before = ups.approved.get(message.application)
    if before is not None and (before.account, before.key_id) == (message.account, message.key_id):
        gateway.ack(session, message, result | {"duplicate": True})
        return
    refused = _open(gateway, session, message, now_ms)
    if refused is not None:
        gateway.refuse(session, message, refused)
        return
    ups.approve(message)
    gateway.ack(session, message, result | {"duplicate": False})


def _open(
    gateway: "Gateway", session: Session, message: AdminApprove, now_ms: int
) -> Refused | None:
    """Journal account and key, or return why not; checked first, so that it is both or none."""
    engine, found = gateway.engine, gateway.sign_ups.pending.get(message.application)
    if found is None:
        return _unknown(message.application)
    if engine.has_account(message.account):
        text = "this account exists; admin.key gives it another key"
        return Refused("invalid_field", text, "account")
    if engine.key(message.key_id) is not None:
        return Refused("invalid_field", "this key id is in use", "key_id")
    if engine.key(found.public_key) is not None:
        return Refused("invalid_field", "the applicant's public key is in use", "application")
    opened = gateway.internal(
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
    added = gateway.internal(key, now_ms, session.account)
    assert not isinstance(added, Refused), "key and account were checked"
    return None


def decline(gateway: "Gateway", session: Session, message: AdminDecline, now_ms: int) -> None:
    """Forget an application; the applicant may apply again."""
    if gateway.sign_ups.remove(message.application) is None:
        gateway.refuse(session, message, _unknown(message.application))
    else:
        gateway.ack(session, message, {"application": message.application})


def _unknown(name: str) -> Refused:
    return Refused("invalid_field", f"no application {name!r} is pending", "application")
