"""Where each thing the engine gives out goes: an account's channel, the public, or a host. Pure."""

from typing import Final

from exchange.model import commands
from exchange.wire import frames

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
    frames.VmLaunch: TO_HOST,
    frames.VmKill: TO_HOST,
    frames.HostLimit: TO_HOST,
    frames.HostSync: TO_HOST,
}
