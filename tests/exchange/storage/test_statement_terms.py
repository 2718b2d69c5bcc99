"""Every charge and every line of an invoice can be worked out from its own row.

The rows are those of the read model, made of the frames of random markets; what they say is worked
out here by operations.md, "Statements", with fractions. Seen to fail on planted bugs: a boot
that is told as a wait for the launch, a charge's CPU left out, the first charge's ``before_ucr``.
"""

import sqlite3
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any, Final

import pytest

from exchange.engine.engine import Engine
from exchange.recovery.frame_check import told_as_before
from exchange.storage.history import FILE_NAME, VERSION, note, opened
from exchange.storage.statements import page
from exchange.wire.charge_terms import ChargeTerms
from exchange.wire.codec import MSGPACK
from exchange.wire.frames import AccountFrame, BalanceUpdate, Charge
from exchange.wire.requests import AccountStatement, StatementKind
from tests.exchange.storm.noise import MONEY, Noise
from tests.exchange.support.lease_market import HOUR, MINUTE, LeaseMarket
from tests.exchange.support.market import Market

METERED: Final = "small.eu-de.metered.spot"
WINDOW: Final = "small.eu-de.flat.2023-11-14T23"
FEE_PCT: Final = 1
SEEDS: Final = range(3)
COMMANDS: Final = 1_500

Row = dict[str, Any]


def history(path: Path, told: list[tuple[str, AccountFrame]]) -> sqlite3.Connection:
    database = opened(path / FILE_NAME)
    note(database, told)
    return database


def told_by(market: Market) -> list[tuple[str, AccountFrame]]:
    return [(name, frame) for name, frames in market.frames.items() for frame in frames]


def statement(database: sqlite3.Connection, account: str, kind: StatementKind) -> list[Row]:
    rows: list[Row] = []
    offset: int | None = 0
    while offset is not None:
        asked = AccountStatement(req_id=1, kind=kind, offset=offset)
        found = page(database, account, asked, FEE_PCT)
        assert all(list(row) == found.columns for row in found.rows)
        rows, offset = rows + found.rows, found.next
    return rows


def billed_ms(row: Row) -> Fraction:
    """Unit-time billed since the lease began, parts of a millisecond included."""
    return Fraction(row["billed_ms"]) + Fraction(row["billed_part"], row["part_of"] or 1)


def amount_ucr(row: Row) -> int:
    price_ucr, before_ucr = int(row["price_ucr"]), int(row["before_ucr"])
    return max(0, ceil(price_ucr * billed_ms(row) / HOUR) - before_ucr)


def weighted_ms(row: Row, period: str) -> Fraction:
    """Metered: a period's unit-time by its CPU's share, at least a tenth."""
    unit_ms, mvcpu = Fraction(row[f"{period}_ms"]), Fraction(row["part_of"], 10)
    used_ms = Fraction(row[f"{period}_cpu_ms"] * 1000) / mvcpu
    return min(unit_ms, max(unit_ms / 10, used_ms))


def check_charge(row: Row) -> None:
    assert row["amount_ucr"] == amount_ucr(row), row
    left_out_ms = row["silent_ms"] + row["waited_ms"] + row["boot_ms"]
    assert min(row["silent_ms"], row["waited_ms"], row["boot_ms"], row["minimum_ms"]) >= 0, row
    there_ms = row["sold_ms"] - left_out_ms
    assert there_ms >= 0 <= row["whole_ms"] <= row["sold_ms"], row
    if not row["part_of"]:
        assert row["billed_ms"] == there_ms + row["minimum_ms"], row
        return
    assert row["run_cpu_ms"] == row["cpu_ms"], row
    settled = row["settled_ms"] + Fraction(row["settled_part"], row["part_of"])
    minimum = row["minimum_ms"] + Fraction(row["minimum_part"], row["part_of"])
    used = settled + weighted_ms(row, "last") + weighted_ms(row, "run")
    assert billed_ms(row) == used + minimum, row


