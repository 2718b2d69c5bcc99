"""Routes the engine's events to an account's channel, the public feed, or a host. Pure."""

from collections.abc import Iterable
from typing import Final

from exchange.model import commands
from exchange.model.commands import Out, SessionDropped
from exchange.wire import frames, instructions
from exchange.wire.frames import OrderUpdate
from exchange.wire.requests import OrderMassCancel

TO_ACCOUNT, TO_PUBLIC, TO_HOST = 0, 1, 2
ROUTES: Final[dict[type, int]] = {
    frames.OrderUpdate: TO_ACCOUNT,
    frames.BalanceUpdate: TO_ACCOUNT,
    frames.LeaseUpdate: TO_ACCOUNT,
    frames.VmUpdate: TO_ACCOUNT,
    frames.Charge: TO_ACCOUNT,
    frames.Notice: TO_ACCOUNT,
    frames.Trade: TO_PUBLIC,
    frames.InstrumentUpdate: TO_PUBLIC,
    commands.Forgotten: TO_PUBLIC,
    instructions.VmLaunch: TO_HOST,
    instructions.VmKill: TO_HOST,
    instructions.HostLimit: TO_HOST,
    instructions.HostSync: TO_HOST,
}


CANCEL_MANY: Final = frozenset({OrderMassCancel, SessionDropped})
"""Commands a client can send at any time that may end all of its orders."""


def canceled(outs: Iterable[Out]) -> int:
    """Return how many orders ended; in a cancel every `OrderUpdate` is one."""
    return sum(type(message) is OrderUpdate for _, message in outs)
