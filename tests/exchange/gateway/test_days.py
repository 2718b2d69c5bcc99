"""Days of a market in virtual time: what ended leaves nothing behind, whatever it was.

Each day windows and spot trade, VMs run, images come and go, hosts fall silent and are lost, and
sessions with every subscription come and drop. After each there is a day and an hour in which
nothing happens but time. Then every container of the exchange (`sizes` finds them, nobody names
them) holds what it held after the day before, and so do a snapshot and the heap of deadlines.

Seen to fail with each of these left out: the feed's and the candles' forgetting of a symbol, the
end of its subscriptions, of idle book streams, of a lost host's last heartbeat, of deadlines that
nobody waits for, of orders while no command comes, of a key's end, an applicant, an upload.
"""

import random
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from exchange.keys import public_key_b64
from exchange.model.timers import CLEAN_FROM
from exchange.session.outbox import ImageJob
from exchange.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_SECOND
from tests.exchange.feed.test_forgetting import jump, open_bob
from tests.exchange.gateway.test_gateway import be_live, hosting, order
from tests.exchange.support.harness import SYMBOL, key_of
from tests.exchange.support.sizes import sizes

DAYS = 4
WARM_UP = 2
"""Days until what has a bound of its own, such as the outcomes of requests, was there once."""
REGISTER = {"State.keys", "State.key_ids"}
"""Who was ever let in is known for ever: a key that ended must not be somebody else's."""
EMPTY = {
    *("State.done_orders", "State.expiring", "State.leases", "State.window_leases"),
    *("State.ended_leases", "State.vms", "State.tokens", "State.images", "State.deposits"),
    *("State.armed", "State.dead_men", "State.dead_man_keys", "Account.orders"),
    *("Account.open_orders", "Host.windows", "Host.cooling"),
    *("Context.jobs", "Context.anonymous", "Liveness._beats", "FleetChannel._beats"),
    "KeyExpiry._ends_ms",
    *("Consoles._reads", "Instructions._pending", "Instructions._sessions", "Uploads._reserved"),
    *("SignUps.pending", "SignUps._ids", "AccountChannel._paging", "Feed._left"),
}
"""Of these nothing at all is left when everything ended."""
DAY_BYTES = 500
"""A day may leave a key of the register and some of the last 20 trades of spot in a snapshot."""
CHANNELS: list[dict[str, Any]] = [
    {"channel": "ticker"},
    {"channel": "instruments"},
    {"channel": "directory"},
    {"channel": "fleet"},
    {"channel": "account", "resume_from": 0},
    {"channel": "account"},
]


