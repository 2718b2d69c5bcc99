"""Sums at the edge of what an integer on the wire may be: 2^53, exact in every client's language.

Short stories of commands whose numbers stand at their bounds, for hypothesis to combine. After each
nothing anybody is told is above 2^53 and the state can be written down; at the end of a story it is
what its journal leads to. The stories below the machine are the ones that broke it.
"""

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from exchange.engine.engine import Engine
from exchange.journal.rows import JournalRow
from exchange.model.commands import HostBack, HostSilent, ImageStored
from exchange.model.evidence import Evidence, view
from exchange.recovery.loading import load
from exchange.recovery.verifying import verified
from exchange.storage.sqlite_journal import create
from exchange.storage.sqlite_store import SqliteStore
from exchange.units import MAX_INT, MAX_PRICE_UCR, MAX_QTY, MS_PER_DAY, MS_PER_HOUR
from exchange.wire.admin_requests import AdminDeposit, AdminLimits
from exchange.wire.codec import MSGPACK
from exchange.wire.requests import (
    HostAnnounce,
    HostOffer,
    ImageBuy,
    ImageOffer,
    LeaseRecall,
    LeaseRelease,
    UsageReport,
    VmStart,
    VmStatus,
)
from exchange.wire.results import Done, Refused
from exchange.wire.types import Capacity
from tests.exchange.support.harness import OPERATOR, headroom, raw, running
from tests.exchange.support.market import SYMBOL, Market

