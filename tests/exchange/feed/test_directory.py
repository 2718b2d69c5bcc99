"""The directory and the fleet on virtual time: who is listed, found and told, and how often."""

from itertools import pairwise
from typing import Any

import pytest

from exchange.feed.directory import (
    FOUND_MAX,
    ROWS_PER_MS,
    SEARCHES_PER_S,
    UPDATE_MS,
    Directory,
)
from exchange.model.evidence import view
from exchange.session.outbox import Outbox
from exchange.wire.codec import JSON
from exchange.wire.frames import DirectoryUpdate, HostAsk
from exchange.wire.requests import DirectorySearch
from exchange.wire.terms import SILENT_MS
from exchange.wire.types import Capacity, HostStatus
from tests.exchange.feed.test_feed import session
from tests.exchange.gateway.test_gateway import Rig, be_live, hosting, order
from tests.exchange.support.harness import BIG, SYMBOL

SECOND_MS = 1_000
METERED = "small.eu-de.metered.spot"


class Hosts:
    """Rows made by hand, by account; counts how often they are asked for."""

    def __init__(self) -> None:
        self.rows: dict[str, list[DirectoryUpdate]] = {}
        self.asked = 0
        self.cost = 0

    def owners(self) -> list[str]:
        return list(self.rows)

    def directory_rows(self, account: str) -> tuple[list[DirectoryUpdate], int]:
        self.asked += 1
        return self.rows[account], self.cost


def row(
    host: str,
    zone: str = "eu-de",
    status: HostStatus = "live",
    units: int = 0,
    asks: list[HostAsk] | None = None,
) -> DirectoryUpdate:
    asks = asks or []
    nothing = Capacity(0, 0, 0)
    free = {"small": units, "nano": 4 * units}
    facts = (host, zone, status, ["small", "nano"], BIG, nothing, free, asks, "kvm", view([]))
    return DirectoryUpdate(*facts, asks[0] if asks else None)


def stocked() -> tuple[Hosts, Directory, Outbox]:
    hosts, outbox = Hosts(), Outbox()
    hosts.rows["alice"] = [
        row("h-1", units=3, asks=[HostAsk(SYMBOL, 300, 3)]),
        row("h-2", zone="eu-fr", units=8, asks=[HostAsk(SYMBOL, 200, 8)]),
        row("h-3", status="draining"),
    ]
    nano = HostAsk("nano.eu-de.flat.spot", 50, 1)
    hosts.rows["bob"] = [row("h-4", units=1, asks=[nano, HostAsk(SYMBOL, 400, 1)])]
    return hosts, Directory(hosts, outbox), outbox


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["h-4", "h-2", "h-1", "h-3"]),
        ({"zone": "eu-fr"}, ["h-2"]),
        ({"zone": "eu-xx"}, []),
        ({"status": "draining"}, ["h-3"]),
        ({"class_": "small"}, ["h-2", "h-1", "h-4", "h-3"]),
        ({"class_": "large"}, []),
        ({"class_": "small", "free_min": 3}, ["h-2", "h-1"]),
        ({"free_min": 12}, ["h-2", "h-1"]),
        ({"price_max_ucr": 200}, ["h-4", "h-2"]),
        ({"class_": "small", "price_max_ucr": 300}, ["h-2", "h-1"]),
        ({"class_": "small", "price_max_ucr": 300, "zone": "eu-de"}, ["h-1"]),
    ],
)
def test_what_a_search_finds(wanted: dict[str, Any], found: list[str]) -> None:
    _, directory, _ = stocked()
    rows = directory.search(DirectorySearch(req_id=1, **wanted), 0)
    assert [row.host for row in rows] == found


def test_a_search_is_bounded() -> None:
    hosts, directory, _ = stocked()
    hosts.rows["carol"] = [row(f"h-{number}") for number in range(5, 500)]
    assert len(directory.search(DirectorySearch(req_id=1), 0)) == FOUND_MAX


def test_searches_have_a_budget_for_each_address() -> None:
    _, directory, _ = stocked()
    for _ in range(SEARCHES_PER_S):
        assert directory.wait_ms(session(1), 0) == 0
    assert directory.wait_ms(session(2), 0) == SECOND_MS // SEARCHES_PER_S
    elsewhere = session(3)
    elsewhere.account = "alice"
    assert directory.wait_ms(elsewhere, 0) == 0


