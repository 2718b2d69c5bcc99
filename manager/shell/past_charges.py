"""Reads what the account was charged this month before the Manager began. Shell."""

from typing import Any, Final

import msgspec

from exchange.client import Client, Refused, Unknown
from exchange.log import log
from exchange.wire.requests import AccountStatement
from manager.core import log_events
from manager.core.budget import month_start_ms
from manager.core.messages import PastCharge, PastCharges

PAGES_MAX: Final = 500
"""Of 200 rows each."""


async def past_charges(client: Client, now_ms: int) -> PastCharges:
    """Return the charges of this month; what cannot be read is told, and does not count."""
    rows: list[PastCharge] = []
    offset = 0
    try:
        for _ in range(PAGES_MAX):
            request = AccountStatement(
                req_id=1, kind="charges", from_ms=month_start_ms(now_ms), offset=offset
            )
            page = await client.request(request, patient=True)
            rows += _rows(page)
            if page["next"] is None:
                return PastCharges(rows)
            offset = page["next"]
        why = f"there are more than {PAGES_MAX} pages"
    except (Refused, Unknown, KeyError, msgspec.ValidationError) as error:
        why = str(error)
    log.write(log_events.charges_unread(why))
    return PastCharges(rows)


def _rows(page: dict[str, Any]) -> list[PastCharge]:
    columns = page["columns"]
    named = [dict(zip(columns, row, strict=True)) for row in page["rows"]]
    return msgspec.convert(named, list[PastCharge])
