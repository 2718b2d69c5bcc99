"""Chooses among all rules which one fires now, and how much it may do.

Buy wins over release: while any buying rule wants to fire, cooled down or not, nothing is given
back. A purchase is cut to ``max_units`` (units on order, booting and on their way out count) and to
what is left of ``budget_day``; draining units are taken back before new ones are bought. Pure.
Source: manager.md, "Rule guards".
"""

from collections.abc import Callable, Sequence

from exchange.units import MAX_QTY
from manager.core.budget import Budget
from manager.core.burst import Bursts
from manager.core.outgoing import Outgoing
from manager.core.purchase import Purchases
from manager.core.rented import RentedUnits
from manager.core.rule import Buy, BuyTo, Release, Rule
from manager.core.rule_state import (
    Reading,
    RuleState,
    confirmed,
    due_ms,
    held_from_ms,
    new_state,
    observe,
)
from manager.core.standing import RuleStatus, Standing


class Rules:
    """The state of every rule. ``reading`` is called again after each rule that fired."""

    def __init__(
        self,
        outgoing: Outgoing,
        rules: Sequence[Rule],
        reading: Callable[[], Reading],
        rented: RentedUnits,
        purchases: Purchases,
        bursts: Bursts,
        budget: Budget,
        standing: Standing,
    ) -> None:
        self._outgoing = outgoing
        self._rules = [(rule, new_state(rule)) for rule in rules]
        self._reading = reading
        self._rented = rented
        self._purchases = purchases
        self._bursts = bursts
        self._budget = budget
        self._standing = standing
        self._evaluated_ms = -1

    def watched(self) -> list[tuple[Rule, RuleState]]:
        """Return every rule and what is known of it, for readers."""
        return list(self._rules)

    def held(self, rule: Rule) -> tuple[str, ...] | None:
        """Say why a purchase for ``rule`` may not be made now, ``None`` when it may."""
        status = self._standing.held_back(rule)
        if not self._outgoing.online:
            return (self._standing.offline,)
        return None if status is None else status.reasons

    def replace(self, rules: Sequence[Rule]) -> None:
        """Go by other rules; a condition that is as before keeps the time it has held."""
        before = {rule.name: (rule, state) for rule, state in self._rules}
        self._rules = [(rule, _continued(rule, before.get(rule.name))) for rule in rules]

    def evaluate(self) -> None:
        """Fire what is due. Without a connection conditions are watched but nothing fires."""
        self._evaluated_ms = self._outgoing.now_ms
        reading = self._observe()
        if self._outgoing.online:
            self._hold_back()
        if self._outgoing.online and any(self._held(rule, state) for rule, state in self._rules):
            fired = self._fire_all(reading)
            if fired:
                self._observe()

    def next_deadline_ms(self) -> int | None:
        """Return the first moment at which a duration or cool-down ends, if nothing changes.

        What was due already and could not act (a guard, a full farm) waits for a message.
        """
        dues = (self._due_ms(rule, state) for rule, state in self._rules if not rule.paused)
        return min(
            (due for due in dues if due is not None and due > self._evaluated_ms), default=None
        )

    def states(self) -> list[RuleStatus]:
        """Return how every rule stands now."""
        return [self._standing.status(rule, state) for rule, state in self._rules]

    def _due_ms(self, rule: Rule, state: RuleState) -> int | None:
        """Return the first moment the rule may fire; a pause that ends later counts too."""
        due = due_ms(rule, state)
        held = self._standing.held_back(rule)
        if due is None or held is None or held.until_ms is None:
            return due
        return max(due, held.until_ms)

    def fired_before(self, rule_name: str, at_ms: int) -> None:
        """An order of the rule shows that it fired at ``at_ms``, maybe before a restart."""
        for rule, state in self._rules:
            if rule.name == rule_name and at_ms <= self._outgoing.now_ms:
                state.fired_ms = max(state.fired_ms or 0, at_ms)

    def charged(self, rule_name: str) -> None:
        """After a charge: give back what the budget no longer pays for, most expensive first."""
        for rule, _ in self._rules:
            if rule.name == rule_name and rule.budget_day_ucr is not None:
                spent_ucr = self._budget.spent_ucr(rule.name, self._outgoing.now_ms)
                units = self._bursts.keep_within(rule.name, rule.budget_day_ucr - spent_ucr)
                if units:
                    self._outgoing.log(
                        "budget_used", f"rule {rule.name}: budget_day is used up: {units} units go"
                    )

    def _observe(self) -> Reading:
        reading = self._reading()
        for rule, state in self._rules:
            observe(rule, state, reading, self._outgoing.now_ms)
        return reading

    def _hold_back(self) -> None:
        """Cancel what rests for a rule that may not buy any more."""
        for rule, state in self._rules:
            held = self._standing.held_back(rule) is not None
            if held and not state.held_back:
                self._purchases.cancel_resting(rule.name)
            state.held_back = held

    def _held(self, rule: Rule, state: RuleState) -> bool:
        held_ms = None if rule.paused else held_from_ms(rule, state)
        return held_ms is not None and held_ms <= self._outgoing.now_ms

    def _fire_all(self, reading: Reading) -> bool:
        """Let the buying rules act, and only if none wants to, the releasing ones."""
        fired = buying = False
        for wants_buying in (True, False):
            for rule, state in self._rules:
                wants = rule.buys == wants_buying and self._held(rule, state)
                outdone = buying and not wants_buying
                if not wants or outdone or not confirmed(rule, reading):
                    continue
                buying = buying or rule.buys
                if self._cooled(rule, state) and self._fire(rule, state, reading):
                    fired = True
                    reading = self._reading()
        return fired

    def _cooled(self, rule: Rule, state: RuleState) -> bool:
        return state.fired_ms is None or self._outgoing.now_ms >= state.fired_ms + rule.cooldown_ms

    def _fire(self, rule: Rule, state: RuleState, reading: Reading) -> bool:
        """Act; a rule that could do nothing has not fired, and reports that once."""
        match rule.action:
            case Buy(units):
                done = self._buy(rule, units, reading)
            case BuyTo(units):
                done = self._buy(rule, units - reading.bought, reading)
            case Release(units):
                done = self._release(rule, units)
        why = " and ".join(condition.text for condition in rule.conditions)
        if done:
            state.fired_ms = self._outgoing.now_ms
            self._outgoing.log("fired", f"rule {rule.name}: {why}: {done}")
        elif rule.buys and not state.told_idle:
            held = self._standing.held_back(rule)
            limit = "nothing more within its limits" if held is None else held.reasons[0]
            self._outgoing.log("idle", f"rule {rule.name}: {why}: {limit}")
        state.told_idle = not done
        return bool(done)

    def _buy(self, rule: Rule, wanted: int, reading: Reading) -> str:
        taken = self._bursts.take_back(wanted) if wanted > 0 else 0
        units = min(wanted - taken, self.room(rule, reading))
        if units > 0:
            self._purchases.buy(rule, units)
        parts = [f"take back {taken}"] if taken else []
        parts += [f"buy {units}"] if units > 0 else []
        return ", ".join(parts)

    def room(self, rule: Rule, reading: Reading) -> int:
        """Return how many more units the rule may buy."""
        if self._standing.held_back(rule) is not None:
            return 0
        room = MAX_QTY if rule.max_units is None else rule.max_units - reading.paid
        if rule.budget_day_ucr is not None:
            held_ucr = self._rented.held_ucr(rule.name) + self._purchases.held_ucr(rule.name)
            affordable = self._budget.affordable(
                rule.name, rule.budget_day_ucr, held_ucr, rule.price_max_ucr, self._outgoing.now_ms
            )
            room = min(room, affordable)
        return max(0, room)

    def _release(self, rule: Rule, wanted: int | None) -> str:
        canceled = self._purchases.cancel_resting()
        units = self._bursts.give_back(wanted, rule.vm)
        parts = [f"release {units}"] if units else []
        parts += [f"cancel bids for {canceled}"] if canceled else []
        return ", ".join(parts)


def _continued(rule: Rule, before: tuple[Rule, RuleState] | None) -> RuleState:
    """Return the state of a rule that was changed: a cool-down that runs goes on."""
    if before is None:
        return new_state(rule)
    was, state = before
    if was.conditions == rule.conditions:
        return state
    fresh = new_state(rule)
    fresh.fired_ms = state.fired_ms
    return fresh
