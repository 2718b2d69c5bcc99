"""A second book-keeper: what the rules say is owed, beside what the exchange does.

It enters every accepted command in a naive exchange of its own (`sim.oracle`), which knows nothing
of the engine, and then compares: who traded with whom at which price, every order, charge, notice,
lease and VM as its account was told, what hosts were instructed, every account's money, and every
so often each host's slots as its owner sees them. A command that the engine refused must be one
that the rules refuse. The first difference raises `LawBrokenError`.
"""

from collections.abc import Iterable
from typing import Any, Final, NoReturn

from exchange.engine import deadlines
from exchange.engine.engine import Engine
from exchange.model.commands import Command, Out
from exchange.units import MS_PER_SECOND
from exchange.wire.results import Refused
from sim.oracle.clerk import FAULTS, Clerk
from sim.oracle.entry_hosts import SLACK_MS, lost_at_ms
from sim.oracle.hosts import SPOT, Host, Need, plus
from sim.oracle.orders import Order
from sim.oracle.owed import Lease, Vm
from sim.results.checker import LawBrokenError
from sim.results.told import LEASE, ORDER, VM, Row, Told

SLOTS_EVERY: Final = 25
"""After so many commands all hosts are looked at: a slot that leaked stays away."""
STOP_MS: Final = 60 * MS_PER_SECOND
"""How long a live host may take, beyond the grace, to tell that a VM has stopped."""
HOST: Final = ("status", "offers", "used")
JUDGED: Final = (
    "insufficient_capacity",
    "insufficient_funds",
    "invalid_qty",
    "lease_ended",
    "lease_full",
    "market_not_open",
    "not_recallable",
    "order_done",
    "post_only_would_cross",
    "price_off_tick",
    "price_out_of_band",
    "self_trade",
    "units_in_use",
    "unknown_lease",
    "unknown_order",
    "unknown_vm",
)
"""Reasons that only the rules of the market can give; others are about the message itself."""


