"""Reads answers that come in pages and joins them for the caller. Shell.

A page is a request like any other. The account channel is resumed from the sequence number of the
first page. A row of a later page may be newer than the first frames that follow; the last frame
about a thing is as new as its row, so applying all frames in order ends in the right state.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from exchange.client.errors import Refused
from exchange.units import MS_PER_SECOND
from exchange.wire.requests import AccountState, Subscribe
from exchange.wire.types import PAGE_ROWS_MAX, Paged, Request

TOO_LONG: Final = "frame_too_large"
WAITS_MAX: Final = 20
"""How often a page is requested again after a temporary refusal."""

OnAck: TypeAlias = Callable[[Any], None]
Ask: TypeAlias = Callable[[Any, OnAck | None], Awaitable[Any]]
"""Sends a request and returns its result; raises `Refused` or `Unknown`."""


async def whole_answer(ask: Ask, message: Request, on_ack: OnAck | None) -> Any:
    """Return the answer to ``message``, in pages if it is too long for a frame."""
    try:
        return await ask(message, on_ack)
    except Refused as error:
        asks_for_one = isinstance(message, Paged) and (message.limit or message.after) is not None
        if not isinstance(message, Paged) or asks_for_one or error.reason != TOO_LONG:
            raise
        paged = message
    return await read_pages(ask, paged)


async def read_pages(ask: Ask, message: Paged) -> dict[str, Any]:
    """Return the answer to ``message`` as if it had come in one piece. Raises like ``ask``.

    Lists and objects are joined; every other field is taken from the first page.
    """
    whole: dict[str, Any] = {}
    after: str | None = None
    while True:
        page = await _page(ask, replace(message, limit=PAGE_ROWS_MAX, after=after))
        after = page.pop("next")
        for name, value in page.items():
            known = whole.setdefault(name, value)
            if known is value:
                continue
            if isinstance(value, list):
                known.extend(value)
            elif isinstance(value, dict):
                known.update(value)
        if after is None:
            return whole


async def subscribe(ask: Ask, message: Subscribe, begun: OnAck) -> Any:
    """Listen to a channel; returns the ack's result, also an account too long for a frame.

    ``begun`` gets it before any later frame is looked at. Raises like ``ask``.
    """
    try:
        return await ask(message, begun)
    except Refused as error:
        if message.channel != "account" or error.reason != TOO_LONG:
            raise
    state = await read_pages(ask, AccountState(req_id=1))
    resumed = replace(message, resume_from=state["account_seq"])
    await ask(resumed, lambda _: begun(state))
    return state


async def _page(ask: Ask, message: Paged) -> dict[str, Any]:
    for _ in range(WAITS_MAX):
        try:
            return dict(await ask(message, None))
        except Refused as error:
            if error.retry_after_ms is None:
                raise
            await asyncio.sleep(error.retry_after_ms / MS_PER_SECOND)
    return dict(await ask(message, None))
