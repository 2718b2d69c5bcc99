"""Units that never serve: what is bought after them, from whom, and what it costs.

Seen to fail without a back-off: the virtual day below bought 1,644 units, for 2.74 credits.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest
from msgspec.structs import replace

from exchange.wire.frames import ErrorReply, HostAsk, LeaseUpdate
from exchange.wire.requests import DirectorySearch, OrderPlace, VmStart
from manager.core.detour import Offering, Way, way_around
from manager.core.messages import BackendFailed, BackendReady, PastCharge, PastCharges, Resume
from manager.core.paper import Paper, PaperLease
from manager.core.past_failures import failures
from tests.manager.farm import (
    BOOT_MS,
    BURST,
    MINUTE_MS,
    PRICE_UCR,
    START_MS,
    Farm,
    fail,
    new_manager,
)
from tests.manager.farm import requests as of_kind

PROBE_MS = 120_000
LEAST_UCR = PRICE_UCR // 12
"""A unit's five-minute minimum."""
SYMBOL = "small.eu-de.flat.spot"
HOUR_MS = 60 * MINUTE_MS


class Sick(Paper):
    """Its guests never get healthy where ``sick(host)``; hosts are called as ``hosts`` says."""

    sick: Callable[[str], bool] = staticmethod(lambda host: True)
    hosts: Callable[[int], str] = staticmethod(lambda number: f"h-{number}")
    offers: Mapping[str, list[dict[str, Any]]] = MappingProxyType({})
    granted = 0
    refusal = ""
    balancer_refuses = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.charges: list[PastCharge] = []

    def _charge(self, lease: PaperLease) -> None:
        row, before_ucr = lease.row, lease.charged_ucr
        super()._charge(lease)
        amount_ucr, now_ms = lease.charged_ucr - before_ucr, self.now_ms
        times = now_ms, row.host, row.start_ms, now_ms
        self.charges.append(PastCharge(row.lease_id, row.symbol, amount_ucr, *times))

    def restart(self, *rules: dict[str, Any]) -> None:
        """Another Manager begins, which is told the statement and the account."""
        self.manager = new_manager(*rules)
        connected = self.connected()
        self.feed(PastCharges(self.charges), self.now_ms)
        self.feed(connected, self.now_ms)

    def _lease(self, row: LeaseUpdate, state: Any, reason: str | None) -> LeaseUpdate:
        if row.account_seq == 0:
            row = replace(row, host=self.hosts(self.granted))
            self.granted += 1
        return super()._lease(row, state, reason)

    def _soon(self, message: Any, delay_ms: int = 0) -> None:
        if isinstance(message, BackendReady):
            lease = self.leases[message.server.rpartition("-")[0]]
            if self.balancer_refuses:
                message = BackendFailed(message.server, "no such backend", refused=True)
            elif self.sick(lease.row.host):
                message, delay_ms = BackendFailed(message.server, "not healthy"), PROBE_MS
        super()._soon(message, delay_ms)

    def _request(self, request: Any) -> None:
        if isinstance(request, VmStart) and self.refusal:
            self._soon(ErrorReply(request.req_id, self.refusal, "no"))  # type: ignore[arg-type]
        elif isinstance(request, DirectorySearch):
            self._ack(request.req_id, {"hosts": self.offers.get(request.zone or "", [])})
        else:
            super()._request(request)


def sick_farm(**more: Any) -> tuple[Farm, Sick]:
    farm = Farm(BURST | more)
    paper = Sick(new_manager(*farm.rules), PRICE_UCR, BOOT_MS)
    farm.paper = paper
    paper.feed(paper.connected(), START_MS)
    return farm, paper


def states(farm: Farm) -> list[tuple[str, Any]]:
    return [(row.state, row.until_ms) for row in farm.manager.rule_states()]


def said(farm: Farm, part: str) -> int:
    return sum(part in text for _, text, _ in farm.paper.log)


def test_a_day_with_an_image_that_never_serves_costs_what_two_rounds_cost() -> None:
    """Four units that stand all day would be 1.92 credits; this is 0.013."""
    farm, paper = sick_farm()
    farm.load(90, for_ms=24 * HOUR_MS)
    assert paper.granted == 8
    assert paper.granted * LEAST_UCR < 14_000
    assert states(farm) == [("stopped", None)]
    assert said(farm, "its rules buy nothing until they are resumed") == 1
    assert farm.counts() == (0, 0, 0)


