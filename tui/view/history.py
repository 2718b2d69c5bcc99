"""The account's past as the Orders screen shows it: which pages to ask for, and what they say.

Fills and changes of the balance of one month, newest first, as many as a person would look at;
what was paid and earned by day and by month, from the lines of invoices. The exchange is asked for
what is not known yet, in pieces of time, since it sends the oldest rows first. Pure.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from msgspec.structs import replace

from exchange.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from exchange.wire.requests import AccountStatement
from tui.view.months import day_of, days_in, later, month_of

ROWS_MAX: Final = 2_000
"""Rows of fills and of the balance beyond which no older ones are asked for."""
ROWS_KEPT: Final = 4_000
PAGES_MAX: Final = 50
"""Of one piece of time; a day of more leases than this holds is marked as not whole."""
REACH: Final = (10 * MS_PER_MINUTE, MS_PER_HOUR, MS_PER_DAY, 8 * MS_PER_DAY)
"""How far back the pieces begin, the newest first; the last one begins with the month."""
PAGE_ROWS: Final = 200
MONTHS_SHOWN: Final = 12
LAG_MS: Final = MS_PER_MINUTE
"""The exchange's read model may be behind by some seconds."""
AGAIN_MS: Final = 2 * MS_PER_SECOND
"""After something happened the newest is asked for at most this often."""
BUSY_AGAIN_MS: Final = 10 * MS_PER_SECOND
"""The same while older pages wait, or an account that never rests would never get them."""

Into: TypeAlias = Literal["trades", "postings", "day", "month"]
Row: TypeAlias = Mapping[str, Any]


class Sums(NamedTuple):
    """What was posted in a day or a month; ``whole`` False: there was more than was read."""

    paid_ucr: int = 0
    earned_ucr: int = 0
    lines: int = 0
    whole: bool = True

    def plus(self, rows: list[dict[str, Any]]) -> "Sums":
        """Return it with lines of invoices added; what is sold earns less the exchange's fee."""
        paid = sum(row["amount_ucr"] for row in rows if row["as"] == "buyer")
        sold = [row for row in rows if row["as"] == "seller"]
        earned = sum(row["amount_ucr"] - row["fee_ucr"] for row in sold)
        return Sums(
            self.paid_ucr + paid, self.earned_ucr + earned, self.lines + len(rows), self.whole
        )


class Job(NamedTuple):
    """One page to ask for. ``sums`` is what the pages before it came to."""

    into: Into
    request: AccountStatement
    reach: int = 0
    """Which of `REACH` its piece is; the number of them: the month's beginning, or the newest."""
    sums: Sums = Sums()


