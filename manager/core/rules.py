"""Chooses among all rules which one fires now, and how much it may do.

Buy wins over release: while any buying rule wants to fire, cooled down or not, nothing is given
back. A purchase is cut to ``max_units`` (units on order, booting and on their way out count) and to
what is left of ``budget_day``; draining units are taken back before new ones are bought. Pure.
Source: manager.md, "Rule guards".
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from exchange.units import MAX_QTY, MS_PER_DAY, count_text, go_text
from manager.core.budget import SPANS, Budget, Cap, Span, Spend, month_start_ms
from manager.core.burst import Bursts
from manager.core.hand import whose
from manager.core.limit import UNLIMITED, Limit, MoneyLimit, UnitsLimit
from manager.core.outgoing import Outgoing
from manager.core.purchase import Purchases
from manager.core.rented import RentedUnits
from manager.core.rule import Buy, BuyTo, Release, Rule
from manager.core.rule_state import Reading
from manager.core.standing import RuleStatus, Standing
from manager.core.watches import watch_of
from manager.core.wish import RuleState, Wish

Committed: TypeAlias = Callable[[str | None, Callable[[int], bool]], int]


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
        self._rented = rented
        self._purchases = purchases
        self._states = [self._continued(rule, None) for rule in rules]
        self._reading = reading
        self._bursts = bursts
        self._budget = budget
        self._standing = standing
        self._evaluated_ms = -1
        self.spend = Spend()
        self.most_ucr: int | None = None
        """Lowers ``spend``, whatever a changed configuration says."""
        self.committed_ucr: Committed = lambda rule, same: 0
        """What windows cost that a rule, or all, have bought or bid for, and that begin when the
        function says so."""

    def watched(self) -> list[RuleState]:
        """Return every rule and what is known of it, for readers."""
        return list(self._states)

    def held(self, rule: Rule) -> tuple[str, ...] | None:
        """Say why a purchase for ``rule`` may not be made now, ``None`` when it may."""
        status = self._standing.held_back(rule)
        if not self._outgoing.online:
            return (self._standing.offline,)
        return None if status is None else status.reasons

    def replace(self, rules: Sequence[Rule]) -> None:
        """Go by other rules; what is watched as before keeps the time it has held."""
        before = {state.rule.name: state for state in self._states}
        self._states = [self._continued(rule, before.get(rule.name)) for rule in rules]

    def evaluate(self) -> None:
        """Fire what is due. Without a connection rules watch but nothing fires."""
        self._evaluated_ms = self._outgoing.now_ms
        reading = self._observe()
        if self._outgoing.online:
            self._hold_back()
            replaced = self._replace_lost(reading)
            if self._fire_all(self._reading() if replaced else reading) or replaced:
                self._observe()

    def unmoved(self, reading: Reading) -> bool:
        """Tell whether `evaluate` would change nothing, if only the load has changed since."""
        now_ms = self._outgoing.now_ms
        return all(
            not state.lost and state.watch.unmoved(reading, now_ms) for state in self._states
        )

    def next_deadline_ms(self) -> int | None:
        """Return the first moment at which a duration or cool-down ends, if nothing changes.

        What was due already and could not act (a guard, a full farm) waits for a message.
        """
        dues = (due for state in self._states for due in self._dues_ms(state))
        return min((due for due in dues if due > self._evaluated_ms), default=None)

    def states(self) -> list[RuleStatus]:
        """Return how every rule stands now."""
        return [self._standing.status(state) for state in self._states]

    def _dues_ms(self, state: RuleState) -> Sequence[int]:
        """Return the moments at which the rule may act; a pause that ends later counts too."""
        if state.rule.paused:
            return ()
        dues = state.watch.dues_ms(state.cooled_ms)
        held = self._standing.held_back(state.rule)
        if held is None or held.until_ms is None:
            return dues
        return [max(due, held.until_ms) for due in dues]

    def fired_before(self, rule_name: str, at_ms: int) -> None:
        """An order of the rule shows that it fired at ``at_ms``, maybe before a restart."""
        for state in self._states:
            if state.rule.name == rule_name and at_ms <= self._outgoing.now_ms:
                state.fired_ms = max(state.fired_ms or 0, at_ms)

    def lost(self, rule_name: str, units: int, since_ms: int | None) -> None:
        """Units of the rule are no capacity any more.

        ``since_ms``: that is so since then, and what the rule bought since replaces them.
        """
        for state in self._states:
            replaced = since_ms is not None and (state.fired_ms or 0) >= since_ms
            if state.rule.name == rule_name and not replaced:
                state.lost += units

    def returned(self, rule_name: str, units: int) -> None:
        """A silent host is back with units that may be replaced: what is too much goes."""
        reading = self._reading()
        for state in (state for state in self._states if state.rule.name == rule_name):
            rule, state.lost = state.rule, max(0, state.lost - units)
            if rule.max_units and reading.load_rps is not None:
                over = min(units, reading.paid - rule.max_units)
                if over > 0 and (given := self._bursts.give_back(over, None, rule_name)):
                    text = f"{whose(rule_name)}: a silent host is back: release {given}"
                    self._outgoing.log("fired", text)

    def charged(self, rule_name: str) -> None:
        """After a charge: give back what a budget no longer pays for, most expensive first."""
        for rule in (state.rule for state in self._states if state.rule.name == rule_name):
            self._keep_within(rule.name, f"{whose(rule_name)}: budget_", _caps(rule))
        self._keep_within(None, "spend: ", self.account_limits())

    def _keep_within(self, rule_name: str | None, of: str, caps: Sequence[Cap]) -> None:
        now_ms = self._outgoing.now_ms
        for cap, left_ucr in self._left(rule_name, caps, now_ms):
            left_ucr -= self.committed_ucr(rule_name, _same(cap.span, now_ms))
            if units := self._bursts.keep_within(rule_name, left_ucr):
                self._outgoing.log("budget_used", f"{of}{cap.span} is used up: {go_text(units)}")

    def _left(
        self, rule_name: str | None, caps: Sequence[Cap], at_ms: int
    ) -> list[tuple[Cap, int]]:
        """Return what each leaves of the span of ``at_ms``; what is held is not counted."""
        if not caps:
            return []
        now_ms = self._outgoing.now_ms
        sums = self._budget.sums(rule_name, now_ms)
        spent = [sums.of(cap.span) if _same(cap.span, at_ms)(now_ms) else 0 for cap in caps]
        return [(cap, cap.most_ucr - ucr) for cap, ucr in zip(caps, spent, strict=True)]

    def account_limits(self) -> list[Cap]:
        """Return what the whole account may be charged: the lowest of all that limits it."""
        caps = (self._account_cap(span) for span in SPANS)
        return [cap for cap in caps if cap is not None]

    def _account_cap(self, span: Span) -> Cap | None:
        file_ucr, run_ucr = self.spend.of(span), self.most_ucr
        if run_ucr is not None and (file_ucr is None or run_ucr < file_ucr):
            return Cap(span, "--max-spend", run_ucr)
        return None if file_ucr is None else Cap(span, f"[spend] {span}", file_ucr)

    def affordable(self, rule: Rule, at_ms: int) -> int:
        """Return how many more units for one hour that begins then all budgets allow."""
        return min([MAX_QTY, *(limit.units for limit in self._budgets(rule, at_ms))])

    def _budgets(self, rule: Rule, at_ms: int) -> Iterator[MoneyLimit]:
        """Yield what each budget leaves for hours that begin at ``at_ms``."""
        now_ms = self._outgoing.now_ms
        for name, caps in ((rule.name, _caps(rule)), (None, self.account_limits())):
            for cap, left_ucr in self._left(name, caps, at_ms):
                same = _same(cap.span, at_ms)
                left_ucr -= self.committed_ucr(name, same)
                if same(now_ms):
                    left_ucr -= self._rented.held_ucr(name) + self._purchases.held_ucr(name)
                yield MoneyLimit(cap.key, cap.most_ucr, left_ucr, rule.price_max_ucr)

    def bound(self, rule: Rule, reading: Reading) -> Limit:
        """Return the limit that allows the rule the fewest more units now."""
        found: list[Limit] = list(self._budgets(rule, self._outgoing.now_ms))
        if rule.max_units is not None:
            found.insert(0, UnitsLimit(rule.max_units, reading.paid))
        return min(found, key=lambda limit: limit.units, default=UNLIMITED)

    def _own(self, rule_name: str) -> int:
        """Return how many units the rule bought or has on order that are not on their way out."""
        return self._rented.staying(
            rule_name, self._outgoing.exchange_ms
        ) + self._purchases.on_order(rule_name)

    def _observe(self) -> Reading:
        reading = self._reading()
        for state in self._states:
            state.watch.observe(reading, self._outgoing.now_ms)
        return reading

    def _hold_back(self) -> None:
        """Cancel what rests for a rule that may not buy any more."""
        for state in self._states:
            held = self._standing.held_back(state.rule) is not None
            if held and not state.held_back:
                self._purchases.cancel_resting(state.rule.name)
            state.held_back = held

    def _wish(self, state: RuleState, reading: Reading) -> Wish | None:
        return None if state.rule.paused else state.watch.wish(reading, self._outgoing.now_ms)

    def _fire_all(self, reading: Reading) -> bool:
        """Let those that wish to buy act, and only if there are none, those that release."""
        fired = buying = False
        for wants_buying in (True, False):
            for state in self._states:
                wish = self._wish(state, reading)
                if wish is None or wish.buys != wants_buying or (buying and not wants_buying):
                    continue
                buying = buying or wish.buys
                if self._outgoing.now_ms >= state.cooled_ms and self._fire(state, wish, reading):
                    fired = True
                    reading = self._reading()
        return fired

    def _replace_lost(self, reading: Reading) -> bool:
        """Buy at once for what was lost; not while units are given back, nor without a load."""
        lost = [state for state in self._states if state.lost]
        if not lost or reading.load_rps is None:
            return False
        wishes = [self._wish(state, reading) for state in self._states]
        releasing = any(wish is not None and not wish.buys for wish in wishes)
        done = [self._replace(state, releasing) for state in lost]
        return any(done)

    def _replace(self, state: RuleState, releasing: bool) -> bool:
        lost, state.lost = state.lost, 0
        reading = self._reading()
        units = 0 if releasing or state.rule.paused else state.watch.replaces(lost, reading)
        done = self._buy(state.rule, units, reading)
        if done:
            state.fired_ms = self._outgoing.now_ms
            why = f"{count_text(lost, 'unit')} recalled or lost"
            self._outgoing.log("fired", f"{whose(state.rule.name)}: {why}: {done}")
        return bool(done)

    def _fire(self, state: RuleState, wish: Wish, reading: Reading) -> bool:
        """Act; a rule that could do nothing has not fired, and reports that once."""
        rule = state.rule
        match wish.action:
            case Buy(units):
                done = self._buy(rule, units, reading)
            case BuyTo(units):
                done = self._buy(rule, units - reading.bought, reading)
            case Release(units):
                done = self._release(rule, units, wish.own, reading)
        if done:
            state.fired_ms = self._outgoing.now_ms
            self._outgoing.log("fired", f"{whose(rule.name)}: {wish.why}: {done}")
        elif wish.buys and not state.told_idle:
            self._tell_idle(rule, wish, reading)
        state.told_idle = not done
        return bool(done)

    def _tell_idle(self, rule: Rule, wish: Wish, reading: Reading) -> None:
        """Say what keeps a rule from buying that would."""
        held, what = self._standing.held_back(rule), f"{whose(rule.name)}: {wish.why}"
        if held is not None:
            self._outgoing.log("idle", f"{what}: {held.reasons[0]}")
        elif (limit := self.bound(rule, reading)).units <= 0:
            self._outgoing.log("limited", f"{what}: {limit.text()}")
        else:
            self._outgoing.log("idle", f"{what}: it has what it wants")

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
        return max(0, min(MAX_QTY, self.bound(rule, reading).units))

    def _release(self, rule: Rule, wanted: int | None, own: bool, reading: Reading) -> str:
        floor = max(
            0 if state.rule.paused else state.watch.floor(reading) for state in self._states
        )
        if (spare := reading.bought - floor) <= 0:
            return ""
        canceled = self._purchases.cancel_resting(rule.name if own else None)
        most = None if wanted is None and not floor else min(wanted or MAX_QTY, spare)
        units = self._bursts.give_back(most, rule.vm, rule.name if own else None)
        parts = [f"release {units}"] if units else []
        parts += [f"cancel bids for {canceled}"] if canceled else []
        return ", ".join(parts)

    def _continued(self, rule: Rule, before: RuleState | None) -> RuleState:
        """Return the state of a rule that may be new or changed: a cool-down that runs goes on."""
        fresh = RuleState(rule, watch_of(rule, partial(self._own, rule.name)))
        if before is None:
            return fresh
        if _watched(before.rule) == _watched(rule):
            before.rule = rule
            before.watch.renew(rule)
            return before
        fresh.fired_ms = before.fired_ms
        return fresh


def _same(span: Span, at_ms: int) -> Callable[[int], bool]:
    """Return what tells whether a time is in the UTC day or month of ``at_ms``."""
    if span == "day":
        return lambda other_ms: other_ms // MS_PER_DAY == at_ms // MS_PER_DAY
    return lambda other_ms: month_start_ms(other_ms) == month_start_ms(at_ms)


def _caps(rule: Rule) -> list[Cap]:
    return Spend(rule.budget_day_ucr, rule.budget_month_ucr).caps("budget_")


def _watched(rule: Rule) -> tuple[object, ...]:
    return rule.conditions, rule.at, rule.track, rule.forward