def test_rows_are_made_again_only_for_who_changed_and_not_too_often() -> None:
    hosts, directory, _ = stocked()
    search = DirectorySearch(req_id=1)
    directory.search(search, 0)
    directory.search(search, 0)
    assert hosts.asked == 2, "once for each owner"
    hosts.cost = 100 * ROWS_PER_MS
    directory.touch("bob")
    directory.search(search, 0)
    assert hosts.asked == 3
    hosts.rows["bob"] = [row("h-4", status="silent")]
    directory.touch("bob")
    for now_ms, status in ((50, "live"), (99, "live"), (100, "silent")):
        found = {row.host: row.status for row in directory.search(search, now_ms)}
        assert found["h-4"] == status
    assert hosts.asked == 4


def test_a_host_is_told_at_most_once_in_five_seconds_and_never_forgotten() -> None:
    """(Seen to fail without the rule, and with one that drops what came too early.)"""
    hosts, directory, outbox = stocked()
    directory.join(session(1), 0)
    told: dict[str, list[int]] = {}
    states: dict[str, str] = {}
    outbox.take()
    for second in range(30):
        if second < 19:
            hosts.rows["bob"] = [row("h-4", status="silent" if second % 2 else "live", units=1)]
            directory.touch("bob")
        directory.tick(second * SECOND_MS)
        for item in outbox.take().get(1, []):
            assert isinstance(item, bytes)
            frame = JSON.decode_frame(item)
            assert isinstance(frame, DirectoryUpdate)
            told.setdefault(frame.host, []).append(second * SECOND_MS)
            states[frame.host] = frame.status
    moments = told["h-4"]
    assert len(moments) >= 4
    assert all(b - a >= UPDATE_MS for a, b in pairwise(moments))
    assert states["h-4"] == "live", "the last change is told"


def test_the_snapshot_is_encoded_once_until_something_changes() -> None:
    hosts, directory, outbox = stocked()
    for number in (1, 2):
        directory.join(session(number), 0)
    first, second = (items[0] for items in outbox.take().values())
    assert first is second
    hosts.rows["bob"] = [row("h-4", status="lost")]
    directory.touch("bob")
    directory.join(session(3), 1)
    assert outbox.take()[3][0] != first


# --- with the engine behind it ---


def search(rig: Rig, number: int, **wanted: Any) -> list[dict[str, Any]]:
    reply = rig.ask(number, "directory.search", **wanted)
    hosts: list[dict[str, Any]] = reply["result"]["hosts"]
    return hosts


