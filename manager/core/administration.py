"""What the administrator does by hand while the rules run: buy, give back, everything off. Pure.

Source: manager.md, "While it runs".
"""

from collections.abc import Callable, Iterable

from exchange.units import count_text
from manager.core.bids import rule_of
from manager.core.burst import Bursts
from manager.core.hand import whose
from manager.core.outgoing import Outgoing
from manager.core.purchase import Purchases
from manager.core.rented import RentedUnits
from manager.core.rule import Rule
from manager.core.rule_state import Reading
from manager.core.rules import Rules


class Administration:
    """Acts on the parts of the core; see `Manager.administer`."""

    def __init__(
        self,
        outgoing: Outgoing,
        rented: RentedUnits,
        purchases: Purchases,
        bursts: Bursts,
        rules: Rules,
        reading: Callable[[], Reading],
    ) -> None:
        self._outgoing = outgoing
        self._rented = rented
        self._purchases = purchases
        self._bursts = bursts
        self._rules = rules
        self._reading = reading

    def buy(self, rule: Rule, units: int) -> tuple[str, ...]:
        """Buy for a `hand_rule`; return why not, () if it is done."""
        if (held := self._rules.held(rule)) is not None:
            return held
        if self._rules.room(rule, self._reading()) < units:
            return (self._rules.bound(rule, self._reading()).text(),)
        self._purchases.buy(rule, units)
        self._outgoing.log("by_hand", f"by hand: buy {count_text(units, 'unit')} for VM {rule.vm}")
        return ()

    def end(self, name: str) -> int:
        """Give back what was bought under ``name``, cancel its bids; return how many units go."""
        canceled = self._purchases.cancel_resting(name)
        units = self._bursts.end(name)
        if units or canceled:
            self._outgoing.log("by_hand", f"{whose(name)}: all goes: {count_text(units, 'unit')}")
        return units

    def end_all(self, names: Iterable[str] | None = None) -> int:
        """Do so for each of ``names``; without them for all there are."""
        if names is None:
            found = [lease.rule for lease in self._rented.leases.values()]
            found += [rule_of(order.client_order_id) for order in self._purchases.orders()]
            names = dict.fromkeys(found)
        return sum([self.end(name) for name in names])
