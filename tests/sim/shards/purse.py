"""The account shard: whose money it is, how much of it is free, and what is under way.

Pure, and small: it knows no order, no lease and no price. A shard's engine keeps the money that it
was lent as it keeps any deposit, and what is earned in a shard is there. Money is always in one
place: in the purse, in a shard, or under way between the two. So it is first taken out of one, and
put into the other when it has arrived.
"""

from typing import NamedTuple


class Transfer(NamedTuple):
    """Money on its way to ``shard``, or home when that is None."""

    shard: str | None
    account: str
    amount_ucr: int
    at_ms: int
    """When it arrives."""


class Purse:
    """The free money of every account."""

    def __init__(self) -> None:
        self.free: dict[str, int] = {}
        self.outside_ucr = 0
        """Minus all that was ever deposited, as in the engine's ledger."""
        self.moving: list[Transfer] = []

    def deposit(self, account: str, amount_ucr: int) -> None:
        """Money comes from outside; a negative amount, which must be free, leaves."""
        self.outside_ucr -= amount_ucr
        self.free[account] = self.free.get(account, 0) + amount_ucr
        assert self.free[account] >= 0

    def lend(self, shard: str, account: str, amount_ucr: int, at_ms: int) -> bool:
        """Send free money to a shard, which has it at ``at_ms``; False when there is too little."""
        if amount_ucr > self.free.get(account, 0):
            return False
        self.free[account] -= amount_ucr
        self.moving.append(Transfer(shard, account, amount_ucr, at_ms))
        return True

    def sent_home(self, account: str, amount_ucr: int, at_ms: int) -> None:
        """A shard has taken idle money out, which is free at ``at_ms``."""
        self.moving.append(Transfer(None, account, amount_ucr, at_ms))

    def arrived(self, now_ms: int) -> list[Transfer]:
        """Return what reaches a shard now; what comes home is free now."""
        here = [each for each in self.moving if each.at_ms <= now_ms]
        self.moving = [each for each in self.moving if each.at_ms > now_ms]
        for each in here:
            if each.shard is None:
                self.free[each.account] = self.free.get(each.account, 0) + each.amount_ucr
        return [each for each in here if each.shard is not None]

    def next_ms(self) -> int | None:
        return min((each.at_ms for each in self.moving), default=None)
