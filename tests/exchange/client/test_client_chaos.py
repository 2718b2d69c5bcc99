"""Twenty tasks use the client for ten hours while the exchange does its worst.

The clock is virtual, the sockets are real. (Seen to fail with a back-off that begins anew at every
login, with a subscription asked again without a pause, and with one that is dropped when refused
for now.)
"""

import asyncio
from collections import Counter
from random import Random
from typing import Literal

from exchange.client import AccountReset, Client, Refused, Unknown, Unsubscribed
from exchange.keys import public_key_b64
from exchange.wire.requests import OrderPlace
from tests.exchange.support.harness import key_of
from tests.exchange.support.scripted import Mode, Scripted
from tests.exchange.support.virtual_loop import run_virtual

HOURS = 10
TASKS = 20
BACKOFF_S = 120.0
"""Longer than the default, so that the test spends its time on more than failed dials."""
TURN_MAX_S = 0.05
MODES: tuple[Mode, ...] = (
    "cut", "drip", "mute", "http 503", "http 429", "busy", "rate_limited", "shutting_down",
    1001, 1008, 1011, 1012, 1013,
)  # fmt: skip
LOOK_S = 10
DIALS_MAX = 70
"""Of one client in an hour: a pause is 60 s on average while nothing works."""
SUBSCRIBES_MAX = 100
"""Of one client in an hour."""


class User:
    """One task: places orders, listens, and writes down what it is told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.symbols = [f"{name}.eu-de.flat.spot", f"{name}.eu-fi.flat.spot"]
        self.outcomes: dict[str, str] = {}
        self.told: Counter[str] = Counter()
        self.lost: set[tuple[str, str]] = set()
        self.wanted = {("account", ""), *(("book", symbol) for symbol in self.symbols)}
        self.account_seq = 0

    async def live(self, exchange: Scripted, until_s: float) -> Client:
        client = Client(exchange.url, key_of(self.name), backoff_max_s=BACKOFF_S)
        await client.__aenter__()
        self.account_seq = (await client.subscribe("account"))["account_seq"]
        for symbol in self.symbols:
            await client.subscribe("book", symbol)
        self.listening = asyncio.create_task(self.listen(client))
        random, loop = Random(self.name), asyncio.get_running_loop()
        while loop.time() < until_s:
            await self.place(client, f"{self.name}-{len(self.outcomes)}")
            await asyncio.sleep(random.uniform(0, 600))
        return client

    async def place(self, client: Client, name: str) -> None:
        order = OrderPlace(
            req_id=1, client_order_id=name, symbol=self.symbols[0], side="buy",
            order_type="limit", qty=1, price_ucr=1,
        )  # fmt: skip
        try:
            await client.place(order)
            self.outcomes[name] = "done"
        except Refused:
            self.outcomes[name] = "refused"
        except Unknown:
            self.outcomes[name] = "unknown"

    async def listen(self, client: Client) -> None:
        async for event in client.events():
            self.told[type(event).__name__] += 1
            if isinstance(event, Unsubscribed):
                assert event.reason
                self.lost.add((event.channel, event.symbol))
            elif isinstance(event, AccountReset):
                assert event.reason
                self.account_seq = event.account_state["account_seq"]
            elif (number := getattr(event, "account_seq", None)) is not None:
                assert number == self.account_seq + 1
                self.account_seq = number


async def torment(exchange: Scripted, random: Random, until_s: float) -> Counter[str]:
    """Do one bad thing after the other, with a little peace in between; returns what was done."""
    loop, done = asyncio.get_running_loop(), Counter[str]()
    while loop.time() < until_s:
        what: Mode | Literal["stop", "kill"] = random.choice(["stop", "kill", *MODES])
        done[str(what)] += 1
        if what == "stop":
            await exchange.stop(random.choice([1001, 1012]))
        elif what == "kill":
            await exchange.kill()
        else:
            exchange.mode = what
            if random.random() < 0.5:
                exchange.cut()
        await rest(exchange, random.expovariate(1 / 300))
        go_on_without(exchange, forget=random.random() < 0.2)
        exchange.mode = "up"
        await exchange.start()
        await rest(exchange, random.expovariate(1 / 30))
    return done


async def rest(exchange: Scripted, seconds: float) -> None:
    """Let time pass, while nobody may do more than his share."""
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + seconds
    while (left_s := ends_s - loop.time()) > 0:
        await asyncio.sleep(min(LOOK_S, left_s))
        hours = 1 + loop.time() / 3600
        assert exchange.dials < DIALS_MAX * TASKS * hours
        asked = sum(count for what, count in exchange.asked.items() if what.startswith("subs"))
        assert asked < SUBSCRIBES_MAX * TASKS * hours


def go_on_without(exchange: Scripted, *, forget: bool) -> None:
    """Let something happen to the accounts whose clients are away, and perhaps keep none of it."""
    for account in exchange.account_seq:
        if not exchange.listeners(account):
            exchange.account_seq[account] += 3
            if forget:
                exchange.kept_from[account] = exchange.account_seq[account] + 1


async def chaos(hours: float) -> tuple[Scripted, list[User], list[Client], Counter[str]]:
    exchange, until_s = Scripted(), hours * 3600
    await exchange.start()
    users = [User(f"u{number}") for number in range(TASKS)]
    living = [asyncio.create_task(user.live(exchange, until_s)) for user in users]
    await asyncio.sleep(10)
    exchange.gone = {users[0].symbols[1]}
    done = await torment(exchange, Random("chaos"), until_s)
    clients = await asyncio.gather(*living)
    await asyncio.sleep(120)
    for user, client in zip(users, clients, strict=True):
        assert client.connected
        mine = [peer.listens for peer in exchange.peers if peer.account == account_of(user)]
        assert len(mine) == 1
        user.wanted -= user.lost
        assert set(mine[0]) == user.wanted
        assert not user.listening.done(), user.listening.exception()
    for client in clients:
        await client.close()
    await asyncio.gather(*(user.listening for user in users))
    await exchange.kill()
    return exchange, users, clients, done


def account_of(user: User) -> str:
    return public_key_b64(key_of(user.name))


def test_ten_hours_of_chaos() -> None:
    (exchange, users, _, done), loop = run_virtual(chaos(HOURS))
    assert len(done) == len(MODES) + 2, "all of it was done"
    for user in users:
        executed = exchange.orders[account_of(user)]
        assert set(executed.values()) == {1}
        told = user.outcomes
        assert {name for name, how in told.items() if how == "done"} <= set(executed)
        assert not {name for name, how in told.items() if how == "refused"} & set(executed)
        assert set(executed) <= set(told)
    assert sum(user.told["AccountReset"] for user in users) > TASKS
    assert users[0].lost == {("book", users[0].symbols[1])}
    assert not any(user.lost for user in users[1:])
    assert loop.jumping.longest_turn_s < TURN_MAX_S