def test_where_there_is_one_host_only_the_image_waits_longer_and_longer() -> None:
    farm, paper = sick_farm()
    paper.hosts = lambda number: "h-only"
    farm.load(90, for_ms=24 * HOUR_MS)
    fired = [at_ms for at_ms, text, _ in paper.log if text.endswith(": buy 4")]
    gaps = [(b - a) // MINUTE_MS for a, b in pairwise(fired)]
    assert gaps == sorted(gaps)
    assert paper.granted == 4 * len(fired) <= 60
    assert paper.granted * LEAST_UCR < 100_000
    assert states(farm)[0][0] == "backing_off"


def test_a_manager_that_begins_anew_within_a_pause_waits_for_its_end() -> None:
    """One host only, so the pauses grow; a restart within one waits for its end."""
    farm, paper = sick_farm()
    paper.hosts = lambda number: "h-only"
    for _ in range(4):
        farm.load(90, for_ms=10 * MINUTE_MS)
        paper.restart(*farm.rules)
    before = paper.granted
    [(state, until_ms)] = states(farm)
    assert (state, "h-only" in farm.manager._backoff.avoided()) == ("backing_off", True)
    farm.load(90, for_ms=until_ms - farm.now_ms - 1_000)
    assert paper.granted == before
    farm.load(90, for_ms=10 * MINUTE_MS)
    assert paper.granted == before + 4
    assert states(farm)[0][1] - farm.now_ms > until_ms - farm.now_ms, "it goes on doubling"


def test_what_served_is_not_held_against_its_image() -> None:
    farm, paper = sick_farm()
    paper.sick = lambda host: False
    farm.load(90, for_ms=10 * MINUTE_MS)
    for lease_id in list(paper.leases)[:3]:
        paper.end(lease_id, "released")
    paper.restart(*farm.rules)
    farm.load(90)
    assert (states(farm)[0][0], farm.manager._backoff.avoided()) == ("ready", {})


def test_one_bad_host_does_not_stop_the_rule() -> None:
    farm, paper = sick_farm(do="buy 1", max_units=2)
    paper.hosts = lambda number: "h-bad" if number == 0 else f"h-{number}"
    paper.sick = lambda host: host == "h-bad"
    farm.load(95, for_ms=30 * MINUTE_MS)
    assert farm.counts() == (2, 0, 2)
    assert states(farm)[0][0] in ("ready", "cooling")
    assert said(farm, "host h-bad is avoided for 1 h: not healthy") == 1


def test_an_image_that_serves_elsewhere_is_not_to_blame() -> None:
    farm, paper = sick_farm(do="buy 1", cooldown="10m")
    paper.sick = lambda host: host not in ("h-0",)
    farm.load(150, for_ms=5 * HOUR_MS)
    assert farm.counts()[0] == 1
    assert said(farm, "nothing is bought for it") == 0
    assert said(farm, "is avoided for 1 h") > 2


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("image_unknown", "stopped"),
        ("image_invalid", "stopped"),
        ("invalid_field", "stopped"),
        ("quota_exceeded", "backing_off"),
        ("lease_full", "cooling"),
    ],
)
def test_what_the_exchange_says_of_a_start(reason: str, state: str) -> None:
    farm, paper = sick_farm()
    paper.refusal = reason
    farm.load(90, for_ms=2 * MINUTE_MS)
    assert states(farm)[0][0] == state
    assert said(farm, "is avoided") == 0


def test_a_rule_that_was_stopped_goes_on_when_it_is_resumed() -> None:
    farm, paper = sick_farm()
    paper.refusal = "image_unknown"
    farm.load(90, for_ms=30 * MINUTE_MS)
    assert paper.granted == 4
    paper.refusal, paper.sick = "", lambda host: False
    farm.load(90, for_ms=30 * MINUTE_MS)
    assert paper.granted == 4
    paper.feed(Resume("burst"), farm.now_ms)
    farm.load(90, for_ms=2 * BOOT_MS)
    assert farm.counts() == (4, 0, 4)


def test_a_new_configuration_gives_every_image_another_chance() -> None:
    farm, _ = sick_farm()
    farm.load(90, for_ms=HOUR_MS)
    assert states(farm) == [("stopped", None)]
    farm.manager.reconfigure(farm.manager.config, farm.now_ms)
    assert states(farm)[0][0] in ("ready", "cooling")


def test_a_balancer_that_takes_no_server_blames_nobody_and_waits() -> None:
    farm, paper = sick_farm()
    paper.balancer_refuses = True
    farm.load(90, for_ms=24 * HOUR_MS)
    assert said(farm, "is avoided") == 0
    assert paper.granted <= 60
    assert states(farm)[0][0] == "backing_off"


def test_what_rests_is_canceled_when_the_rule_backs_off() -> None:
    farm, paper = sick_farm(cooldown="30m")
    paper.supply = 2
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS + PROBE_MS)
    assert said(farm, "bid rests") == 1
    names = [type(out.request).__name__ for out in paper.outs if hasattr(out, "request")]
    assert names.count("OrderCancel") == 1


# --- around a host to avoid ---


def ask(host: str, price_ucr: int, symbol: str = SYMBOL) -> Offering:
    return Offering(host, [HostAsk(symbol, price_ucr, 1)])


