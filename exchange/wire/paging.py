"""Splits long answers into pages that fit in one frame. Pure.

Rows are measured in JSON; MessagePack needs fewer bytes for the same rows. Source:
docs/protocol.md, "How long a frame is".
"""

from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec

from exchange.wire.instructions import HostSync
from exchange.wire.results import Refused
from exchange.wire.types import PAGE_ROWS_MAX, SENT_FRAME_BYTES, Paged

ROWS_BYTES: Final = SENT_FRAME_BYTES - 4 * 1024
"""The rest of a frame is for the fields around the rows. A single row is far smaller than this."""
TOO_LONG: Final = Refused(
    "frame_too_large",
    f"the answer is longer than {SENT_FRAME_BYTES} bytes: ask for pages with limit",
    "limit",
)

T = TypeVar("T")
_encoded: Final = msgspec.json.Encoder().encode


def page(
    rows: Iterable[tuple[str, T]], limit: int = PAGE_ROWS_MAX, room: int = ROWS_BYTES
) -> tuple[list[T], str | None]:
    """Return as many of the first ``rows``, pairs of (cursor, row), as fit in one frame.

    Also returns the last row's cursor when more rows follow, else None. Stops reading at the first
    row that does not fit.
    """
    taken: list[T] = []
    last = None
    for cursor, row in rows:
        room -= len(_encoded(row)) + 1
        if taken and (room < 0 or len(taken) >= limit):
            return taken, last
        taken.append(row)
        last = cursor
    return taken, None


def head(rows: list[T], room: int = ROWS_BYTES) -> int:
    """Return how many of the first ``rows`` fit in one frame."""
    return len(page((("", row) for row in rows), max(1, len(rows)), room)[0])


def sync_parts(sync: HostSync) -> list[HostSync]:
    """Return ``sync`` cut into frames; all but the last say that there is ``more``."""
    parts: list[HostSync] = []
    leases, vms = sync.leases, sync.vms
    while not parts or leases or vms:
        held = head([*leases, *vms])
        here = HostSync(sync.instruction_id, sync.epoch, leases[:held], [])
        here.vms = vms[: held - len(here.leases)]
        leases, vms = leases[held:], vms[len(here.vms) :]
        here.more = bool(leases or vms)
        parts.append(here)
    return parts


def answered(message: Paged, result: dict[str, Any], following: str | None) -> Any:
    """Return the answer to ``message``: a page of ``result``, all of it, or a refusal.

    A client that did not ask for pages cannot read them: it gets all rows, or a refusal that tells
    it to ask for pages.
    """
    if message.limit is not None or message.after is not None:
        return result | {"next": following}
    return result if following is None else TOO_LONG
