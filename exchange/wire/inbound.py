"""Every message a client or host may send: what `codec.py` accepts, and nothing else. Pure."""

from typing import TypeAlias

from exchange.wire.admin_requests import (
    AdminAccount,
    AdminApplications,
    AdminApprove,
    AdminBalances,
    AdminDecline,
    AdminDeposit,
    AdminHalt,
    AdminInstrument,
    AdminKey,
    AdminKeyRevoke,
    AdminKillSwitch,
    AdminLimits,
    AdminZone,
)
from exchange.wire.console_requests import ConsoleText, VmConsole
from exchange.wire.requests import (
    AccountApply,
    AccountState,
    AccountStatement,
    Auth,
    DirectorySearch,
    HostAnnounce,
    HostApprove,
    HostDone,
    HostDrain,
    HostEnroll,
    HostHeartbeat,
    HostOffer,
    HostSynced,
    HostToken,
    ImageBuy,
    ImageDelete,
    ImageGet,
    ImageList,
    ImageOffer,
    ImagePut,
    ImageStat,
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderCancelAllAfter,
    OrderCancelOnDisconnect,
    OrderList,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
    Subscribe,
    Unsubscribe,
    UsageReport,
    VmStart,
    VmStatus,
    VmStop,
)
from exchange.wire.session_requests import SessionClaim

ClientMessage: TypeAlias = (
    Auth
    | AccountApply
    | Subscribe
    | Unsubscribe
    | DirectorySearch
    | SessionClaim
    | OrderPlace
    | OrderReplace
    | OrderCancel
    | OrderMassCancel
    | OrderList
    | OrderCancelOnDisconnect
    | OrderCancelAllAfter
    | ImageOffer
    | ImageBuy
    | AccountState
    | AccountStatement
    | VmStart
    | VmStop
    | VmConsole
    | LeaseRelease
    | LeaseRecall
    | ImagePut
    | ImageGet
    | ImageStat
    | ImageList
    | ImageDelete
    | HostToken
    | HostEnroll
    | HostApprove
    | HostAnnounce
    | HostOffer
    | HostDrain
    | HostHeartbeat
    | HostDone
    | HostSynced
    | VmStatus
    | UsageReport
    | ConsoleText
    | AdminAccount
    | AdminKey
    | AdminKeyRevoke
    | AdminDeposit
    | AdminZone
    | AdminInstrument
    | AdminHalt
    | AdminKillSwitch
    | AdminLimits
    | AdminBalances
    | AdminApplications
    | AdminApprove
    | AdminDecline
)
