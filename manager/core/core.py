"""The Manager: rules watch the farm's load, buy units, run VMs on them, and give them back.

Pure: `Manager.apply` takes one message and returns what the shell must do; `next_deadline_ms` says
when the shell must call `wake` if nothing else comes. The daemon and the simulator drive the same
class. Whatever is due by then happens first, each thing at its own time, then the message: so a
late timer changes nothing. Source: architecture.md, "One shape: a pure core in a thin shell";
manager.md, "Rule guards".
"""

from collections import deque
from collections.abc import Callable, Container, Mapping
from typing import Any, Final, TypeVar

from msgspec import Struct

from exchange.wire.frames import (
    AccountFrame,
    Ack,
    BalanceUpdate,
    BookSnapshot,
    BookUpdate,
    Charge,
    ErrorReply,
    HostUpdate,
    InstrumentUpdate,
    LeaseUpdate,
    Notice,
    OrderUpdate,
    VmUpdate,
)
from manager.core.account import Account
from manager.core.administration import Administration
from manager.core.backoff import Backoff
from manager.core.boots import Boots
from manager.core.budget import Budget, Spend
from manager.core.burst import Bursts
from manager.core.checks import Checks
from manager.core.hand import by_hand, vm_bought
from manager.core.library import Library, StoredVm, find
from manager.core.load import Load
from manager.core.messages import (
    AnotherManager,
    BackendDrained,
    BackendFailed,
    BackendReady,
    BackendsSeen,
    Connected,
    Disconnected,
    InstrumentsKnown,
    LoadSample,
    ManagerMessage,
    Out,
    PastCharges,
    Resume,
)
from manager.core.outgoing import Asked, Outgoing
from manager.core.purchase import Purchases, placed_ms, rule_of
from manager.core.reconcile import Reconcile
from manager.core.refused import why
from manager.core.rented import RentedUnits
from manager.core.rule import Rule
from manager.core.rule_state import Reading
from manager.core.rules import Rules
from manager.core.standing import OFFLINE, RuleStatus, Standing

Result = TypeVar("Result")

DEFAULT_STALE_MS: Final = 60_000
DEFAULT_LEAVE_MS: Final = 45_000
EARLY_MAX: Final = 1_000
"""Frames kept while the account's state is being read."""


class ManagerConfig(Struct, frozen=True, kw_only=True):
    """The farm and what automates it. ``unit_rps``: requests/s that one unit serves."""

    rules: tuple[Rule, ...]
    library: Library
    vm_class: str
    zone: str
    unit_rps: float
    core_units: int
    pricing: str = "flat"
    spend: Spend = Spend()
    leave_ms: int = DEFAULT_LEAVE_MS
    """How long before its end a recalled unit leaves: time to drain and to stop."""
    stale_ms: int = DEFAULT_STALE_MS
    """A load sample older than this is not acted on."""
    loopback: bool = True
    """The exchange is on this machine, so guests may be too."""
    buying: bool = True
    """False: nothing is bought, whatever the rules say."""


