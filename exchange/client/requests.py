"""Requests of a client: those that wait for their answer, and how to ask again. Shell."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct

from exchange.client.backoff import Backoff
from exchange.client.errors import Refused, Unknown
from exchange.wire.frames import Ack, ErrorReply

FIRST_REQ_ID: Final = 2
"""The first req_id; the login uses 1."""


class _Pending(Struct):
    """``on_ack`` runs before any later frame is looked at."""

    answer: asyncio.Future[Any]
    asked_s: float
    on_ack: Callable[[Any], None] | None = None


class AnswerTime(Struct, frozen=True):
    """``ts_ms``: the exchange's time when it wrote an answer. ``asked_s`` and ``came_s``: when the
    request went and when the answer came, by the event loop's clock."""

    ts_ms: int
    asked_s: float
    came_s: float


class Requests:
    """Open requests by req_id. A number is never used twice, so a late answer matches nothing."""

    def __init__(self) -> None:
        self._last_req_id = FIRST_REQ_ID - 1
        self._pending: dict[int, _Pending] = {}
        self.answer_time: AnswerTime | None = None

    def open(self, on_ack: Callable[[Any], None] | None) -> tuple[int, asyncio.Future[Any]]:
        """Return (req_id, the future of its ack's result)."""
        self._last_req_id += 1
        loop = asyncio.get_running_loop()
        pending = _Pending(loop.create_future(), loop.time(), on_ack)
        self._pending[self._last_req_id] = pending
        return self._last_req_id, pending.answer

    def forget(self, req_id: int) -> None:
        """Forget the request: nobody waits for its answer any more."""
        self._pending.pop(req_id, None)

    def answered(self, reply: Ack | ErrorReply) -> None:
        pending = self._pending.pop(reply.req_id, None)
        if pending is None or pending.answer.done():
            return
        if isinstance(reply, ErrorReply):
            pending.answer.set_exception(Refused(reply))
            return
        self.note_time(reply, pending.asked_s)
        try:
            if pending.on_ack is not None:
                pending.on_ack(reply.result)
        except (KeyError, TypeError) as error:
            pending.answer.set_exception(Unknown(f"the answer cannot be read: {error!r}"))
        else:
            pending.answer.set_result(reply.result)

    def note_time(self, reply: Ack, asked_s: float) -> None:
        """Note the exchange's time in an answer; one of an older release has none."""
        if reply.ts_ms is not None:
            now_s = asyncio.get_running_loop().time()
            self.answer_time = AnswerTime(reply.ts_ms, asked_s, now_s)

    def fail(self, reason: str) -> None:
        """Fail all open requests: no answer will come."""
        pending, self._pending = self._pending, {}
        for request in pending.values():
            if not request.answer.done():
                request.answer.set_exception(Unknown(reason))
                # The caller may still be in `send` and see the lost connection there.
                request.answer.exception()


async def answer(
    ask: Callable[[], Awaitable[Any]],
    ready: asyncio.Event,
    timeout_s: float,
    pauses: Backoff | None,
) -> Any:
    """Return what ``ask`` returns once ``ready``; with ``pauses``, ask again while told "later".

    Raises `Refused`, or `Unknown` when an answer is still missing after ``timeout_s``.
    """
    told: Refused | None = None
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                await ready.wait()
                told = None
                try:
                    return await ask()
                except Refused as error:
                    if pauses is None or not error.later:
                        raise
                    told = error
                await asyncio.sleep(pauses.pause_s(told.retry_after_s))
    except TimeoutError as error:
        if told is not None:
            raise told from error
        raise Unknown(f"no answer within {timeout_s:g} s") from error


async def certain_answer(
    ask: Callable[[float], Awaitable[Any]],
    is_over: Callable[[], bool],
    timeout_s: float,
    pauses: Backoff,
) -> Any:
    """Return what ``ask`` returns within the seconds it is given; ask again while unanswered.

    Raises `Refused` when nothing was done, or `Unknown`: after ``timeout_s``, or once
    ``is_over()``.
    """
    now_s = asyncio.get_running_loop().time
    left_s, ends_s, unsure = timeout_s, now_s() + timeout_s, False
    while left_s > 0:
        try:
            return await ask(left_s)
        except Unknown:
            if is_over():
                raise
            unsure = True
        except Refused as error:
            if unsure and (error.later or is_over()):
                # This refusal says nothing about the earlier attempts.
                raise Unknown(f"{error}; an earlier attempt was not answered") from error
            raise
        await asyncio.sleep(min(pauses.pause_s(), max(0.0, ends_s - now_s())))
        left_s = ends_s - now_s()
    raise Unknown(f"no answer within {timeout_s:g} s")
