"""Which hosts fit a need, what nobody knows yet, and what the units cost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.cli.find_text import found_lines
from exchange.find.need import Bound, Need
from exchange.find.offers import Found, Purchase, above_limit, cheapest, fact, search
from exchange.units import credits_text
from exchange.wire.frames import DirectoryUpdate, HostAsk
from exchange.wire.types import EvidenceView, ToldCapacity

ZONES = {"eu-de": "DE", "eu-fr": "FR"}
ROOM = ToldCapacity(4_000, 9_000, 50_000)
WIDTH = 80


def record(**more: Any) -> EvidenceView:
    zero = dict.fromkeys(EvidenceView.__struct_fields__, 0)
    return EvidenceView(**(zero | {"boot_p50_ms": None, "boot_p95_ms": None} | more))


def host(number: int, *asks: tuple[str, int, int], **more: Any) -> DirectoryUpdate:
    """Return a host with ``asks`` of (symbol, price, units)."""
    about: dict[str, Any] = {"zone": "eu-de", "status": "live", "classes": ["small", "nano"]}
    about |= {"free_units": {"small": 4}, "accel": "kvm", "evidence": record()} | more
    rows = [HostAsk(*ask) for ask in asks]
    return DirectoryUpdate(host=f"h-{number}", offered=ROOM, free=ROOM, asks=rows, **about)


SMALL, METERED = "small.eu-de.flat.spot", "small.eu-de.metered.spot"
NANO = ("nano.eu-fr.flat.spot", 5_000, 9)
GOOD = record(leases=200, losses=1, boots=40, boot_p95_ms=12_300)
HOSTS = [
    host(1, (SMALL, 30_000, 2), evidence=GOOD),
    host(2, (SMALL, 20_000, 1), (METERED, 10_000, 3), accel="tcg"),
    host(3, NANO, zone="eu-fr", free_units={"nano": 9}, evidence=record(leases=1, losses=1)),
    host(4),
    host(5, (SMALL, 1, 9), status="silent"),
    host(6, zone="gone", free_units={}),
]


@pytest.mark.parametrize(
    ("need", "hosts", "unproven"),
    [
        (Need(), ["h-3", "h-2", "h-2", "h-1", "h-4"], 0),
        (Need(class_="small"), ["h-2", "h-2", "h-1", "h-4"], 0),
        (Need(price_max_ucr=20_000), ["h-3", "h-2", "h-2"], 0),
        (Need(price_max_ucr=19_999, class_="small"), ["h-2"], 0),
        (Need(pricing="metered"), ["h-2"], 0),
        (Need(zones=("eu-fr",)), ["h-3"], 0),
        (Need(countries=("FR", "XX")), ["h-3"], 0),
        (Need(countries=("DE",), zones=("eu-fr",)), ["h-3", "h-2", "h-2", "h-1", "h-4"], 0),
        (Need(accel=("tcg", "simulated")), ["h-2", "h-2"], 0),
        (Need(bounds=(Bound("losses", "<", 10_000),)), ["h-1"], 2),
        (Need(bounds=(Bound("losses", "<=", 5_000), Bound("boot", "<", 12_300))), [], 2),
        (Need(bounds=(Bound("leases", ">=", 1),)), ["h-3", "h-1"], 0),
    ],
)
def test_who_fits(need: Need, hosts: list[str], unproven: int) -> None:
    found = search(need, HOSTS, ZONES)
    assert ([offer.host for offer in found.offers], found.unproven) == (hosts, unproven)


def test_a_record_never_looks_better_than_it_is() -> None:
    told = record(leases=3, losses=1, recalls=1, launch_failures=2, contracted_unit_s=3)
    told.delivered_unit_s = 2
    assert [fact(name, told) for name in ("losses", "recalls", "failures", "uptime")] == [
        333_334,
        333_334,
        666_667,
        666_666,
    ]
    assert [fact(name, record()) for name in ("losses", "uptime", "boot", "leases")] == [
        None,
        None,
        None,
        0,
    ]


def test_the_cheapest_way_to_buy_is_by_one_instrument() -> None:
    found = search(Need(class_="small"), HOSTS, ZONES).offers
    assert cheapest(found, 1) == Purchase(METERED, 1, 10_000, 10_000)
    assert cheapest(found, 3) == Purchase(METERED, 3, 30_000, 10_000)
    assert cheapest(found, 4) == Purchase(METERED, 3, 30_000, 10_000), "of four there are three"
    assert cheapest([], 1) is None


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 9)), max_size=6), st.integers(1, 30))
def test_no_other_units_are_cheaper(asks: list[tuple[int, int]], units: int) -> None:
    hosts = [host(at, (SMALL, price, qty)) for at, (price, qty) in enumerate(asks)]
    best = cheapest(search(Need(), hosts, ZONES).offers, units)
    prices = sorted(price for price, qty in asks for _ in range(qty))[:units]
    expected = Purchase(SMALL, len(prices), sum(prices), max(prices, default=0))
    assert best == (expected if asks else None)


def test_the_table_fits_a_terminal() -> None:
    need = Need(units=4, class_="small", accel=("kvm",))
    dear = host(123_456, (SMALL, 10**9, 1_000_000), accel="simulated", evidence=GOOD)
    found = search(Need(class_="small"), [*HOSTS, dear], ZONES)
    best = cheapest(found.offers, 4)
    lines = list(found_lines(need, Found(found.offers, 2), best, None, WIDTH))
    assert max(map(len, lines)) <= WIDTH
    assert ("12.3 s/40" in lines[3], "1000.000000" in lines[4], "1/200" in lines[4]) == (True,) * 3
    assert lines[-5:] == [
        "5 offers of 4 hosts",
        "2 more fit, but nobody knows yet what you ask of their record",
        "4 cost 1000.080000 an hour, at most 1000.000000 each:",
        f"  headroom order place {SMALL} buy 4 --price 1000.000000",
        "  (an order takes the best price there is, also of hosts that are not listed)",
    ]


@given(
    st.lists(st.tuples(st.integers(1, 99), st.integers(1, 9)), max_size=6),
    st.integers(1, 30),
    st.integers(1, 99),
)
def test_what_is_above_the_limit_is_named_when_it_gives_more(
    asks: list[tuple[int, int]], units: int, limit_ucr: int
) -> None:
    hosts = [host(at, (SMALL, price, qty)) for at, (price, qty) in enumerate(asks)]
    need = Need(units=units, price_max_ucr=limit_ucr)
    best = cheapest(search(need, hosts, ZONES).offers, units)
    found = above_limit(need, hosts, ZONES, best)
    prices = sorted(price for price, qty in asks for _ in range(qty))[:units]
    within = [price for price in prices if price <= limit_ucr]
    if len(prices) > len(within):
        assert found == Purchase(SMALL, len(prices), sum(prices), prices[-1])
        lines = list(found_lines(need, search(need, hosts, ZONES), best, found, WIDTH))
        assert f"at up to {credits_text(prices[-1])} each" in lines[-1]
    else:
        assert found is None
