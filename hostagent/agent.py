"""The live agent: drives `HostCore` with a real clock, a connection and a machine. Shell module.

One task applies messages, one at a time, from one bounded queue; effects and requests run beside it
and bring their results back through the queue. Stopping the agent stops no VM: a later one finds
them by their metadata. The exchange is dialed for ever, since a host must come back by itself.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.client import (
    KEY_REFUSED,
    AnswerTime,
    Client,
    Connected,
    Disconnected,
    Event,
    Refused,
    Unknown,
    Unreachable,
    Urls,
    urls_of,
)
from exchange.client.backoff import Backoff
from exchange.log import log
from exchange.log.line import LogLine
from exchange.units import MS_PER_SECOND
from exchange.wire.close_codes import CLOSE_HANDED_OVER
from exchange.wire.frames import Ack, ErrorReply
from exchange.wire.instructions import ConsoleRead, HostLimit, HostSync, VmKill, VmLaunch
from exchange.wire.requests import HostSynced
from exchange.wire.types import Request
from hostagent.clock import SYSTEM, HostClock
from hostagent.core import log_events, owner
from hostagent.core.agent_log import AgentLog
from hostagent.core.core import HostCore
from hostagent.core.exchange_time import TimeTold
from hostagent.core.fallback import failed
from hostagent.core.kept import KeptOffer
from hostagent.core.listing import Listing
from hostagent.core.ports import (
    Effect,
    Hint,
    HostMessage,
    HypervisorError,
    LinkDown,
    LinkUp,
    Message,
    Observed,
    Result,
    Send,
    Tick,
)

QUEUE_MAX = 10_000
LONGEST_WAIT_S = 3600.0


class AgentError(Exception):
    """The agent cannot go on. ``str(error)`` is one line for the owner; ``final``: neither can one
    that is started again."""

    def __init__(self, line: str, final: bool = True) -> None:
        super().__init__(line)
        self.final = final


class Carrier(Protocol):
    """Carries effects out: `machine.Machine`, or `memory_machine.MemoryMachine`."""

    async def carry_out(self, effect: Effect) -> Result | None: ...

    async def own(self, owner: str) -> bool: ...

    def watch(self, tell: Callable[[], None]) -> None: ...

    async def observe(self) -> Observed: ...

    async def close(self) -> None: ...


def _tag(message: HostMessage | Request) -> str:
    """Return the name of ``message`` on the wire, such as ``vm.status``."""
    return str(message.__struct_config__.tag)


def _say(line: LogLine | None) -> None:
    if line is not None:
        log.write(line)


class Agent:
    """One host's agent. `run` ends only by cancellation or with an `AgentError`.

    ``keep`` is told after every message what an agent after this one must start with.
    """

    def __init__(
        self,
        core: HostCore,
        machine: Carrier,
        url: str | Urls,
        key: Ed25519PrivateKey,
        keep: Callable[[KeptOffer], None] = lambda offer: None,
        clock: HostClock = SYSTEM,
    ) -> None:
        self._core = core
        self._machine = machine
        self._urls = urls_of(url)
        self._key = key
        self._keep = keep
        self._queue: asyncio.Queue[Message] = asyncio.Queue(QUEUE_MAX)
        self._client: Client | None = None
        self._clock = clock
        self._answer_time: AnswerTime | None = None
        self._log = AgentLog()
        self._listing = Listing()

    async def run(self) -> None:
        """Adopt what runs here, then serve the exchange until canceled."""
        try:
            seen = await self._machine.observe()
        except (HypervisorError, OSError) as error:
            raise AgentError(f"the hypervisor cannot be looked at: {error}", final=False) from error
        try:
            async with asyncio.TaskGroup() as tasks:
                self._apply(seen, tasks)
                self._machine.watch(self._hint)
                tasks.create_task(self._pump(tasks))
                tasks.create_task(self._link())
        except* AgentError as errors:
            raise errors.exceptions[0] from None
        finally:
            await self._machine.close()

    # --- the core ---

    async def _pump(self, tasks: asyncio.TaskGroup) -> None:
        self._apply(Tick(), tasks)
        while True:
            self._apply(await self._next_message(), tasks)

    def _hint(self) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # then there is enough to do
            self._queue.put_nowait(Hint())

    async def _next_message(self) -> Message:
        """Wait for a message, or for the time at which the core wants to be woken."""
        due_ms = self._core.next_deadline_ms()
        wait_s = (
            LONGEST_WAIT_S if due_ms is None else max(0.0, (due_ms - self._clock.now_ms()) / 1000)
        )
        try:
            async with asyncio.timeout(min(wait_s, LONGEST_WAIT_S)):
                return await self._queue.get()
        except TimeoutError:
            return Tick()

    def _apply(self, message: Message, tasks: asyncio.TaskGroup) -> None:
        outs = self._core.apply(message, self._clock.now_ms())
        self._keep(self._core.offer.kept())
        for line in self._log.lines(self._core, message, outs, self._skew_ms()):
            log.write(line)
        for out in outs:
            job: Coroutine[Any, Any, None]
            job = self._send(out.message) if isinstance(out, Send) else self._carry_out(out)
            tasks.create_task(job)

    def _skew_ms(self) -> int | None:
        """Return how far the wall clock is ahead of the exchange's time, once that is known.

        Nothing here goes by the wall clock from then on.
        """
        if not self._core.clock.known:
            return None
        return self._clock.wall_ms() - self._core.clock.theirs(self._clock.now_ms())

    async def _carry_out(self, effect: Effect) -> None:
        try:
            result = await self._machine.carry_out(effect)
        except Exception as error:  # noqa: BLE001  One VM's trouble must not end the others' agent.
            what = f"unforeseen: {type(error).__name__}: {error}"
            log.write(log_events.effect_failed(type(effect).__name__, what))
            result = failed(effect)
        if result is not None:
            await self._queue.put(result)

    # --- the exchange ---

    async def _send(self, message: HostMessage) -> None:
        """Send, and bring the answer back; what gets none is sent again by the core."""
        client = self._client
        if client is None or not client.connected:
            return
        try:
            if isinstance(message, Request):
                await self._queue.put(await self._ask(client, message))
            else:
                await client.send(message)
                if isinstance(message, HostSynced):
                    _say(self._listing.synced())
        except (Unknown, OSError) as error:
            log.write(log_events.unanswered(_tag(message), str(error)))

    async def _ask(self, client: Client, message: Request) -> Ack | ErrorReply:
        """Return the answer under the core's number: on the wire the client gives its own."""
        try:
            _say(self._listing.answered(await client.request(message)))
            await self._take_time(client)
        except Refused as error:
            log.write(log_events.refused(_tag(message), str(error)))
            _say(self._listing.refused(error.reason))
            return ErrorReply(message.req_id, error.reason, error.message)
        except Unknown as error:
            log.write(log_events.unanswered(_tag(message), str(error)))
            return ErrorReply(message.req_id, "busy", str(error))
        return Ack(message.req_id)

    async def _link(self) -> None:
        """Log in, again and again; a client that has been connected dials again by itself."""
        said, pauses = "", Backoff()
        while True:
            after_s = 0.0
            try:
                async with Client(self._urls, self._key) as client:
                    self._client = client
                    async for event in client.events():
                        await self._take(event)
            except Unreachable as error:
                if str(error) != said:
                    log.write(log_events.unreachable(str(error)))
                said, after_s = str(error), error.retry_after_s
            except Refused as error:
                if error.reason in KEY_REFUSED:
                    raise AgentError(
                        f"{self._urls.first} does not let this key in: {error}"
                    ) from error
                log.write(log_events.not_let_in(self._urls.first, str(error)))
                after_s = error.retry_after_s
            except OSError as error:
                log.write(log_events.unreachable(str(error)))
            await asyncio.sleep(pauses.pause_s(after_s))

    async def _take_time(self, client: Client) -> None:
        """Pass on the exchange's time in the newest answer, once."""
        answer = client.answer_time
        if answer is None or answer is self._answer_time:
            return
        self._answer_time = answer
        age_s = asyncio.get_running_loop().time() - answer.came_s
        at_ms = self._clock.now_ms() - round(age_s * MS_PER_SECOND)
        took_ms = round((answer.came_s - answer.asked_s) * MS_PER_SECOND)
        await self._queue.put(TimeTold(answer.ts_ms, took_ms, at_ms))

    async def _serve(self, whom: str) -> None:
        """Know which domains are ours before the exchange says what is to run."""
        try:
            if await self._machine.own(whom):
                await self._queue.put(await self._machine.observe())
        except HypervisorError as error:
            log.write(log_events.hypervisor_lost(str(error)))  # the next look finds them

    async def _take(self, event: Event) -> None:
        match event:
            case Connected():
                if event.role != "host":
                    raise AgentError(f"this key is a {event.role}'s; enroll a host's key first")
                self._listing.link_up(event.host)
                log.write(log_events.connected(self._urls.first, event.account))
                if self._client is not None:
                    await self._take_time(self._client)
                await self._serve(owner.named(event.exchange, event.host, event.branch))
                await self._queue.put(LinkUp())
            case Disconnected():
                log.write(log_events.disconnected(event.reason))
                if event.code == CLOSE_HANDED_OVER:  # Two agents would fight for ever.
                    raise AgentError("another agent uses this key; only one agent can run a host")
                await self._queue.put(LinkDown())
            case VmLaunch() | VmKill() | HostLimit() | HostSync() | ConsoleRead():
                await self._queue.put(event)
            case _:
                log.write(log_events.not_for_a_host(type(event).__name__))
