"""The statements that ``journal.db`` is written and read with."""

from typing import Final

INSERT_ROW: Final = "INSERT INTO journal VALUES (?, ?, ?, ?, ?)"
INSERT_FRAMES: Final = "INSERT INTO account_frames VALUES (?, ?, ?, ?, ?)"
SELECT_ROWS: Final = (
    "SELECT seq, now_ms, rules, body, chain FROM journal WHERE seq > ? ORDER BY seq"
)
SELECT_PAGE: Final = """
SELECT seq, now_ms, rules, body, chain FROM journal WHERE seq > ? AND seq <= ?
ORDER BY seq LIMIT ?"""
SELECT_LAST: Final = "SELECT seq, chain FROM journal ORDER BY seq DESC LIMIT 1"
DELETE_SEALED: Final = """
DELETE FROM journal WHERE seq <= ? AND seq < (SELECT min(seq) FROM journal) + ?"""
SELECT_FRAMES: Final = """
SELECT account, first_seq, last_seq, ts_ms, body FROM account_frames
WHERE account = ? AND last_seq > ? AND first_seq <= ? ORDER BY last_seq LIMIT ?"""

KEPT_FROM: Final = """
WITH RECURSIVE known(name) AS (
  SELECT min(account) FROM account_frames UNION ALL
  SELECT (SELECT min(account) FROM account_frames WHERE account > name) FROM known
  WHERE name IS NOT NULL)
SELECT name, (
  SELECT first_seq FROM account_frames WHERE account = name AND ts_ms >= ?
  ORDER BY last_seq LIMIT 1)
FROM known WHERE name IS NOT NULL"""
"""Uses the index, one look-up for each account, instead of reading a week of frames."""
DELETE_FRAMES: Final = """
DELETE FROM account_frames WHERE rowid IN (
  SELECT rowid FROM (SELECT rowid, ts_ms FROM account_frames ORDER BY rowid LIMIT ?)
  WHERE ts_ms < ? AND rowid < (SELECT max(rowid) FROM account_frames))"""
"""Rows are in the order of their time. The last one is kept so that row numbers are never reused:
the read model counts by them."""