class Manager:
    """See the module's text. Nothing is bought before `Connected`."""

    def __init__(self, config: ManagerConfig) -> None:
        self.config = self._config = config
        self._by_name: dict[str, Rule] = {rule.name: rule for rule in config.rules}
        self._account_seq = 0
        self._early: deque[AccountFrame] = deque(maxlen=EARLY_MAX)
        self._outgoing = outgoing = Outgoing()
        self.load = self._load = Load(outgoing, config.stale_ms)
        self.rented = RentedUnits()
        self._backoff = Backoff(outgoing, self.rented)
        self.boots = Boots()
        self._bursts = Bursts(outgoing, self.rented, self._backoff, self.boots)
        self._bursts.loopback = config.loopback
        self._reconcile = Reconcile(outgoing, self.rented, self._bursts)
        self._account = Account(outgoing, self.rented, self._bursts, self._vm_of, config.leave_ms)
        self.purchases = self._purchases = Purchases(
            outgoing, self._class_of, config.pricing, config.zone, self._backoff
        )
        buying = self._purchases
        self._checks = Checks(outgoing, buying.symbol, buying.zones, self._vm_of)
        self._checks.rules(config.rules)
        self._standing = Standing(
            outgoing, self._load, self._backoff, self._vm_of, self._checks.problems
        )
        self._standing.buying = config.buying
        self.budget = self._budget = Budget()
        self.rules = self._rules = Rules(
            outgoing,
            config.rules,
            self.reading,
            self.rented,
            self._purchases,
            self._bursts,
            self._budget,
            self._standing,
        )
        self._budget.symbols_of = self._symbols_of
        self._rules.spend = config.spend
        self._account.lost = self._rules.lost
        self._account.returned = self._rules.returned
        self._administration = Administration(
            outgoing, self.rented, self._purchases, self._bursts, self._rules, self.reading
        )

    @property
    def online(self) -> bool:
        """Whether the exchange can be asked."""
        return self._outgoing.online

    def apply(self, message: ManagerMessage, now_ms: int) -> list[Out]:
        """Return what to do about ``message``, in order. ``now_ms`` never goes back."""
        self._settle(now_ms)
        self._handle(message)
        self._rules.evaluate()
        return self._outgoing.take()

    def wake(self, now_ms: int) -> list[Out]:
        """Return what became due up to ``now_ms``."""
        self._settle(now_ms)
        self._rules.evaluate()
        return self._outgoing.take()

    def next_deadline_ms(self) -> int | None:
        """Return when `wake` is wanted, ``None`` while only messages can change anything."""
        if not self._outgoing.online:
            return None
        deadlines = [
            self._rules.next_deadline_ms(),
            self._account.renew_at_ms,
            self._account.leaves_at_ms(),
            self._load.stale_at_ms(),
            self._checks.again_ms,
        ]
        return min((due_ms for due_ms in deadlines if due_ms is not None), default=None)

    @property
    def outgoing(self) -> Outgoing:
        """Numbers requests; the core that sells shares it."""
        return self._outgoing

    def reading(self) -> Reading:
        """Return what the rules go by right now."""
        ready, pending, going, paid = self.rented.count(self._outgoing.now_ms)
        on_order = self._purchases.on_order()
        return Reading(
            load_rps=self._load.rps(),
            unit_rps=self._config.unit_rps,
            ready=self._config.core_units + ready,
            pending=pending + on_order,
            bought=ready + pending - going + on_order,
            paid=paid + on_order,
            going=going,
            load_at_ms=self._load.at_ms,
            boot_p95_ms=self.boots.p95_ms,
        )

    def reconfigure(self, config: ManagerConfig, now_ms: int) -> list[Out]:
        """Go by ``config`` from now on; what a rule that is gone has bought is given back."""
        self._settle(now_ms)
        gone = [name for name in self._by_name if name not in {rule.name for rule in config.rules}]
        self.config = self._config = config
        self._by_name = {rule.name: rule for rule in config.rules}
        self._load.reconfigure(config.stale_ms)
        self._purchases.reconfigure(config.pricing, config.zone)
        self._standing.buying = config.buying
        self._rules.spend = config.spend
        self._rules.replace(config.rules)
        self._backoff.resume_all()
        self._checks.rules(config.rules)
        self._administration.end_all(gone)
        for lease in self.rented.leases.values():
            vm = self._vm_of(lease.rule)
            if vm is not None and lease.vm is not None and vm.vm_class == lease.vm.vm_class:
                lease.vm = vm  # from its next start on
        return self.wake(now_ms)

    def administer(
        self, act: Callable[[Administration], Result], now_ms: int
    ) -> tuple[list[Out], Result]:
        """Do something by hand; return what to do about it, and what ``act`` returned."""
        self._settle(now_ms)
        result = act(self._administration)
        return self.wake(now_ms), result

    def rule_states(self) -> list[RuleStatus]:
        """Return how every rule stands, in the order of the file."""
        return self._rules.states()

    def _settle(self, now_ms: int) -> None:
        outgoing = self._outgoing
        assert now_ms >= outgoing.now_ms, "the shell's clock must not go back"
        while (due_ms := self.next_deadline_ms()) is not None and due_ms <= now_ms:
            outgoing.now_ms = max(due_ms, outgoing.now_ms)
            if self._account.renew_at_ms == due_ms:
                self._account.renew()
            self._account.let_go()
            if self._load.stale_at_ms() == due_ms:
                self._load.tell()
            if self._checks.again_ms == due_ms:
                self._checks.ask()
            self._rules.evaluate()
        outgoing.now_ms = now_ms

    def _handle(self, message: ManagerMessage) -> None:
        match message:
            case LoadSample():
                self._load.sample(message)
            case Ack() | ErrorReply():
                self._answer(message)
            case BackendReady(server):
                self._bursts.joined(server)
            case BackendDrained(server):
                self._bursts.drained(server)
            case BackendFailed(server, reason, refused):
                self._bursts.not_joined(server, reason, refused)
            case Resume(rule):
                self._resume(rule)
            case BackendsSeen():
                self._reconcile.seen(message)
            case Connected() | PastCharges():
                self._connected(message)
            case Disconnected():
                self._outgoing.disconnected()
                self._standing.offline = OFFLINE
            case AnotherManager(why):
                self._outgoing.disconnected()
                self._standing.offline = f"another_manager: {why}"
            case InstrumentUpdate():
                self._purchases.instrument(message)
                self._checks.instrument(message)
            case InstrumentsKnown(symbols):
                self._checks.instruments(symbols)
            case OrderUpdate() | LeaseUpdate() | VmUpdate() | Charge() | Notice() | BalanceUpdate():
                self._frame(message)
            case HostUpdate() | BookSnapshot() | BookUpdate():
                pass  # for the core that sells

    def _frame(self, frame: AccountFrame) -> None:
        if frame.account_seq <= self._account_seq:
            return  # contained in the state that `Connected` brought
        if not self._outgoing.online:
            self._early.append(frame)  # newer than the state to come, or contained in it
            return
        self._account_seq = frame.account_seq
        self._outgoing.heard(frame.ts_ms)
        match frame:
            case OrderUpdate():
                self._purchases.updated(frame)
            case LeaseUpdate():
                self._lease(frame)
            case VmUpdate():
                self._account.vm(frame)
            case Notice():
                self._account.notice(frame)
            case Charge():
                rule = self._budget.charged(frame.lease_id, frame.amount_ucr, self._outgoing.now_ms)
                if rule is not None:
                    self._rules.charged(rule)
            case BalanceUpdate():
                pass

    def _lease(self, row: LeaseUpdate) -> None:
        lease = self._account.lease(row)
        if lease is not None:
            self._purchases.leased(row.client_order_id or "", row.units)
            self._budget.lease(lease.lease_id, lease.rule, row.charged_ucr, self._outgoing.now_ms)

    def _answer(self, answer: Ack | ErrorReply) -> None:
        asked = self._outgoing.answered(answer.req_id)
        if asked is None:
            return  # of a connection before this one; the account's state told the outcome
        if isinstance(answer, Ack):
            self._acked(asked, answer.result)
        else:
            self._refused(asked, answer.reason, why(answer))

    def _acked(self, asked: Asked, result: Mapping[str, Any]) -> None:
        match asked.purpose:
            case "order" | "cancel":
                self._purchases.answered(asked.subject, result)
            case "start":
                self._bursts.start_accepted(asked.subject, result)
            case "release":
                self._account.released(asked.subject)
            case "look":
                self._purchases.looked(asked.subject, result)
            case "image":
                self._checks.image(asked.subject, "")
            case "stop" | "timer" | "sell":
                pass

    def _refused(self, asked: Asked, reason: str, why: str) -> None:
        match asked.purpose:
            case "order":
                self._purchases.refused(asked.subject, why)
            case "start":
                self._bursts.start_refused(asked.subject, reason, why)
            case "stop":
                self._bursts.stop_refused(asked.subject)
            case "release":
                self._outgoing.log("release_refused", f"{asked.subject}: not released: {why}")
            case "timer":
                self._account.schedule_refused(asked.subject, why)
            case "look":
                self._purchases.looked(asked.subject, {})
            case "image":
                self._checks.image(asked.subject, reason)
            case "sell":
                pass  # the core that sells has the answer too
            case "cancel":
                pass  # it was done already; its order.update tells how it ended

    def _connected(self, state: Connected | PastCharges) -> None:
        if isinstance(state, PastCharges):
            self._budget.past(state.rows, self._outgoing.now_ms)
            return
        self._account_seq = state.account_seq
        self._outgoing.connected()
        self._load.begin()
        if state.exchange_ms:
            self._outgoing.heard(state.exchange_ms)
        self._purchases.rebuild(state.orders, self._by_name)
        ids = [row.client_order_id for row in state.orders]
        ids += [row.client_order_id or "" for row in state.leases]
        for client_order_id in ids:
            self._rules.fired_before(rule_of(client_order_id), placed_ms(client_order_id))
        self._account.rebuild(state)
        self._reconcile.resume()
        self._checks.ask()
        now_ms = self._outgoing.now_ms
        for row in state.leases:
            lease = self.rented.leases.get(row.lease_id)
            if lease is not None:
                self._budget.lease(lease.lease_id, lease.rule, row.charged_ucr, now_ms)
        early, self._early = list(self._early), deque(maxlen=EARLY_MAX)
        for frame in early:
            self._frame(frame)

    def _resume(self, rule_name: str) -> None:
        vm = self._vm_of(rule_name)
        if vm is not None:
            self._backoff.resume(vm.image)
            self._outgoing.log("resumed", f"rule {rule_name}: resumed")

    def vm_of(self, rule_name: str) -> StoredVm | None:
        """Return what runs on the units that ``rule_name`` buys."""
        return self._vm_of(rule_name)

    def _symbols_of(self, rule_name: str) -> Container[str]:
        rule = self._by_name.get(rule_name)
        return () if rule is None else self._purchases.symbols(rule)

    def _class_of(self, rule: Rule) -> str:
        vm = find(self._config.library, rule.vm)
        return self._config.vm_class if vm is None else vm.vm_class

    def _vm_of(self, rule_name: str) -> StoredVm | None:
        if by_hand(rule_name):
            return find(self._config.library, vm_bought(rule_name))
        rule = self._by_name.get(rule_name)
        return None if rule is None else find(self._config.library, rule.vm)
