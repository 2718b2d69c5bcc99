"""The Manager: rules watch the farm's load, buy units, run VMs on them, and give them back.

Pure: `Manager.apply` takes one message and returns what the shell must do; `next_deadline_ms` says
when the shell must call `wake` if nothing else comes. The daemon and the simulator drive the same
class. Whatever is due by then happens first, each thing at its own time, then the message: so a
late timer changes nothing. Source: architecture.md, "One shape: a pure core in a thin shell";
manager.md, "Rule guards".
"""

from collections.abc import Callable, Container
from typing import TypeVar

from exchange.wire.frames import (
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
from manager.core.account_feed import AccountFeed
from manager.core.administration import Administration
from manager.core.answers import Answers
from manager.core.backoff import Backoff
from manager.core.boots import Boots
from manager.core.budget import Budget
from manager.core.burst import Bursts
from manager.core.checks import Checks
from manager.core.deposit import Deposit
from manager.core.farm import Farm, ManagerConfig
from manager.core.forward import Forward
from manager.core.handover import Handover
from manager.core.library import StoredVm
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
from manager.core.outgoing import Outgoing
from manager.core.purchase import Purchases
from manager.core.reconcile import Reconcile
from manager.core.rented import RentedUnits
from manager.core.rule_state import Reading
from manager.core.rules import Rules
from manager.core.standing import OFFLINE, RuleStatus, Standing

Result = TypeVar("Result")


class Manager:
    """See the module's text. Nothing is bought before `Connected`."""

    def __init__(self, config: ManagerConfig) -> None:
        self._due_ms: int | None = None
        self._due_known = False
        self._farm = farm = Farm(config)
        self._outgoing = outgoing = Outgoing()
        self.load = self._load = Load(outgoing, config.stale_ms, _needs_load(config))
        self.rented = rented = RentedUnits()
        self._backoff = Backoff(outgoing, rented)
        self.boots = Boots()
        self.deposit = Deposit()
        self._bursts = Bursts(outgoing, rented, self._backoff, self.boots)
        self._bursts.loopback = config.loopback
        self._reconcile = Reconcile(outgoing, rented, self._bursts)
        self._account = Account(outgoing, rented, self._bursts, farm.vm_of, config.leave_ms)
        self.purchases = self._purchases = Purchases(
            outgoing, farm.class_of, config.pricing, config.zone, self._backoff
        )
        self._checks = Checks(outgoing, self._purchases.symbols, farm.vm_of)
        self._checks.rules(config.rules)
        self._standing = Standing(
            outgoing, self._load, self._backoff, farm.vm_of, self._checks.problems
        )
        self._standing.buying = config.buying
        self.budget = self._budget = Budget()
        self.rules = self._rules = Rules(
            outgoing,
            config.rules,
            self.reading,
            rented,
            self._purchases,
            self._bursts,
            self._budget,
            self._standing,
        )
        self._budget.symbols_of = self._symbols_of
        self._rules.spend = config.spend
        self._account.lost = self._rules.lost
        self._account.returned = self._rules.returned
        self._hear()

    def _hear(self) -> None:
        """Build what takes hours that were bought ahead, and what hears from the exchange."""
        outgoing, farm = self._outgoing, self._farm
        self._handover = Handover(
            outgoing, farm, self.rented, self._bursts, self._account, lambda: self.reading().paid
        )
        self.forward = self._forward = Forward(
            outgoing,
            farm,
            self._purchases,
            self._handover,
            lambda rule: self._standing.held_back(rule) is None,
            self._rules.affordable,
        )
        self._rules.committed_ucr = self._forward.committed_ucr
        self._feed = AccountFeed(
            outgoing,
            farm,
            self.rented,
            self._account,
            self._purchases,
            self._budget,
            self._backoff,
            self._rules,
            self._handover,
            self._forward,
            self.deposit,
        )
        self._handover.adopt = self._feed.adopt
        self._answers = Answers(
            outgoing,
            self._purchases,
            self._bursts,
            self._account,
            self._checks,
            self._forward,
            self.deposit,
        )
        self._administration = Administration(
            outgoing, self.rented, self._purchases, self._bursts, self._rules, self.reading
        )

    @property
    def config(self) -> ManagerConfig:
        """The settings in force."""
        return self._farm.config

    @property
    def online(self) -> bool:
        """Whether the exchange can be asked."""
        return self._outgoing.online

    def apply(self, message: ManagerMessage, now_ms: int) -> list[Out]:
        """Return what to do about ``message``, in order. ``now_ms`` never goes back."""
        self._settle(now_ms)
        matters = self._matters(message)
        self._handle(message)
        if isinstance(message, LoadSample):
            # Most figures are as good as the last one: nobody would act otherwise.
            matters = not self._rules.unmoved(self.reading())
        if matters:
            self._evaluate()
        return self._outgoing.take()

    def wake(self, now_ms: int) -> list[Out]:
        """Return what became due up to ``now_ms``."""
        self._settle(now_ms)
        self._evaluate()
        return self._outgoing.take()

    def next_deadline_ms(self) -> int | None:
        """Return when `wake` is wanted, ``None`` while only messages can change anything."""
        if not self._outgoing.online:
            return None
        if not self._due_known:
            self._due_ms, self._due_known = self._other_due_ms(), True
        return _first(self._due_ms, self._load.stale_at_ms())

    def _other_due_ms(self) -> int | None:
        """Return the first deadline but the load's, which every figure moves."""
        return _first(
            self._rules.next_deadline_ms(),
            self._account.renew_at_ms,
            self._account.leaves_at_ms(),
            self._checks.again_ms,
            self._handover.due_ms(),
            self._forward.due_ms(),
        )

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
            unit_rps=self.config.unit_rps,
            ready=self.config.core_units + ready,
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
        gone = self._farm.gone(config)
        self._farm.take(config)
        self._load.reconfigure(config.stale_ms, _needs_load(config))
        self._purchases.reconfigure(config.pricing, config.zone)
        self._standing.buying = config.buying
        self._rules.spend = config.spend
        self._rules.replace(config.rules)
        self._backoff.resume_all()
        self._checks.rules(config.rules)
        self._forward.reconfigure()
        self._administration.end_all(gone)
        for lease in self.rented.leases.values():
            vm = self._farm.vm_of(lease.rule)
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
            self._evaluate()
        outgoing.now_ms = now_ms

    def _evaluate(self) -> None:
        if self._outgoing.online:
            self._handover.act()
            self._forward.act()
        self._rules.evaluate()
        self._due_known = False

    def _matters(self, message: ManagerMessage) -> bool:
        """Tell whether rules need to look again: most messages concern only the selling core."""
        match message:
            case HostUpdate() | BookSnapshot() | BookUpdate():
                return False
            case Ack() | ErrorReply():
                return self._outgoing.purpose(message.req_id) != "sell"
            case OrderUpdate() | LeaseUpdate():
                return message.side != "sell"
            case _:
                return True

    def _handle(self, message: ManagerMessage) -> None:
        match message:
            case LoadSample():
                self._load.sample(message)
            case Ack() | ErrorReply():
                self._answers.take(message)
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
            case Connected():
                self._connected(message)
            case PastCharges(rows):
                self._feed.past(rows)
            case Disconnected() | AnotherManager():
                self._offline(message)
            case InstrumentUpdate():
                self._purchases.instrument(message)
                self._forward.instrument(message)
                self._checks.instrument(message)
            case InstrumentsKnown(symbols):
                self._checks.instruments(symbols)
            case OrderUpdate() | LeaseUpdate() | VmUpdate() | Charge() | Notice() | BalanceUpdate():
                self._feed.frame(message)
            case HostUpdate() | BookSnapshot() | BookUpdate():
                pass  # for the core that sells

    def _offline(self, message: Disconnected | AnotherManager) -> None:
        self._outgoing.disconnected()
        self._standing.offline = OFFLINE
        if isinstance(message, AnotherManager):
            self._standing.offline = f"another_manager: {message.why}"

    def _connected(self, state: Connected) -> None:
        self._outgoing.connected()
        self._load.begin()
        self._feed.state(state)
        self._reconcile.resume()
        self._checks.ask()
        self._feed.early()

    def _resume(self, rule_name: str) -> None:
        vm = self._farm.vm_of(rule_name)
        if vm is not None:
            self._backoff.resume(vm.image)
            self._outgoing.log("resumed", f"rule {rule_name}: resumed")

    def vm_of(self, rule_name: str) -> StoredVm | None:
        """Return what runs on the units that ``rule_name`` buys."""
        return self._farm.vm_of(rule_name)

    def _symbols_of(self, rule_name: str) -> Container[str]:
        rule = self._farm.by_name.get(rule_name)
        return () if rule is None else self._purchases.symbols(rule)


def _needs_load(config: ManagerConfig) -> bool:
    """Tell whether a rule waits for the load: without a figure none acts, whatever its kind."""
    return any(not rule.paused for rule in config.rules)


def _first(*times_ms: int | None) -> int | None:
    return min((time_ms for time_ms in times_ms if time_ms is not None), default=None)