class Bookkeeper:
    """``observe`` every accepted command and ``refused`` every other one, in order."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._clerk = Clerk()
        self._oracle = self._clerk.oracle
        self._told = Told()
        self._commands = 0

    def follow(self, engine: Engine) -> None:
        """The exchange restarted: hold the replayed engine to the same books."""
        self._engine = engine

    def observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        """Hold the engine to the rules after ``command``. Raises `LawBrokenError`."""
        try:
            self._clerk.settle(command, now_ms)
            faults = self._clerk.faults(command)
            if faults:
                self._broken("accepted", f"{_name(command)}, which the rules refuse: {faults[0]}")
            self._clerk.enter(command)
        except (AssertionError, LookupError, StopIteration) as error:
            if isinstance(error, LawBrokenError):
                raise
            self._broken("accepted", f"{_name(command)} makes no sense by the rules: {error!r}")
        self._told.take_in(outs[1:])
        self._commands += 1
        self._compare()
        self._hosts_in_time()
        if self._commands % SLOTS_EVERY == 0:
            self._slots()

    def refused(self, command: Command, reply: Refused, now_ms: int) -> None:
        """A refusal must have a reason by the rules, too."""
        if reply.reason not in JUDGED or type(command.message) not in FAULTS:
            return
        self._clerk.settle(command, now_ms)
        faults = self._clerk.faults(command)
        if reply.reason not in faults:
            found = ", ".join(faults) or "nothing against it"
            self._broken("refused", f"{_name(command)} for {reply.reason}; the rules find {found}")

    def finish(self) -> None:
        """The run is over."""
        self._compare()
        self._slots()

    # --- comparing ---

    def _compare(self) -> None:
        oracle, told = self._oracle, self._told
        news, oracle.news = oracle.news, []
        self._same("priority", "trades", told.take_trades(), _of(news, "trade"))
        self._orders()
        self._same("owed", "charges", told.take("charge"), _of(news, "charge"))
        for kind, law in (("recall", "notice"), ("funds_low", "owed"), ("launch_failed", "launch")):
            self._same(law, f"{kind} notices", told.take(kind), _of(news, kind))
        ended = [lease for (lease,) in _of(news, "closed")]
        self._leases([*oracle.leases, *ended])
        gone = [vm for (vm,) in _of(news, "gone")]
        self._vms([*oracle.vms.values(), *gone])
        self._instructions(dict(_of(news, "kill")))
        self._money()
        self._deadline()

    def _same(self, law: str, what: str, told: list[Any], due: list[Any]) -> None:
        if told == due:
            return
        for number, row in enumerate(due):
            if number >= len(told) or told[number] != row:
                has = told[number] if number < len(told) else "nothing"
                self._broken(law, f"{what}: {has}, by the rules {row}")
        self._broken(law, f"{what}: {told[len(due)]}, by the rules nothing")

    def _orders(self) -> None:
        told, oracle = self._told.orders, self._oracle
        changed = [oracle.orders[number - 1] for number in self._told.take("order")]
        for order in {order.number: order for order in [*oracle.live, *changed]}.values():
            self._same_row(
                "orders", "o", order.number, ORDER, told.get(order.number), _order(order)
            )
            if not order.live:
                told.pop(order.number, None)
        if len(told) != len(oracle.live):
            lost = next(n for n in told if not oracle.orders[n - 1].live)
            self._broken("orders", f"o-{lost} is {oracle.orders[lost - 1].status} by the rules")

    def _leases(self, leases: list[Lease]) -> None:
        told = self._told.leases
        for lease in leases:
            number = lease.number
            self._same_row("leases", "l", number, LEASE, told.get(number), _lease(lease))
            if lease.closed:
                told.pop(lease.number, None)
        if len(told) != len(self._oracle.leases):
            known = [lease.number for lease in leases]
            lost = next(number for number in told if number not in known)
            self._broken("leases", f"l-{lost} is told to live, by the rules it does not")

    def _vms(self, vms: list[Vm]) -> None:
        told = self._told.vms
        for vm in vms:
            row = (vm.lease.number, vm.asked.name, vm.state)
            self._same_row("vms", "v", vm.number, VM, told.get(vm.number), row)
            if vm.state in ("stopped", "failed"):
                told.pop(vm.number, None)
            else:
                self._stops_in_time(vm)
        if len(told) > len(self._oracle.vms):
            lost = next(number for number in told if number not in self._oracle.vms)
            self._broken("vms", f"v-{lost} is told to live, by the rules it does not")

    def _stops_in_time(self, vm: Vm) -> None:
        """No VM outlives its lease: a live host that is told to stop one does so soon."""
        host, now_ms = self._oracle.hosts[vm.lease.host], self._oracle.now_ms
        if vm.state != "stopping" or host.state != "live":
            return
        since_ms = max(vm.stopping_ms, host.live_ms, self._oracle.started_ms)
        if now_ms > since_ms + vm.grace_ms + STOP_MS:
            self._broken("vms", f"v-{vm.number} still stops {now_ms - since_ms} ms after its end")

    def _instructions(self, stopped: dict[int, int]) -> None:
        """Whatever must stop is told so to its host, with its grace, and nothing else is."""
        kills, vms = dict(self._told.take("kill")), self._oracle.vms
        for number, grace_ms in stopped.items():
            if number not in kills and number in vms:
                self._broken("vms", f"the host of v-{number} is not told to stop it")
            if kills.get(number, grace_ms) != grace_ms:
                text = f"{kills[number]} ms to stop, by the rules {grace_ms}"
                self._broken("vms", f"the host of v-{number} gives it {text}")
        for number in kills:
            if number in vms and vms[number].state != "stopping":
                self._broken("vms", f"the host of v-{number} is told to stop it, which may run")
        for number, host, *between in self._told.take("launch"):
            vm = vms.get(number)
            if vm is not None:
                lease = vm.lease
                until_ms = None if lease.spot else lease.ends_ms
                due = (lease.host, None if lease.spot else lease.start_ms, until_ms)
                self._same("vms", f"v-{number} runs on, from, until", [(host, *between)], [due])

    def _money(self) -> None:
        oracle, holds = self._oracle, self._oracle.holds()
        for name, row in self._engine.balances().items():
            due = oracle.cash.get(name, 0) - holds[name], holds[name]
            if (row.available_ucr, row.held_ucr) != due:
                has = f"{row.available_ucr} ucr and {row.held_ucr} held"
                self._broken("money", f"{name} has {has}, by the rules {due[0]} and {due[1]}")

    def _deadline(self) -> None:
        """The next thing that happens by itself: an expiry, a charge, a notice's end, a launch."""
        due_ms, awaited_ms = self._oracle.next_deadline_ms(), deadlines.next_ms(self._engine.state)
        if due_ms != awaited_ms:
            self._broken("deadline", f"the next is at {awaited_ms}, by the rules at {due_ms}")

    def _hosts_in_time(self) -> None:
        """A silent host is given up when its time is over."""
        for host in self._oracle.hosts.values():
            over_ms = self._oracle.now_ms - lost_at_ms(self._oracle, host)
            if host.state == "silent" and over_ms >= SLACK_MS:
                self._broken("silence", f"{host.name} should be lost for {over_ms} ms")

    def _slots(self) -> None:
        """Each host's use and status, as its owner sees them."""
        oracle, uses = self._oracle, self._oracle.uses()
        for owner in dict.fromkeys(host.owner for host in oracle.hosts.values()):
            for row in self._engine.fleet_rows(owner):
                host = oracle.hosts[row.host]
                status = "draining" if host.draining and host.state == "live" else host.state
                offered = (row.offered.mvcpu, row.offered.mem_mib, row.offered.disk_mib)
                used = (row.used.mvcpu, row.used.mem_mib, row.used.disk_mib)
                due = (status, host.room, self._used(host, uses))
                has = (row.status, offered, used)
                self._same_row("slots", "h", host.number, HOST, has, due)

    def _used(self, host: Host, uses: dict[str, dict[str, Need]]) -> tuple[int, ...]:
        """What is taken in its fullest hour, each kind by itself."""
        use = uses[host.name]
        hours = [plus(use[SPOT], use[hour], 1) if hour != SPOT else use[SPOT] for hour in use]
        return tuple(max(hour[at] for hour in hours) for at in range(3))

    def _same_row(
        self, law: str, kind: str, number: int, fields: tuple[str, ...], told: Row | None, due: Row
    ) -> None:
        if told == due:
            return
        name = f"{kind}-{number}"
        if told is None:
            self._broken(law, f"nobody is told of {name}")
        at = next(at for at, value in enumerate(due) if told[at] != value)
        self._broken(law, f"{name}: {fields[at]} {told[at]}, by the rules {due[at]}")

    def _broken(self, law: str, text: str) -> NoReturn:
        raise LawBrokenError(law, self._engine.seq, text)


def _order(order: Order) -> Row:
    asked = order.asked
    terms = (order.account, asked.symbol, asked.side)
    counts = (order.qty, order.filled, order.leaves)
    return (*terms, order.status, *counts, order.price_ucr, order.notional_ucr, order.reason)


def _lease(lease: Lease) -> Row:
    terms = (lease.buyer, lease.seller, lease.symbol, lease.host, lease.units, lease.price_ucr)
    return (*terms, lease.state, lease.over if lease.closed else None, lease.ends_ms, 0)


def _name(command: Command) -> str:
    message = command.message
    return f"{type(message).__struct_config__.tag} of {command.account or 'the exchange'}"


def _of(news: Iterable[tuple[Any, ...]], kind: str) -> list[tuple[Any, ...]]:
    return [row[1:] for row in news if row[0] == kind]
