"""Answers that come in pages, read to the end for whoever asked. Shell.

A page is a request like any other. The account is read and then resumed from where the first page
stood: a row of a later page may know more than the frames that follow, and the last frame about a
thing is as new as its row, so that whoever applies them in turn ends at the truth.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, TypeGuard

from msgspec.structs import replace

from exchange.dial import Refused
from exchange.protocol import AccountState, Subscribe
from exchange.units import MS_PER_SECOND
from exchange.wire import PAGE_ROWS_MAX, Paged, Request

WAITS_MAX: Final = 20
"""So often a page is asked for again when the exchange says: later."""

OnAck: TypeAlias = Callable[[Any], None]
Ask: TypeAlias = Callable[[Any, OnAck | None], Awaitable[Any]]
"""Sends a request and returns its result; raises `Refused` or `Unknown`."""


def in_pages(message: Request, error: Refused) -> TypeGuard[Paged]:
    """Was ``message`` refused because its answer is too long, and may it be had in pages?"""
    if not isinstance(message, Paged) or message.limit is not None or message.after is not None:
        return False
    return error.reason == "frame_too_large"


async def read_pages(ask: Ask, message: Paged) -> dict[str, Any]:
    """Return the answer to ``message`` as if it had come in one piece. Raises like ``ask``.

    Lists and objects are joined; what else a page says is as the first one said it.
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


async def subscribe_account(ask: Ask, message: Subscribe, begun: OnAck) -> Any:
    """Listen to the account; returns its state, also one that is too long for a frame.

    ``begun`` gets the state before any later frame is looked at. Raises like ``ask``.
    """
    try:
        return await ask(message, begun)
    except Refused as error:
        if error.reason != "frame_too_large":
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