def check_all(database: sqlite3.Connection, accounts: list[str]) -> list[Row]:
    """Work out every charge, both sides' lines and the fees; returns all charges."""
    found: list[Row] = []
    for account in accounts:
        charges = statement(database, account, "charges")
        earnings = statement(database, account, "earnings")
        for row in (*charges, *earnings):
            check_charge(row)
        lines = statement(database, account, "invoices")
        for line in lines:
            assert line["amount_ucr"] == amount_ucr(line), line
        for side, rows in (("buyer", charges), ("seller", earnings)):
            total = sum(line["amount_ucr"] for line in lines if line["as"] == side)
            assert total == sum(row["amount_ucr"] for row in rows)
        assert all(r["fee_ucr"] == r["amount_ucr"] * r["fee_pct"] // 100 for r in earnings)
        fees = sum(line["fee_ucr"] for line in lines)
        assert fees == sum(row["fee_ucr"] for row in earnings)
        found += charges
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_every_amount_of_a_random_market_is_worked_out_from_its_row(
    tmp_path: Path, seed: int
) -> None:
    noise = Noise(seed)
    noise.run(COMMANDS, laws_every=COMMANDS)
    with closing(history(tmp_path, told_by(noise.market))) as database:
        rows = check_all(database, list(MONEY))
    assert len(rows) > 50
    assert any(row["part_of"] for row in rows), "metered ones too"
    for name in ("silent_ms", "waited_ms", "boot_ms", "minimum_ms"):
        assert any(row[name] for row in rows), f"nothing ever {name}"


def only(market: LeaseMarket, tmp_path: Path, kind: StatementKind = "charges") -> list[Row]:
    with closing(history(tmp_path, told_by(market))) as database:
        check_all(database, ["buyer", "seller"])
        return statement(database, "buyer", kind)


def test_units_released_one_by_one_are_all_in_the_line(tmp_path: Path) -> None:
    """(Seen: one unit beside the amount of two.)"""
    market = LeaseMarket()
    lease = market.lease(units=2, price_ucr=36_000)
    market.release(lease, units=1)
    market.release(lease, units=1)
    (charge,) = only(market, tmp_path)
    (line,) = only(market, tmp_path, "invoices")
    for row in (charge, line):
        assert (row["units"], row["amount_ucr"], row["price_ucr"]) == (2, 6_000, 36_000)
        assert (row["sold_ms"], row["minimum_ms"], row["billed_ms"]) == (0, 600_000, 600_000)


def test_what_is_left_out_is_told_by_its_reason(tmp_path: Path) -> None:
    """One unit waits 30 s for a launch, boots for 50 s and is silent for 4 min of an hour."""
    market = LeaseMarket()
    lease = market.lease(units=2)
    vm = market.start(lease)
    market.advance(30_000)
    market.report(vm, "running")
    market.advance(50_000)
    market.report(vm, "running", ready=True)
    market.advance(10 * MINUTE)
    market.silent(market.now_ms)
    market.advance(4 * MINUTE)
    market.back(boot_id="boot 2")
    market.advance(HOUR)
    market.advance(2 * HOUR)
    market.stop(vm)
    market.release(lease, units=1)
    market.advance(2 * HOUR)
    rows = only(market, tmp_path)
    first, last = rows[0], rows[-1]
    assert (first["units"], first["sold_ms"]) == (2, 2 * HOUR)
    assert (last["units"], len(rows)) == (1, 5)
    for row in rows:  # settled, and of a unit that has left: it stays what it was
        left_out = row["waited_ms"], row["boot_ms"], row["silent_ms"]
        assert left_out == (30_000, 50_000, 2 * 4 * MINUTE)
        assert row["billed_ms"] == row["sold_ms"] - sum(left_out)


def test_a_window_given_up_is_billed_in_full(tmp_path: Path) -> None:
    market = LeaseMarket()
    lease = market.lease(units=3, symbol=WINDOW)
    market.advance(HOUR)
    market.release(lease, units=1)
    market.advance(2 * HOUR)
    (row,) = only(market, tmp_path)
    assert (row["units"], row["sold_ms"], row["billed_ms"]) == (3, 3 * HOUR, 3 * HOUR)
    assert 0 < row["whole_ms"] < HOUR
    assert row["amount_ucr"] == 3 * 36_000


def test_a_metered_hour_says_which_cpu_it_was_billed_by(tmp_path: Path) -> None:
    market = LeaseMarket()
    lease = market.lease(price_ucr=36_000, symbol=METERED)
    vm = market.start(lease)
    market.report(vm, "running", ready=True)
    market.advance(HOUR)
    market.use(vm, HOUR // 2)
    market.advance(HOUR)
    first, second = only(market, tmp_path)
    assert (first["cpu_ms"], first["run_ms"], first["amount_ucr"]) == (0, HOUR, 3_600)
    assert (second["last_ms"], second["last_cpu_ms"]) == (HOUR, HOUR // 2)
    assert second["amount_ucr"] == 18_000 + 3_600 - 3_600


def test_a_restored_engine_gives_the_same_answers(tmp_path: Path) -> None:
    """What explains a charge is no part of the state, and yet comes back with a snapshot."""
    market = LeaseMarket()
    lease = market.lease(units=2)
    vms = [market.start(lease, name) for name in ("a", "b")]
    market.advance(40_000)
    for vm in vms:
        market.report(vm, "running", ready=True)
    market.stop(vms[0])
    market.release(lease, units=1)
    state_hash = market.engine.state_hash()
    other = Engine.restore(market.engine.snapshot())
    assert other.state_hash() == state_hash
    market.advance(HOUR)
    outs = other.apply(*market.journal[-1])
    told = [frame for _, frame in outs if isinstance(frame, Charge)]
    assert told == [frame for frame in market.frames["buyer"] if isinstance(frame, Charge)]
    terms = told[0].terms
    assert terms is not None and terms.waited_ms == 80_000


def test_a_history_of_before_gets_columns_and_keeps_its_rows(tmp_path: Path) -> None:
    """Its charges have amounts as ever; what they were worked out from nobody knows any more."""
    market = LeaseMarket()
    lease = market.lease(units=2)
    market.release(lease, units=1)
    market.release(lease, units=1)
    with closing(history(tmp_path, told_by(market))) as database:
        database.execute("ALTER TABLE charge DROP COLUMN terms")
        database.execute("PRAGMA user_version = 1")
        database.commit()
    with closing(opened(tmp_path / FILE_NAME)) as database:
        assert database.execute("PRAGMA user_version").fetchone()[0] == VERSION
        for kind in ("charges", "invoices"):
            (row,) = statement(database, "buyer", kind)
            assert (row["amount_ucr"], row["units"], row["billed_ms"]) == (6_000, 2, None)
        market.release(market.lease(units=1))
        note(database, told_by(market))
        assert [row["billed_ms"] for row in statement(database, "buyer", "charges")] == [
            None,
            5 * MINUTE,
        ]


def test_frames_of_before_are_what_the_rows_lead_to() -> None:
    """Stored by a release that told no terms, and compared with one that does."""
    terms = ChargeTerms(units=1, before_ucr=0, sold_ms=1, billed_ms=1)
    balance = BalanceUpdate(2, 1, 1, 5, 0, "charge")
    stored: list[AccountFrame] = [Charge(1, 1, 1, "l-1", 0, 1, 7), balance]
    for now in (terms, None):
        made: list[AccountFrame] = [Charge(1, 1, 1, "l-1", 0, 1, 7, None, now), balance]
        told_as_before(stored, made)
        assert MSGPACK.encode(made) == MSGPACK.encode(stored)
    told = [Charge(1, 1, 1, "l-1", 0, 1, 7, None, terms)]
    made = [Charge(1, 1, 1, "l-1", 0, 1, 7, None, None)]
    told_as_before(list(told), made)
    assert MSGPACK.encode(made) != MSGPACK.encode(told), "what is told must agree"
    assert all(a.account_seq < b.account_seq for a, b in pairwise(stored))