class History:
    """`next` is the page to ask for, `took` takes it. ``trouble``: why the last was not had."""

    def __init__(self) -> None:
        self.month_ms = 0
        self.rows: dict[Into, dict[Any, Row]] = {}
        """Fills and changes of the balance, by what is unlike in each."""
        self.days: dict[int, Sums] = {}
        self.months: dict[int, Sums] = {}
        self.trouble = ""
        self._jobs: deque[Job] = deque()
        self._asked: Job | None = None
        """The page that an answer is awaited for."""
        self._read_to: dict[Into, int] = {}
        """Up to when rows were asked for."""
        self._now_ms = 0
        self._stale = True
        self._planned_ms = 0

    def show(self, month_ms: int) -> None:
        """Show the fills, the balance and the days of another month."""
        self.month_ms = month_ms
        self._asked = None
        self.rows = {"trades": {}, "postings": {}}
        self._jobs.clear()
        self._read_to.clear()
        self._stale, self._planned_ms = True, 0

    def changed(self) -> None:
        """Something happened to the account: what is newest is not known any more."""
        self._stale = True

    @property
    def reading(self) -> bool:
        """Whether there are pages still to come."""
        return bool(self._jobs)

    # --- what to ask ---

    def next(self, now_ms: int) -> Job | None:
        """Return the page to ask for now, None when all is known."""
        if not self.month_ms:
            self.show(month_of(now_ms))
        pause_ms = BUSY_AGAIN_MS if self._jobs else AGAIN_MS
        if self._stale and now_ms - self._planned_ms >= pause_ms:
            self._stale = False
            self._planned_ms = self._now_ms = now_ms
            self._plan()
        self._asked = self._jobs.popleft() if self._jobs else None
        return self._asked

    def _plan(self) -> None:
        """Ask for the newest rows first, then for sums that are not known or still grow."""
        queued = {(job.into, job.request.from_ms) for job in self._jobs}
        rows = [job for into in self.rows for job in self._newest(into)]
        sums = [job for job in self._sums() if (job.into, job.request.from_ms) not in queued]
        self._jobs = deque([*rows, *sums[:2], *self._jobs, *sums[2:]])

    def _newest(self, into: Into) -> list[Job]:
        """Return the piece up to now, nothing when the month is over and was read."""
        read_to, end_ms = self._read_to.get(into), later(self.month_ms, 1)
        if read_to is None:
            from_ms = max(self.month_ms, min(self._now_ms, end_ms) - REACH[0])
            return [_rows_of(into, from_ms, end_ms, 0)]
        if read_to >= end_ms:
            return []
        newest = max((row["ts_ms"] for row in self.rows[into].values()), default=0)
        return [_rows_of(into, max(newest, read_to - LAG_MS), end_ms, len(REACH))]

    def _sums(self) -> list[Job]:
        """Return a job for today, for this month, then for each day and month not known yet."""
        today, month = day_of(self._now_ms), month_of(self._now_ms)
        days = [day for day in days_in(self.month_ms) if day < today and day not in self.days]
        back = [later(month, -number) for number in range(1, MONTHS_SHOWN)]
        months = [each for each in back if each not in self.months]
        return [
            _sums_of("day", today, today + MS_PER_DAY),
            _sums_of("month", month, later(month, 1)),
            *(_sums_of("day", day, day + MS_PER_DAY) for day in days[::-1]),
            *(_sums_of("month", each, later(each, 1)) for each in months),
        ]

    # --- what came ---

    def took(self, job: Job, result: Mapping[str, Any]) -> None:
        """Take a page; the rest of its piece, then an older piece, is asked for after it."""
        self.trouble = ""
        if job is not self._asked:
            return  # another month is shown since
        rows, offset = result.get("rows", []), result.get("next")
        summing = job.into in ("day", "month")
        job = job._replace(sums=job.sums.plus(rows)) if summing else job
        if not summing:
            self._keep(job.into, rows)
        if offset is not None and offset < PAGES_MAX * PAGE_ROWS:
            self._jobs.appendleft(job._replace(request=replace(job.request, offset=offset)))
        elif summing:
            known = self.days if job.into == "day" else self.months
            known[job.request.from_ms] = job.sums._replace(whole=offset is None)
        else:
            self._read(job)

    def failed(self, job: Job, why: str) -> None:
        """The page was not had; it is asked for again."""
        self.trouble = why
        if job is self._asked:
            self._jobs.appendleft(job)

    def _keep(self, into: Into, rows: list[dict[str, Any]]) -> None:
        known = self.rows[into]
        name = "trade_id" if into == "trades" else "account_seq"
        known.update((row[name], row) for row in rows)
        if len(known) > ROWS_KEPT:
            newest = sorted(known.items(), key=lambda item: item[1]["ts_ms"])[-ROWS_KEPT:]
            self.rows[into] = dict(newest)

    def _read(self, job: Job) -> None:
        """A piece is whole: reach further back as long as there are few rows."""
        if job.reach in (0, len(REACH)):
            self._read_to[job.into] = self._now_ms
        at, end_ms = job.reach + 1, job.request.from_ms
        if at > len(REACH) or end_ms <= self.month_ms or len(self.rows[job.into]) >= ROWS_MAX:
            return
        last_ms = min(self._now_ms, later(self.month_ms, 1))
        from_ms = self.month_ms if at == len(REACH) else last_ms - REACH[at]
        self._jobs.append(_rows_of(job.into, max(self.month_ms, from_ms), end_ms, at))


def _rows_of(into: Into, from_ms: int, to_ms: int, reach: int) -> Job:
    kind: Literal["trades", "postings"] = "trades" if into == "trades" else "postings"
    return Job(into, AccountStatement(req_id=1, kind=kind, from_ms=from_ms, to_ms=to_ms), reach)


def _sums_of(into: Into, from_ms: int, to_ms: int) -> Job:
    return Job(into, AccountStatement(req_id=1, kind="invoices", from_ms=from_ms, to_ms=to_ms))
