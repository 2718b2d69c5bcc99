"""Pages of an account's own history, read from the read model. Shell.

Every row has its time (``ts_ms``, UTC) and the command that caused it (``seq``); money is in
``_ucr``. A posting's ``change_ucr`` is what it did to available plus held, so they add up to the
balance. An invoice's lines are the charges of one lease in one calendar month (UTC), as its buyer
owes them or as its seller earned them less the fee. A row has the fields of `ChargeTerms`, so its
charge can be computed again from the row alone.
"""

import sqlite3
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from exchange.wire.charge_terms import ChargeTerms
from exchange.wire.requests import AccountStatement

PAGE_ROWS: Final = 200

_POSTINGS: Final = """
SELECT ts_ms, seq, account_seq, why, available_ucr, held_ucr, total_ucr - before_ucr AS change_ucr
FROM (SELECT *, available_ucr + held_ucr AS total_ucr,
             lag(available_ucr + held_ucr, 1, 0) OVER (ORDER BY account_seq) AS before_ucr
      FROM posting WHERE account = :account)
WHERE ts_ms >= :from_ms AND ts_ms < :to_ms ORDER BY account_seq"""
_TRADES: Final = """
SELECT ts_ms, seq, trade_id, symbol, CASE WHEN buyer = :account THEN 'buy' ELSE 'sell' END AS side,
       qty, price_ucr, CASE WHEN (buyer = :account) = (taker_side = 'buy') THEN 'taker'
                            ELSE 'maker' END AS liquidity
FROM trade WHERE (buyer = :account OR seller = :account) AND ts_ms >= :from_ms AND ts_ms < :to_ms
ORDER BY seq, rowid"""
_CHARGES: Final = """
SELECT c.ts_ms, c.seq, c.lease_id, l.symbol, l.host, c.from_ms, c.to_ms, c.amount_ucr, c.cpu_ms,
       coalesce(json_extract(c.terms, '$.units'), l.units) AS units, l.price_ucr, c.terms
FROM charge c JOIN lease l USING (lease_id)
WHERE c.account = :account AND c.ts_ms >= :from_ms AND c.ts_ms < :to_ms ORDER BY c.account_seq"""
_EARNINGS: Final = """
SELECT c.ts_ms, c.seq, c.lease_id, l.symbol, l.host, c.from_ms, c.to_ms, c.amount_ucr, c.cpu_ms,
       :fee_pct AS fee_pct, c.amount_ucr * :fee_pct / 100 AS fee_ucr,
       coalesce(json_extract(c.terms, '$.units'), l.units) AS units, l.price_ucr, c.terms
FROM charge c JOIN lease l USING (lease_id)
WHERE l.seller = :account AND c.ts_ms >= :from_ms AND c.ts_ms < :to_ms
ORDER BY c.seq, c.account, c.account_seq"""
_USAGE: Final = """
SELECT u.at_ms AS ts_ms, u.seq, v.lease_id, u.vm_id, v.name, u.boot, u.cpu_ms_total, u.mem_mib,
       u.net_rx_total, u.net_tx_total
FROM usage u JOIN vm v USING (vm_id)
WHERE v.account = :account AND u.at_ms >= :from_ms AND u.at_ms < :to_ms ORDER BY u.seq"""
_INVOICES: Final = """
WITH line AS (
SELECT strftime('%Y-%m', c.ts_ms / 1000, 'unixepoch') AS month,
       CASE WHEN l.buyer = :account THEN 'buyer' ELSE 'seller' END AS as_, c.account, c.lease_id,
       coalesce(max(json_extract(c.terms, '$.units')), l.units) AS units,
       min(c.from_ms) AS from_ms, max(c.to_ms) AS to_ms, count(*) AS charges,
       sum(c.amount_ucr) AS amount_ucr, min(c.seq) AS seq,
       CASE WHEN l.buyer = :account THEN 0 ELSE sum(c.amount_ucr * :fee_pct / 100) END AS fee_ucr,
       min(c.account_seq) AS first,
       coalesce(max(iif(c.amount_ucr > 0, c.account_seq, NULL)), max(c.account_seq)) AS last
FROM charge c JOIN lease l USING (lease_id)
WHERE (l.buyer = :account OR l.seller = :account) AND c.ts_ms >= :from_ms AND c.ts_ms < :to_ms
GROUP BY month, as_, c.lease_id)
SELECT month, as_, line.lease_id, l.symbol, line.units, l.price_ucr, line.from_ms, line.to_ms,
       charges, line.amount_ucr, fee_ucr, json_extract(f.terms, '$.before_ucr') AS before_ucr,
       c.terms
FROM line JOIN lease l USING (lease_id)
JOIN charge f ON f.account = line.account AND f.account_seq = line.first
JOIN charge c ON c.account = line.account AND c.account_seq = line.last
ORDER BY month, as_, line.seq, line.lease_id"""
"""The terms are those of the last charge above zero, but ``before_ucr`` is that of the first: so a
line's amount can be computed from its terms like that of a single charge."""
_QUERIES: Final = {
    "postings": _POSTINGS,
    "trades": _TRADES,
    "charges": _CHARGES,
    "earnings": _EARNINGS,
    "usage": _USAGE,
    "invoices": _INVOICES,
}
_FOR_EVER_MS: Final = 2**62
_TERMS: Final = "terms"
_TERM_NAMES: Final = ChargeTerms.__struct_fields__
_UNKNOWN: Final[dict[str, Any]] = dict.fromkeys(_TERM_NAMES)
"""Used for charges made before terms were sent, until the read model is rebuilt."""


class Page(Struct):
    """The result of an `AccountStatement`; ``next``: the ``offset`` of the next page, if any."""

    columns: list[str]
    """The column names, also when there are no rows."""
    rows: list[dict[str, Any]]
    next: int | None = None


def page(database: sqlite3.Connection, account: str, asked: AccountStatement, fee_pct: int) -> Page:
    """Return one page of the account's history. Raises `sqlite3.Error`."""
    bounds = {
        "account": account,
        "from_ms": asked.from_ms,
        "to_ms": _FOR_EVER_MS if asked.to_ms is None else asked.to_ms,
        "fee_pct": fee_pct,
        "offset": asked.offset,
        "limit": PAGE_ROWS + 1,
    }
    cursor = database.execute(f"{_QUERIES[asked.kind]} LIMIT :limit OFFSET :offset", bounds)
    names = [column[0].rstrip("_") for column in cursor.description]
    rows = [_explained(dict(zip(names, row, strict=True))) for row in cursor]
    if _TERMS in names:
        names = list(dict.fromkeys([*names[:-1], *_TERM_NAMES]))
    more = len(rows) > PAGE_ROWS
    return Page(names, rows[:PAGE_ROWS], asked.offset + PAGE_ROWS if more else None)


def _explained(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its terms as columns; the row's own fields win."""
    if _TERMS not in row:
        return row
    stored = row.pop(_TERMS)
    told = _UNKNOWN if stored is None else asdict(msgspec.json.decode(stored, type=ChargeTerms))
    return row | {name: value for name, value in told.items() if name not in row}
