"""Double-entry money with two-phase holds.

Every account has ``available`` and ``held``; a hold moves money between the two (pending), a
payment posts part of it to another account, a void gives the rest back. Money enters from and
leaves to the system account ``outside``, the only one that may be negative, so the sum over all
accounts is always zero. Source: rules.md 1.1, 1.2.
"""

from exchange.model.account import Account
from exchange.units import MAX_INT

FEES = "fees"
OUTSIDE = "outside"
SYSTEM_ACCOUNTS = (FEES, OUTSIDE)


class Ledger:
    """All accounts. ``moved``: whose money changed and why, until their frames are made."""

    __slots__ = ("accounts", "moved")

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.moved: dict[Account, str] = {}
        for name in SYSTEM_ACCOUNTS:
            self.open(name, name)

    def open(self, account_id: str, name: str) -> Account:
        """Add an account without money."""
        assert account_id not in self.accounts
        account = self.accounts[account_id] = Account(account_id, name)
        return account

    def hold(self, account: Account, amount_ucr: int, why: str) -> None:
        """Set money aside. The caller has checked that it is available."""
        account.available_ucr -= amount_ucr
        account.held_ucr += amount_ucr
        self.moved.setdefault(account, why)

    def void(self, account: Account, amount_ucr: int, why: str) -> None:
        """Give held money back."""
        account.held_ucr -= amount_ucr
        account.available_ucr += amount_ucr
        self.moved.setdefault(account, why)

    def pay_held(
        self, payer: Account, payee: Account, amount_ucr: int, fee_ucr: int, why: str
    ) -> None:
        """Post held money to ``payee``, who gets it less ``fee_ucr``, which goes to ``fees``."""
        assert 0 <= fee_ucr <= amount_ucr
        payer.held_ucr -= amount_ucr
        payee.available_ucr += amount_ucr - fee_ucr
        self.accounts[FEES].available_ucr += fee_ucr
        self.moved.setdefault(payer, why)
        self.moved.setdefault(payee, why)

    def deposit(self, account: Account, amount_ucr: int) -> None:
        """Bring money in from ``outside``; a negative amount takes it out."""
        self.accounts[OUTSIDE].available_ucr -= amount_ucr
        account.available_ucr += amount_ucr
        self.moved.setdefault(account, "deposit" if amount_ucr >= 0 else "withdrawal")

    def full(self, amount_ucr: int) -> bool:
        """Return whether this deposit would make money exceed what the wire can carry.

        All money inside came from ``outside`` and nobody else owes: where that is within bounds,
        so is every other sum of money there is at one time.
        """
        return amount_ucr > 0 and amount_ucr - self.accounts[OUTSIDE].available_ucr > MAX_INT

    def total_ucr(self) -> int:
        """Return the sum over everything: zero unless the ledger is broken."""
        return sum(a.available_ucr + a.held_ucr for a in self.accounts.values())