class Days:
    """A rig on which days pass."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"days/{seed}")
        self.rig, self.alice, self.host = hosting()
        open_bob(self.rig)
        self.rig.gateway.disconnect(self.alice, True, self.rig.now_ms)
        self.rig.gateway.disconnect(self.host, True, self.rig.now_ms)
        self.listener = self.rig.log_in("bob")
        self.number = 0

    def ask(self, session: int, tag: str, **fields: Any) -> Any:
        reply = self.rig.ask(session, tag, **fields)
        assert reply["type"] == "ack", (tag, fields, reply)
        return reply.get("result")

    def name(self) -> str:
        self.number += 1
        return f"{self.number:012d}"

    def listen(self, session: int, symbols: list[str]) -> None:
        """Subscribe to everything, the account only where the session has one."""
        for fields in CHANNELS:
            self.rig.ask(session, "subscribe", **fields)
        for symbol in symbols:
            self.ask(session, "subscribe", channel="trades", symbol=symbol)
            self.ask(session, "subscribe", channel="ticker", symbol=symbol)
            self.ask(session, "subscribe", channel="book", symbol=symbol)
            self.ask(session, "subscribe", channel="book", symbol=symbol, depth=0)
            for interval_ms in (1_000, 60_000, 3_600_000):
                self.ask(
                    session, "subscribe", channel="candles", symbol=symbol, interval_ms=interval_ms
                )

    def busy(self) -> None:
        rig = self.rig
        self.host = rig.log_in("host")
        be_live(rig, self.host)
        operator, alice, bob = rig.log_in("operator"), rig.log_in("alice"), rig.log_in("bob")
        visitor = rig.connect("msgpack")
        rows = rig.engine.instruments()
        windows = [row.symbol for row in rows if row.delivery != "spot" and row.state == "open"]
        chosen = self.rng.sample(windows, 3)
        for session in (self.listener, alice, visitor):
            self.listen(session, [SYMBOL, *chosen])
        self.operate(operator)
        self.ask(alice, "order.cancel_on_disconnect", enabled=True)
        self.ask(bob, "order.cancel_all_after", timeout_ms=60_000)
        for symbol in chosen:
            self.trade(alice, bob, symbol)
        self.rest(alice, bob, chosen[0])
        self.lease(alice, bob)
        self.image(bob)
        rig.gateway.fall_behind(visitor)
        rig.ask(visitor, "directory.search", zone="eu-de")
        for session in self.rng.sample([operator, alice, bob, visitor], 4):
            rig.gateway.disconnect(session, self.rng.random() < 0.5, rig.now_ms)
        rig.take()
        self.lose_the_host()

    def operate(self, operator: int) -> None:
        """A key for an hour, a deposit, and an application that is turned down."""
        rig, name = self.rig, self.name()
        end_ms = rig.now_ms + 60_000
        fields = {"account": "bob", "key_id": f"bob-{name}", "role": "viewer"}
        public_key = public_key_b64(key_of(name))
        self.ask(operator, "admin.key", public_key=public_key, not_after_ms=end_ms, **fields)
        self.listen(rig.log_in(name), [])
        self.ask(operator, "admin.deposit", account="bob", amount_ucr=10**9, ref=name)
        applicant = rig.connect()
        applied = {"name": "N", "contact": "c", "side": "buy"}
        key = public_key_b64(key_of(f"applicant {name}"))
        found = self.ask(applicant, "account.apply", public_key=key, **applied)
        self.ask(operator, "admin.decline", application=found["application"])
        rig.gateway.disconnect(applicant, True, rig.now_ms)

    def trade(self, alice: int, bob: int, symbol: str) -> None:
        name = self.name()
        asked = order(self.rig, alice, f"a{name}", "sell", symbol=symbol, qty=2)
        assert asked["type"] == "ack", asked
        bought = order(self.rig, bob, f"b{name}", symbol=symbol)
        assert bought["type"] == "ack" and bought["result"]["status"] == "filled", bought

    def rest(self, alice: int, bob: int, symbol: str) -> None:
        """Orders that would expire in a year and are canceled today, and some that stay."""
        for _ in range(40):
            name = self.name()
            year_ms = self.rig.now_ms + 365 * MS_PER_DAY
            fields: dict[str, Any] = {"symbol": symbol, "time_in_force": "gtd", "price_ucr": 9}
            order(self.rig, bob, name, expire_ms=year_ms, **fields)
            self.ask(bob, "order.cancel", client_order_id=name)
        order(self.rig, bob, self.name(), symbol=symbol, price_ucr=8)
        self.ask(alice, "host.token", zone="eu-de", token_sha256=digest(name), uses=1, ttl_s=60)

    def lease(self, alice: int, bob: int) -> None:
        """A unit on spot with a VM that stops, then the lease is released."""
        rig, name = self.rig, self.name()
        self.store(bob, digest(name), b"x" * 16)
        self.trade(alice, bob, SYMBOL)
        lease = self.ask(bob, "account.state")["leases"][-1]
        fields = {"lease_id": lease["lease_id"], "image": digest(name), "name": name}
        vm_id = self.ask(bob, "vm.start", **fields)["vm_id"]
        for state in ("starting", "running"):
            self.ask(self.host, "vm.status", vm_id=vm_id, state=state, endpoints=[])
        rig.tell(bob, "vm.console", req_id=10**9, vm_id=vm_id, lines=5)
        self.ask(bob, "vm.stop", vm_id=vm_id)
        self.ask(self.host, "vm.status", vm_id=vm_id, state="stopped", endpoints=[])
        self.ask(bob, "lease.release", lease_id=lease["lease_id"])
        self.ask(bob, "image.delete", sha256=digest(name))
        self.trade(alice, bob, SYMBOL)  # a lease that its host is lost with

    def image(self, bob: int) -> None:
        name = digest(self.name())
        self.store(bob, name, b"y" * 16)
        self.ask(bob, "image.offer", sha256=name, title="t", price_ucr=1)
        self.ask(bob, "image.delete", sha256=name)

    def store(self, session: int, name: str, body: bytes) -> None:
        """Announce an image over a connection of its own; its bytes arrive."""
        rig = self.rig
        puts = rig.gateway.sessions[session]
        before, puts.purpose = puts.purpose, "images"
        rig._last_req_id += 1
        message = {"type": "image.put", "req_id": rig._last_req_id, "sha256": name}
        data = puts.codec.encode(message | {"size": len(body), "format": "raw"})
        rig.gateway.receive(session, data, rig.now_ms)
        puts.purpose = before
        (job,) = rig.take().jobs
        assert isinstance(job, ImageJob)
        rig.gateway.image_arrived(job, job.message, rig.now_ms)  # type: ignore[arg-type]
        rig.take()

    def lose_the_host(self) -> None:
        """Its agent falls silent, perhaps comes back, and is gone for good."""
        rig = self.rig
        load = {"cpu_pct": 1.0, "mem_pct": 1.0}
        rig.tell(self.host, "host.heartbeat", load=load, vms=0)
        rig.gateway.disconnect(self.host, False, rig.now_ms)
        if self.rng.random() < 0.5:
            rig.run_to(rig.now_ms + 20 * MS_PER_SECOND)
            self.host = rig.log_in("host")
            be_live(rig, self.host)
            rig.gateway.disconnect(self.host, False, rig.now_ms)
        rig.run_to(rig.now_ms + 400 * MS_PER_SECOND)
        assert [host.status for host in rig.engine.hosts()] == ["lost"]

    def quiet(self) -> None:
        for _ in range(27):
            jump(self.rig, MS_PER_HOUR)
        for number in list(self.rig.closed):
            self.rig.gateway.disconnect(number, False, self.rig.now_ms)
        self.rig.take()
        for forgetful in (self.rig.inbox, self.rig.closed, self.rig.rows):
            forgetful.clear()

    def held(self) -> Counter[str]:
        """Return the size of everything, in entries and in bytes."""
        found = sizes(self.rig.gateway)
        heap = found.pop("Timers.heap")  # what nobody waits for goes when there is enough of it
        assert heap <= CLEAN_FROM and found.pop("Timers.heap[]") == 3 * heap
        found["windows in memory"] = self.rig.gateway.feed.memory().count(b"flat.20")
        return found


def digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def grown(before: Counter[str], after: Counter[str]) -> dict[str, tuple[int, int]]:
    """Return what holds more than before, except for the register of keys."""
    return {
        path: (before[path], size)
        for path, size in after.items()
        if size > before[path] and path.removesuffix("[]") not in REGISTER
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_what_ended_leaves_nothing_behind(seed: int) -> None:
    days = Days(seed)
    held: list[Counter[str]] = []
    snapshots: list[int] = []
    for _ in range(WARM_UP + DAYS):
        days.busy()
        days.quiet()
        held.append(days.held())
        assert {path: held[-1][path] for path in EMPTY} == dict.fromkeys(EMPTY, 0)
        assert held[-1].keys() >= EMPTY, "these containers have other names by now"
        snapshots.append(len(days.rig.engine.snapshot()))
    for before, after in pairwise(held[WARM_UP - 1 :]):
        assert grown(before, after) == {}
    assert snapshots[-1] - snapshots[WARM_UP - 1] < DAYS * DAY_BYTES
