"""The engine's input and output: journalled commands, and outs with an address.

A `Command` is one row of the journal. Its message is a client's request or one of the exchange's
own messages below. The engine answers with a list of `Out`: first the reply, then everything that
happened, in order. Source: rules.md 7.1.
"""

from typing import TypeAlias

from msgspec import Struct

from exchange.model.config import ExchangeConfig
from exchange.wire import admin_requests, frames, requests, types
from exchange.wire.instructions import Instruction
from exchange.wire.results import Done, FillRow, Refused


class Internal(Struct, tag_field="type", frozen=True, omit_defaults=True):
    """A message the exchange itself journals; never accepted from the wire."""


class Started(Internal, tag="started", frozen=True):
    """First command of every run; the only one that runs before settling (rules.md 6.4).

    ``down_since_ms``: the last time that the run before is known to have lived. Scheduled releases
    move because of it; rows of earlier releases have none and moved none.
    """

    epoch: int
    down_since_ms: int | None = None


class Genesis(Internal, tag="genesis", frozen=True):
    """Row 1 of every journal: the configuration and the first operator's key (base64)."""

    config: ExchangeConfig
    operator_key: str


class AdvanceTime(Internal, tag="advance_time", frozen=True):
    """Time has passed: deadlines up to the command's time settle.

    ``forget``: also remove what ended 24 h ago; rows of earlier releases did not do that.
    """

    forget: bool = False


class SessionDropped(Internal, tag="session_dropped", frozen=True):
    """A connection that had armed cancel-on-disconnect is gone.

    ``clean``: the client closed it with code 1000, so nothing is canceled.
    """

    session: int
    clean: bool = False


class HostSilent(Internal, tag="host_silent", frozen=True):
    """No heartbeat since ``since_ms``."""

    host: str
    since_ms: int


class HostBack(Internal, tag="host_back", frozen=True):
    host: str


class HostLost(Internal, tag="host_lost", frozen=True):
    host: str


class EnrollHost(Internal, tag="enroll_host", frozen=True):
    """A ``host.enroll`` whose secret was replaced by its SHA-256 before it reached the core."""

    token_sha256: str
    name: str
    hardware_id: str
    public_key: str
    take_over: bool | None = None


class ImageStored(Internal, tag="image_stored", frozen=True):
    """All bytes arrived and the digest agrees; ``account`` may use it."""

    account: str
    sha256: str
    size: int
    format: str


class ImageDeleted(Internal, tag="image_deleted", frozen=True):
    account: str
    sha256: str


JournalMessage: TypeAlias = (
    Genesis
    | Started
    | AdvanceTime
    | SessionDropped
    | HostSilent
    | HostBack
    | HostLost
    | EnrollHost
    | ImageStored
    | ImageDeleted
    | requests.OrderPlace
    | requests.OrderReplace
    | requests.OrderCancel
    | requests.OrderMassCancel
    | requests.OrderCancelOnDisconnect
    | requests.OrderCancelAllAfter
    | requests.ImageOffer
    | requests.ImageBuy
    | requests.VmStart
    | requests.VmStop
    | requests.LeaseRelease
    | requests.LeaseRecall
    | requests.HostToken
    | requests.HostApprove
    | requests.HostAnnounce
    | requests.HostOffer
    | requests.HostDrain
    | requests.HostSynced
    | requests.VmStatus
    | requests.UsageReport
    | admin_requests.AdminAccount
    | admin_requests.AdminKey
    | admin_requests.AdminKeyRevoke
    | admin_requests.AdminDeposit
    | admin_requests.AdminZone
    | admin_requests.AdminInstrument
    | admin_requests.AdminHalt
    | admin_requests.AdminKillSwitch
    | admin_requests.AdminLimits
)


class Command(Struct, frozen=True, gc=False, omit_defaults=True):
    """One journalled command. ``account`` comes from the key, never from the message.

    ``host`` is set when a host's key sent it; ``session`` numbers the connection within the
    current epoch (0: none).
    """

    account: str
    host: str
    session: int
    message: JournalMessage
    key_id: str = ""
    """Which of the account's keys sent it."""


SYSTEM = Command("", "", 0, AdvanceTime())
"""The sender of the exchange's own commands."""


class Forgotten(Internal, tag="forgotten", frozen=True):
    """An instrument is gone: drop everything kept under its symbol. Not sent to clients."""

    symbol: str


Event: TypeAlias = (
    frames.AccountFrame | frames.Trade | frames.InstrumentUpdate | Instruction | Forgotten
)
Out: TypeAlias = tuple[str, Done | Refused | Event]
"""(address, message). The reply, always first, is addressed to "". An `AccountFrame` is addressed
to an account, a `Trade`, `InstrumentUpdate` or `Forgotten` to a symbol, an `Instruction` to a host
id."""


def shown_fills(fills: list[FillRow] | None) -> tuple[list[FillRow], int | None]:
    """Return the fills that one answer holds, and how many it leaves out (None for none)."""
    rows = fills[: types.FILLS_TOLD_MAX] if fills else []
    return rows, len(fills or ()) - len(rows) or None