def test_an_engines_host_with_its_asks() -> None:
    rig, alice, _ = hosting()
    order(rig, alice, "a", side="sell", qty=3, price_ucr=300)
    order(rig, alice, "b", side="sell", qty=2, price_ucr=200)
    order(rig, alice, "c", side="sell", qty=4, price_ucr=200)
    order(rig, alice, "d", side="sell", qty=1, price_ucr=100, symbol=METERED)
    (found,) = search(rig, rig.connect(), **{"class": "small"})
    assert found["best_ask"] == {"symbol": METERED, "price_ucr": 100, "qty": 1}
    assert found["asks"][1] == {"symbol": SYMBOL, "price_ucr": 200, "qty": 6}
    assert (found["host"], found["zone"], found["status"]) == ("h-1", "eu-de", "live")
    assert found["offered"] == {"mvcpu": 1_000_000, "mem_mib": 4_000_000, "disk_mib": 10_000_000}
    assert found["free"]["mvcpu"] == 1_000_000 - 10 * 1_000
    assert found["free_units"] == {"small": 10_000_000 // 10_240 - 10}
    assert found["accel"] == "simulated"
    assert found["evidence"]["leases"] == 0
    assert "account" not in found and "name" not in found, "whose it is stays private"


def test_what_happens_to_a_host_is_seen_at_once() -> None:
    rig, alice, host = hosting()

    def status() -> str:
        return str(search(rig, alice)[0]["status"])

    assert status() == "live"
    rig.ask(alice, "host.drain", host="h-1", enabled=True)
    assert status() == "draining"
    rig.ask(alice, "host.drain", host="h-1", enabled=False)
    assert status() == "live"
    rig.run_to(rig.now_ms + SILENT_MS)
    assert status() == "silent"
    rig.tell(host, "host.heartbeat", load={"cpu_pct": 1, "mem_pct": 1}, vms=0)
    assert status() == "syncing"
    be_live(rig, host)
    assert status() == "live"


def test_a_subscriber_hears_what_changed() -> None:
    rig, alice, _ = hosting()
    reader = rig.connect()
    assert rig.ask(reader, "subscribe", channel="directory")["type"] == "ack"
    (snapshot,) = rig.frames(reader, "directory.snapshot")
    assert [row["host"] for row in snapshot["hosts"]] == ["h-1"]
    assert "best_ask" not in snapshot["hosts"][0]
    order(rig, alice, "a", side="sell", price_ucr=300)
    rig.run_to(rig.now_ms + SECOND_MS)
    (update,) = rig.frames(reader, "directory.update")
    assert update["best_ask"]["price_ucr"] == 300
    rig.ask(reader, "unsubscribe", channel="directory")
    rig.ask(alice, "order.mass_cancel")
    rig.run_to(rig.now_ms + 2 * UPDATE_MS)
    assert len(rig.frames(reader, "directory.update")) == 1


def test_a_host_nobody_approved_is_not_listed() -> None:
    rig, alice, _ = hosting()
    rig.engine.state.hosts["h-1"].status = "pending"
    rig.ask(alice, "host.drain", host="h-1", enabled=True)
    assert search(rig, rig.connect()) == []


def test_the_owner_sees_load_and_use_once_a_second() -> None:
    rig, alice, host = hosting()
    assert rig.ask(alice, "subscribe", channel="fleet")["type"] == "ack"
    (first,) = rig.frames(alice, "host.update")
    assert (first["host"], first["name"], first["status"]) == ("h-1", "server", "live")
    assert "load" not in first and first["vms"] == 0
    for number in range(5):
        load = {"cpu_pct": 10.0 + number, "mem_pct": 5.0}
        rig.tell(host, "host.heartbeat", load=load, vms=number)
    order(rig, alice, "a", side="sell", qty=2)
    rig.run_to(rig.now_ms + SECOND_MS)
    _, last = rig.frames(alice, "host.update")
    assert (last["load"]["cpu_pct"], last["vms"]) == (14.0, 4)
    assert last["used"] == {
        "mvcpu": 2_000,
        "mem_mib": 2 * (2_048 + 100),
        "disk_mib": 2 * 10 * 1_024,
    }
    rig.run_to(rig.now_ms + 3 * SECOND_MS)
    assert len(rig.frames(alice, "host.update")) == 2, "silent while nothing changes"
    assert not rig.frames(alice, "heartbeat"), "no public subscription, no heartbeat"


@pytest.mark.parametrize(
    ("who", "fields", "reason", "field"),
    [
        ("nobody", {"channel": "fleet"}, "auth_required", None),
        ("host", {"channel": "fleet"}, "forbidden", None),
        ("host", {"channel": "account"}, "forbidden", None),
        ("alice", {"channel": "fleet", "symbol": SYMBOL}, "invalid_field", "symbol"),
        ("nobody", {"channel": "directory", "symbol": SYMBOL}, "invalid_field", "symbol"),
        ("nobody", {"channel": "candles"}, "invalid_field", "symbol"),
        ("nobody", {"channel": "candles", "symbol": "x"}, "unknown_instrument", "symbol"),
        ("nobody", {"channel": "ticker", "symbol": "x"}, "unknown_instrument", "symbol"),
        ("nobody", {"channel": "ticker", "interval_ms": 1_000}, "invalid_field", "interval_ms"),
        (
            "nobody",
            {"channel": "candles", "symbol": SYMBOL, "interval_ms": 7},
            "invalid_field",
            "interval_ms",
        ),
        ("nobody", {"channel": "candles", "symbol": SYMBOL, "depth": 25}, "invalid_field", "depth"),
        (
            "nobody",
            {"channel": "book", "symbol": SYMBOL, "resume_from": 0},
            "invalid_field",
            "resume_from",
        ),
    ],
)
def test_what_a_channel_refuses(
    who: str, fields: dict[str, Any], reason: str, field: str | None
) -> None:
    rig, alice, host = hosting()
    number = {"alice": alice, "host": host}.get(who) or rig.connect()
    reply = rig.ask(number, "subscribe", **fields)
    assert (reply["type"], reply.get("reason"), reply.get("field")) == ("error", reason, field)


def test_a_private_exchange_shows_nothing_before_login() -> None:
    rig, alice, _ = hosting()
    rig.gateway.context.private = True
    stranger = rig.connect()
    assert rig.ask(stranger, "directory.search")["reason"] == "auth_required"
    for channel in ("directory", "ticker", "instruments"):
        assert rig.ask(stranger, "subscribe", channel=channel)["reason"] == "auth_required"
        assert rig.ask(alice, "subscribe", channel=channel)["type"] == "ack"
    assert len(search(rig, alice)) == 1