BAD = ["h-bad"]
WAYS: list[tuple[list[Offering], Way]] = [
    ([], Way(100, False)),
    ([ask("h-1", 50)], Way(100, True)),
    ([ask("h-bad", 60)], Way(0, False)),
    ([ask("h-bad", 60), ask("h-1", 50)], Way(59, True)),
    ([ask("h-bad", 60), ask("h-1", 60)], Way(0, True)),
    ([ask("h-bad", 60), ask("h-1", 70)], Way(0, True)),
    ([ask("h-bad", 60), ask("h-1", 101)], Way(0, False)),
    ([ask("h-bad", 101), ask("h-1", 50)], Way(100, True)),
    ([ask("h-bad", 60, "large.eu-de.flat.spot"), ask("h-1", 70)], Way(100, True)),
    ([ask("h-bad", 1), ask("h-1", 1)], Way(0, True)),
]


@pytest.mark.parametrize(("rows", "way"), WAYS)
def test_a_bid_stays_below_the_asks_of_hosts_to_avoid(rows: list[Offering], way: Way) -> None:
    assert way_around(rows, SYMBOL, BAD, 100, 1) == way


def test_a_host_whose_launch_failed_is_used_where_nobody_sells_for_less() -> None:
    """The bond pays for a failed launch; only what was paid for keeps a zone closed."""
    farm, paper = sick_farm(zones=[DE], do="buy 1")
    paper.sick = lambda host: False
    farm.load(90, for_ms=2 * MINUTE_MS)
    [lease_id] = paper.leases
    host = paper.leases[lease_id].row.host
    fail(farm, lease_id)
    paper.end(lease_id, "launch_failed")
    for prices, limit in (((20_000, 30_000), 100_000), ((20_000, 19_000), 19_999)):
        paper.outs.clear()
        paper.offers = {DE: [offered(host, prices[0], DE), offered("h-9", prices[1], DE)]}
        farm.load(150, for_ms=MINUTE_MS)
        assert [each.price_ucr for each in of_kind(paper.outs, OrderPlace)] == [limit]


def offered(host: str, price_ucr: int, zone: str) -> dict[str, Any]:
    symbol = f"small.{zone}.flat.spot"
    return {"host": host, "asks": [{"symbol": symbol, "price_ucr": price_ucr, "qty": 9}]}


DE, FR = "eu-de", "eu-fr"
BAD_DE, BAD_FR = offered("h-0", 20_000, DE), offered("h-0", 21_000, FR)
MARKETS: list[tuple[dict[str, list[dict[str, Any]]], list[tuple[str, int]]]] = [
    ({DE: [BAD_DE, offered("h-9", 19_000, DE)]}, [(DE, 19_999)]),
    ({DE: [BAD_DE], FR: [offered("h-9", 90_000, FR)]}, [(FR, 100_000)]),
    ({DE: [BAD_DE, offered("h-9", 30_000, DE)], FR: [BAD_FR]}, []),
    ({DE: [BAD_DE], FR: [BAD_FR]}, [(DE, 100_000)]),
    ({}, [(DE, 100_000)]),
    ({DE: [{"host": 7, "asks": "x"}]}, [(DE, 100_000)]),
]


@pytest.mark.parametrize(("offers", "orders"), MARKETS)
def test_after_a_bad_host_the_next_purchase_goes_around_it(
    offers: dict[str, list[dict[str, Any]]], orders: list[tuple[str, int]]
) -> None:
    farm, paper = sick_farm(zones=[DE, FR], do="buy 1")
    paper.hosts = lambda number: "h-0"
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS + PROBE_MS)
    paper.outs.clear()
    paper.offers = offers
    farm.load(90, for_ms=MINUTE_MS)
    found = [
        (each.symbol.split(".")[1], each.price_ucr) for each in of_kind(paper.outs, OrderPlace)
    ]
    assert found == orders


@pytest.mark.parametrize(
    ("lives", "found"),
    [
        ([("l-1", 0, 200)], ["l-1"]),
        ([("l-1", 0, 119)], []),
        ([("l-1", 0, 300)], []),
        ([("l-1", 0, 200), ("l-2", 100, 400)], []),
        ([("l-2", 0, 300), ("l-1", 310, 510)], ["l-1"]),
        ([("l-1", 0, 60), ("l-1", 60, 200)], ["l-1"]),
        ([("l-9", 0, 200)], []),
        ([("l-1", -4000, -3800)], []),
    ],
)
def test_which_leases_count_as_failures(
    lives: list[tuple[str, int, int]], found: list[str]
) -> None:
    rows = [
        PastCharge(name, SYMBOL, 1, 0, f"h-{name}", began_s * 1_000, ended_s * 1_000)
        for name, began_s, ended_s in lives
    ]
    alive = ("l-9", "t-1", SYMBOL, "buy", "h-9", 1, 1, "active", 900_000, 0)
    lease: Any = LeaseUpdate(1, 1, 1, *alive)  # type: ignore[arg-type]
    hosts = [one.host for one in failures(rows, [lease], -3_600_000, 1_000_000)]
    assert hosts == [f"h-{name}" for name in found]