METERED: Final = "large.eu-de.metered.spot"
WINDOW: Final = "small.eu-de.flat.2023-11-14T23"
IMAGE: Final = "a" * 64
NAMES: Final = ("ann", "bob")
ACCOUNTS: Final = st.sampled_from(NAMES)
AMOUNTS: Final = st.sampled_from(
    (MAX_INT, MAX_INT - 1, MAX_INT // 2, 4 * 10**15, 1, -1, -MAX_INT, -(MAX_INT // 2))
)
PRICES: Final = st.sampled_from((MAX_PRICE_UCR, MAX_PRICE_UCR - 1, 1))
QTYS: Final = st.sampled_from((MAX_QTY, MAX_QTY - 1, 1))
COUNTS: Final = st.sampled_from((MAX_INT, MAX_INT - 1, MAX_INT // 2, 1, 0))
TIMES: Final = st.sampled_from((MAX_INT, MAX_INT - 1))
SYMBOLS: Final = st.sampled_from((SYMBOL, METERED, WINDOW))


def numbers(value: Any) -> list[int]:
    """Return every integer in what a message is made of."""
    if isinstance(value, dict):
        return [n for item in value.values() for n in numbers(item)]
    if isinstance(value, list):
        return [n for item in value for n in numbers(item)]
    return [value] if isinstance(value, int) else []


def check_told(*told: Any) -> None:
    for message in told:
        over = [n for n in numbers(msgspec.to_builtins(message)) if abs(n) > MAX_INT]
        assert not over, f"{over} in {message}"


class Edge(Market):
    """Two accounts that buy from one another; each has a host that says it is as large as can be.

    All that anybody hears or may read is looked at.
    """

    def __init__(self) -> None:
        super().__init__(on_row=lambda _, outs: check_told([out for _, out in outs]))
        self.told = 0
        self.hosts = {}
        for name in NAMES:
            self.open_account(name, 0)
            self.hosts[name] = self.add_host(name)
            self.have(name, MAX_INT)
            self.must(ImageStored(name, (name[0] * 64), MAX_INT, "raw"))

    def have(self, name: str, each: int) -> Done | Refused:
        room = Capacity(each, each, each)
        message = HostAnnounce(
            req_id=1,
            capacity=room,
            offered=room,
            classes=["small", "large"],
            cpu_model="test",
            accel="simulated",
            agent_version="1",
            boot_id="boot 1",
        )
        return self.send(message, name, self.hosts[name])

    def deposit(self, name: str, amount_ucr: int) -> Done | Refused:
        self.told += 1
        message = AdminDeposit(req_id=1, account=name, amount_ucr=amount_ucr, ref=f"r{self.told}")
        return self.send(message)

    def trade(self, buyer: str, symbol: str, price_ucr: int, qty: int) -> None:
        self.told += 1
        seller = NAMES[1 - NAMES.index(buyer)]
        terms: dict[str, Any] = {"symbol": symbol, "time_in_force": "ioc"}
        self.place(f"{seller}.a{self.told}", "sell", qty, price_ucr, symbol=symbol)
        self.place(f"{buyer}.b{self.told}", "buy", qty, price_ucr, **terms)

    def look(self) -> None:
        """All that can be read, and the state as it is stored."""
        engine = self.engine
        check_told(engine.balances(), engine.instruments(), engine.hosts())
        for name in NAMES:
            rows, _ = engine.directory_rows(name)
            check_told(engine.account_state(name), engine.fleet_rows(name), rows)
        for symbol in (SYMBOL, METERED):
            check_told(engine.levels(symbol, "buy", 0), engine.levels(symbol, "sell", 0))
        assert Engine.restore(engine.snapshot()).state_hash() == engine.state_hash()

    def replayed(self) -> None:
        again = Engine(self.engine.state.config)
        for command, now_ms in self.journal:
            again.apply(command, now_ms)
        assert again.state_hash() == self.engine.state_hash()


class EdgeMachine(RuleBasedStateMachine):
    """Commands of every kind that carries a number, each number at one of its bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.market = Edge()
        self.sent = 0

    def name(self) -> str:
        self.sent += 1
        return f"m{self.sent}"

    @rule(account=ACCOUNTS, amount=AMOUNTS)
    def deposit(self, account: str, amount: int) -> None:
        self.market.deposit(account, amount)
        self.market.look()

    @rule(account=ACCOUNTS, side=st.sampled_from(("buy", "sell")), price=PRICES, qty=QTYS)
    def order(self, account: str, side: Any, price: int, qty: int) -> None:
        terms: dict[str, Any] = {"time_in_force": "gtd", "expire_ms": MAX_INT}
        label = f"{account}.{self.name()}"
        self.market.place(label, side, qty, price, deadline_ms=MAX_INT, **terms)
        self.market.replace(label, MAX_PRICE_UCR, MAX_QTY)
        self.market.look()

    @rule(buyer=ACCOUNTS, symbol=SYMBOLS, price=PRICES, qty=QTYS)
    def trade(self, buyer: str, symbol: str, price: int, qty: int) -> None:
        self.market.trade(buyer, symbol, price, qty)
        self.market.look()

    @rule(account=ACCOUNTS, count=COUNTS)
    def limits(self, account: str, count: int) -> None:
        message = AdminLimits(req_id=1, account=account, max_notional_ucr=count, max_qty=count)
        self.market.send(message)

    @rule(account=ACCOUNTS, price=COUNTS)
    def image(self, account: str, price: int) -> None:
        other = NAMES[1 - NAMES.index(account)]
        digest = account[0] * 64
        offer = ImageOffer(req_id=1, sha256=digest, title="image", price_ucr=price)
        self.market.send(offer, account)
        self.market.send(ImageBuy(req_id=1, sha256=digest), other)
        self.market.look()

    @rule(account=ACCOUNTS, each=COUNTS)
    def host(self, account: str, each: int) -> None:
        host, room = self.market.hosts[account], Capacity(each, MAX_INT, MAX_INT)
        self.market.have(account, each)
        self.market.send(HostOffer(req_id=1, host=host, offered=room), account)
        self.market.look()
        self.market.have(account, MAX_INT)
        self.market.send(HostOffer(req_id=1, host=host), account)

    @rule(account=ACCOUNTS, ms=st.sampled_from((1, MS_PER_HOUR)))
    def silence(self, account: str, ms: int) -> None:
        host = self.market.hosts[account]
        self.market.send(HostSilent(host, self.market.now_ms))
        self.market.advance(ms)
        self.market.send(HostBack(host))
        self.market.have(account, MAX_INT)
        self.market.sync(account, host)
        self.market.look()

    @precondition(lambda self: self.market.engine.state.leases)
    @rule(which=st.integers(0, 3), units=st.none() | QTYS, at_ms=st.none() | TIMES)
    def release(self, which: int, units: int | None, at_ms: int | None) -> None:
        lease = self.a_lease(which)
        message = LeaseRelease(req_id=1, lease_id=lease.lease_id, units=units, at_ms=at_ms)
        self.market.send(message, lease.buyer.account_id)
        self.market.look()

    @precondition(lambda self: self.market.engine.state.leases)
    @rule(which=st.integers(0, 3), units=st.none() | QTYS)
    def recall(self, which: int, units: int | None) -> None:
        lease = self.a_lease(which)
        message = LeaseRecall(req_id=1, lease_id=lease.lease_id, units=units)
        self.market.send(message, lease.seller.account_id)
        self.market.look()

    @precondition(lambda self: self.market.engine.state.leases)
    @rule(which=st.integers(0, 3), total=COUNTS, boots=st.integers(1, 3))
    def use(self, which: int, total: int, boots: int) -> None:
        """A VM that says it used as much as can be said, again after each boot."""
        lease, market = self.a_lease(which), self.market
        start = VmStart(req_id=1, lease_id=lease.lease_id, name=self.name(), image="a" * 64)
        reply = market.send(start, lease.buyer.account_id)
        if not isinstance(reply, Done):
            return
        vm_id, seller = str(reply.result["vm_id"]), lease.seller.account_id
        host = lease.host.host_id
        status = VmStatus(req_id=1, vm_id=vm_id, state="running", ready_ms=MAX_INT)
        market.send(status, seller, host)
        for boot in range(boots):
            market.advance(MS_PER_HOUR)
            report = UsageReport(
                req_id=1,
                vm_id=vm_id,
                boot=f"b{boot}",
                at_ms=MAX_INT,
                cpu_ms_total=total,
                mem_mib=MAX_INT,
                net_rx_total=MAX_INT,
                net_tx_total=MAX_INT,
            )
            reply = market.send(report, seller, host)
            check_told(reply)
        market.look()

    @rule(ms=st.sampled_from((1, MS_PER_HOUR, 12 * MS_PER_HOUR, 10 * MS_PER_DAY)))
    def wait(self, ms: int) -> None:
        self.market.advance(ms)
        self.market.look()

    def a_lease(self, which: int) -> Any:
        leases = list(self.market.engine.state.leases.values())
        return leases[which % len(leases)]

    def teardown(self) -> None:
        self.market.replayed()


TestEdges = EdgeMachine.TestCase
TestEdges.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


@pytest.mark.parametrize(
    ("amounts", "field"),
    [
        ((MAX_INT, 1), "amount_ucr"),
        ((MAX_INT, MAX_INT), "amount_ucr"),
        ((MAX_INT - 1, 1, 1), "amount_ucr"),
        ((MAX_INT, -1, 1, 1), "amount_ucr"),
    ],
)
def test_the_last_deposit_is_one_too_much(amounts: tuple[int, ...], field: str) -> None:
    """All money that is inside came from ``outside``: that one number bounds all others."""
    market = Edge()
    for at, amount in enumerate(amounts[:-1]):
        assert isinstance(market.deposit(NAMES[at % 2] if amount > 0 else "ann", amount), Done)
    reply = market.deposit("bob", amounts[-1])
    assert isinstance(reply, Refused)
    assert (reply.reason, reply.field) == ("invalid_field", field)
    market.look()
    market.replayed()


def test_a_metered_lease_of_a_million_units_can_be_written_down() -> None:
    """Its totals are counted in parts of a millisecond: past 2^64 of them within weeks.

    (Seen to end with an OverflowError at the first snapshot after 22 days.)
    """
    market = Edge()
    market.deposit("ann", 10**12)
    market.trade("ann", METERED, 1, MAX_QTY)
    market.advance(60 * MS_PER_DAY)
    (lease,) = market.engine.state.leases.values()
    assert lease.meter.metered_ms > 2**64
    market.look()
    market.send(LeaseRelease(req_id=1, lease_id=lease.lease_id), "ann")
    assert lease.charged_ucr == 60 * 24 * MAX_QTY // 10
    market.look()


def test_a_lease_ends_before_its_charges_are_above_the_bound() -> None:
    """Money goes round: two accounts that buy from one another pay for ever."""
    market = Edge()
    for name in NAMES:
        market.deposit(name, MAX_INT // 2)
    for name in NAMES:
        market.trade(name, SYMBOL, MAX_PRICE_UCR, MAX_QTY)
    assert len(market.engine.state.leases) == 2
    market.advance(12 * MS_PER_HOUR)
    market.look()
    ends = [
        (lease.reason, lease.charged_ucr) for lease in market.engine.state.ended_leases.values()
    ]
    assert ends == [("funds_exhausted", 9 * MAX_PRICE_UCR * MAX_QTY)] * 2


def test_evidence_that_is_full_counts_no_more() -> None:
    """What was delivered of what was sold stays true: neither grows alone."""
    evidence = Evidence()
    for _ in range(3):
        evidence.over(MAX_INT * 1000 // 2, MAX_INT * 1000 // 4)
    seen = view([evidence])
    assert seen.contracted_unit_s == MAX_INT
    assert seen.delivered_unit_s == MAX_INT // 2
    assert seen.leases == 3
    assert view([evidence, evidence]).contracted_unit_s == MAX_INT


def test_a_journal_of_before_is_replayed_and_grows_no_further(tmp_path: Path) -> None:
    """Bounds came after rows: what was accepted once is not refused at a start."""
    market = Edge()
    market.engine.state.replaying = True
    market.on_row = None
    for _ in range(2):
        market.deposit("ann", MAX_INT)
    rows = [
        JournalRow(at, now_ms, MSGPACK.encode(command))
        for at, (command, now_ms) in enumerate(market.journal, 1)
    ]
    create(tmp_path, rows)
    assert verified(SqliteStore(tmp_path)).engine.state_hash() == market.engine.state_hash()
    engine = load(SqliteStore(tmp_path)).engine
    assert engine.state_hash() == market.engine.state_hash()
    market.engine = engine
    assert isinstance(market.deposit("bob", 1), Refused)
    assert isinstance(market.deposit("ann", -MAX_INT), Done)
    assert isinstance(market.deposit("bob", 1), Refused)


def test_two_deposits_over_the_wire_and_a_restart(tmp_path: Path) -> None:
    """(Seen: numbers above 2^53, and with a thousand more no start any more.)"""
    deposit: dict[str, Any] = {"account": "ann", "amount_ucr": MAX_INT}

    async def main(refs: tuple[str, ...]) -> None:
        async with running(tmp_path / "data") as server, raw(server.url) as operator:
            await operator.log_in(OPERATOR)
            await operator.ask("admin.account", account="ann", name="Ann")
            replies = [await operator.ask("admin.deposit", **deposit, ref=ref) for ref in refs]
            assert [reply.get("field") for reply in replies] == [None] + ["amount_ucr"] * 2
            result = (await operator.ask("admin.balances"))["result"]["balances"]
            assert result["ann"]["available_ucr"] == MAX_INT == -result["outside"]["available_ucr"]

    for refs in (("a", "b", "c"), ("a", "c", "d")):
        asyncio.run(main(refs))
        code, _, errors = headroom("exchange", "verify", "--data", str(tmp_path / "data"))
        assert (code, errors) == (0, "")
