"""The running Manager: one queue into the core, and tasks that carry out its outputs. Shell.

The exchange's frames, answers to requests, load samples and words of the balancer all enter one
bounded inbox; one loop feeds the core, so nothing overtakes. Requests run as tasks of their own
and report back through the inbox; so does `balancing`. A request without an answer is not repeated:
the account is read anew and the core asks for what is missing.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from exchange.client import Client, Refused, Unknown
from exchange.client import events as wire
from exchange.client.backoff import Backoff
from exchange.log import log
from exchange.wire.frames import (
    Ack,
    BalanceUpdate,
    BookSnapshot,
    BookUpdate,
    Charge,
    ErrorReply,
    HostUpdate,
    InstrumentsSnapshot,
    InstrumentUpdate,
    LeaseUpdate,
    Notice,
    OrderUpdate,
    VmUpdate,
)
from exchange.wire.requests import AccountState
from exchange.wire.types import Channel
from manager.core import log_events
from manager.core.core import Manager
from manager.core.messages import (
    AnotherManager,
    Disconnected,
    DrainBackend,
    InstrumentsKnown,
    Listen,
    LoadSample,
    Log,
    ManagerMessage,
    ManagerRequest,
    Out,
    RegisterBackend,
    RemoveBackend,
    Send,
    Unlisten,
    connected,
)
from manager.core.ports import LoadBalancer, LoadError, LoadSource
from manager.selling.selling import Selling
from manager.shell.alerting import Alerting
from manager.shell.alone import RETRY_S, Alone
from manager.shell.balancing import Balancing
from manager.shell.config_file import AlertsTable
from manager.shell.inbox import INBOX_MAX, Inbox, Version, Work
from manager.shell.library_use import LastUse
from manager.shell.past_charges import past_charges
from manager.shell.past_load import PastLoad

CORE_FRAMES: Final = (
    OrderUpdate,
    LeaseUpdate,
    VmUpdate,
    Notice,
    Charge,
    BalanceUpdate,
    InstrumentUpdate,
    HostUpdate,
    BookSnapshot,
    BookUpdate,
)


class Clock:
    """UTC in ms: the wall clock once, then monotonic, so that it never goes back."""

    def __init__(self) -> None:
        self._ahead_ms = time.time_ns() // 1_000_000 - time.monotonic_ns() // 1_000_000

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000 + self._ahead_ms


class Daemon:
    """Runs ``manager``, and ``selling`` beside it, until `run` is canceled.

    ``load``: None when no rule needs one.
    """

    def __init__(
        self,
        client: Client,
        manager: Manager,
        load: LoadSource | None,
        balancer: LoadBalancer,
        interval_s: float,
        selling: Selling | None = None,
        alerts: AlertsTable | None = None,
    ) -> None:
        self._client = client
        self.manager = self._manager = manager
        self.selling = self._selling = selling
        self._cores: list[Manager | Selling] = [manager] if selling is None else [manager, selling]
        self._load = load
        self._interval_s = interval_s
        self._clock = Clock()
        self._inbox: Inbox = asyncio.Queue(INBOX_MAX)
        self.version = Version()
        self._tasks: set[asyncio.Task[None]] = set()
        self.alerting = Alerting(alerts, self._clock.now_ms)
        self._tell = self.alerting.tell
        self._balancing = Balancing(balancer, self._inbox, self._clock.now_ms, self._tell)
        groups = () if selling is None else selling.groups
        self._alone = Alone(client, [row.rule for row in manager.rule_states()], groups)
        self._reading: object | None = None
        self.past_load = PastLoad()
        self.last_use = LastUse()
        self._fleet = False

    async def run(self) -> None:
        """Serve until canceled. Raises `Refused` or `Unknown` when the account is closed to us."""
        state = await self._client.subscribe("account")
        # What drains there was leaving when the Manager before us ended.
        await self._balancing.look()
        await self._inbox.put(await past_charges(self._client, self._clock.now_ms()))
        if not await self._others():
            await self._inbox.put(connected(state))
        await self._client.subscribe("instruments")
        if self._selling is not None and self._selling.groups:
            self._fleet = True
            await self._client.subscribe("fleet")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read_events())
                group.create_task(self._read_load())
                group.create_task(self._balancing.watch())
                group.create_task(self._pump())
                group.create_task(self.alerting.run())
                if self._alone.waits:
                    self._spawn(self._read_account())
        except* (Refused, Unknown) as errors:
            raise errors.exceptions[0] from None
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._balancing.stop()

    async def _pump(self) -> None:
        """The only place that touches the core."""
        while True:
            message = await self._next()
            now_ms = self._clock.now_ms()
            # What ends, ends in a turn: until then it was in use.
            self.last_use.note(self._manager.rented.vms_in_use(), now_ms)
            if isinstance(message, Work):
                self._carry_out(message.call(self._manager, now_ms))
                message.tell()
                message = None
            for core in self._cores:
                outs = core.wake(now_ms) if message is None else core.apply(message, now_ms)
                self._carry_out(outs)
            self.version.step()

    async def do(self, call: Callable[[Manager, int], list[Out]]) -> None:
        """Let ``call`` change the core in its turn; return when its outs are carried out."""
        done = asyncio.get_running_loop().create_future()
        await self._inbox.put(Work(call, done))
        await done

    async def claim(self, rules: Iterable[str], groups: Iterable[str]) -> str:
        """Claim these names for this Manager; return who has one of them, "" when nobody."""
        return await self._alone.renamed(rules, groups)

    def follow_fleet(self) -> None:
        """The file has groups now: hear of the account's servers."""
        if not self._fleet:
            self._fleet = True
            self._spawn(self._follow("fleet", None))

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def read_from(self, load: LoadSource | None, interval_s: float) -> None:
        """Take the load from there from now on."""
        self._load, self._interval_s = load, interval_s

    async def _next(self) -> ManagerMessage | Work | None:
        """Return the next message, ``None`` when the core's deadline comes first."""
        times = [core.next_deadline_ms() for core in self._cores]
        due_ms = min((at_ms for at_ms in times if at_ms is not None), default=None)
        wait_s = None if due_ms is None else max(0, due_ms - self._clock.now_ms()) / 1000
        try:
            async with asyncio.timeout(wait_s):
                return await self._inbox.get()
        except TimeoutError:
            return None

    async def _read_events(self) -> None:
        first = True
        async for event in self._client.events():
            match event:
                case wire.Connected():
                    if not first:
                        log.write(log_events.connected())
                        self._spawn(self._read_account())
                    first = False
                case wire.Disconnected(reason):
                    self._tell(log_events.disconnected(reason))
                    await self._inbox.put(Disconnected())
                case wire.AccountReset(state, reason):
                    log.write(log_events.account_reset(reason))
                    await self._begin(state)
                case wire.Unsubscribed(channel, symbol, reason):
                    log.write(log_events.unsubscribed(channel, reason))
                    if channel == "account":
                        await self._listen_again()
                    elif channel == "fleet":
                        self._spawn(self._follow("fleet", None))
                    elif channel == "book":
                        self._spawn(self._follow("book", symbol))
                case InstrumentsSnapshot(instruments):
                    for instrument in instruments:
                        await self._inbox.put(instrument)
                    symbols = frozenset(instrument.symbol for instrument in instruments)
                    await self._inbox.put(InstrumentsKnown(symbols))
                case _ if isinstance(event, CORE_FRAMES):
                    await self._inbox.put(event)
                case _:
                    pass  # frames that nothing here needs, such as the server's heartbeat

    async def _read_account(self) -> None:
        """Start again from the account's present state; the core does nothing until it is read.

        Of several readings under way the last one counts.
        """
        await self._inbox.put(Disconnected())
        self._reading = reading = object()
        pauses = Backoff()
        while self._reading is reading:
            try:
                if await self._others():
                    await asyncio.sleep(RETRY_S)
                    continue
                state = await self._client.request(AccountState(req_id=1), patient=True)
            except (Refused, Unknown) as error:
                log.write(log_events.account_unread(str(error)))
                await asyncio.sleep(pauses.pause_s())
                continue
            if self._reading is reading:
                self._reading = None
                await self._inbox.put(connected(state))

    async def _listen_again(self) -> None:
        """The account's frames ended: to trade without them would be worse than to end."""
        pauses = Backoff()
        while True:
            try:
                state = await self._client.subscribe("account")
            except Unknown:
                await asyncio.sleep(pauses.pause_s())
            else:
                await self._begin(state)
                return

    async def _others(self) -> bool:
        """Tell whether another Manager acts for our rules; then the core does nothing."""
        why = await self._alone.trouble()
        if why:
            await self._inbox.put(AnotherManager(why))
        return bool(why)

    async def _begin(self, state: Any) -> None:
        """The account is known anew, which is no news while another Manager acts on it."""
        if not self._alone.waits:
            await self._inbox.put(connected(state))

    async def _read_load(self) -> None:
        told = ""
        while True:
            if self._load is None:
                await asyncio.sleep(self._interval_s)
                continue
            try:
                value_rps = await self._load.read_rps()
                self.past_load.add(self._clock.now_ms(), value_rps)
                await self._inbox.put(LoadSample(value_rps, self._clock.now_ms()))
                trouble = ""
            except LoadError as error:
                trouble = str(error)
            if trouble != told and self._manager.load.needed:
                log.write(log_events.load(trouble))
                told = trouble
            await asyncio.sleep(self._interval_s)

    def _carry_out(self, outs: list[Out]) -> None:
        for out in outs:
            if (line := log_events.of_out(out)) is not None:
                self._tell(line)
            match out:
                case Send(request):
                    self._spawn(self._ask(request))
                case RegisterBackend() | DrainBackend() | RemoveBackend():
                    self._balancing.carry_out(out)
                case Listen(symbol):
                    self._spawn(self._follow("book", symbol))
                case Unlisten(symbol):
                    self._spawn(self._unfollow(symbol))
                case Log():
                    pass

    async def _follow(self, channel: Channel, symbol: str | None) -> None:
        """Subscribe for the core that sells; a symbol that is gone is not asked for again."""
        pauses = Backoff()
        while True:
            try:
                await self._client.subscribe(channel, symbol)
            except Unknown:
                await asyncio.sleep(pauses.pause_s())
            except Refused as error:
                log.write(log_events.unsubscribed(channel, str(error)))
                return
            else:
                return

    async def _unfollow(self, symbol: str) -> None:
        with contextlib.suppress(Refused, Unknown):
            await self._client.unsubscribe("book", symbol)

    async def _ask(self, request: ManagerRequest) -> None:
        if not self._client.connected:
            return  # `Disconnected` is on its way to the core
        try:
            result = await self._client.request(request, patient=True)
        except Refused as error:
            more = error.field, error.retry_after_ms, error.amounts
            refusal = ErrorReply(request.req_id, error.reason, error.message, *more)
            await self._inbox.put(refusal)
        except Unknown as error:
            log.write(log_events.unknown(type(request).__name__, str(error)))
            if self._client.connected:
                await self._read_account()
        else:
            await self._inbox.put(Ack(request.req_id, result=result))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
