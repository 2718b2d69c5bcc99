"""Hours by the zone's own clock, blackouts, windows, prices of every form, recalls at the end."""

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exchange.units import MS_PER_HOUR
from exchange.wire.admin_requests import AdminInstrument
from exchange.wire.requests import HostOffer, LeaseRecall
from manager.selling.hours import Calendar, Hours, parse_days, parse_hours
from manager.selling.price import Fixed, Hourly, Relative, on_tick
from tests.exchange.support.market import SYMBOL
from tests.manager.selling.shop import PRICE_UCR, Shop, group, offer, room

NIGHT = Calendar(parse_hours("20:00-07:00"))
BERLIN = ZoneInfo("Europe/Berlin")


def ms(text: str, zone: Any = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def at(shop: Shop, local: str) -> None:
    """Let time pass until the next time that Berlin's clocks show ``local``, such as 19:59."""
    now = datetime.fromtimestamp(shop.now_ms / 1000, BERLIN)
    hours, minutes = map(int, local.split(":"))
    then = now.replace(hour=hours, minute=minutes, second=0, microsecond=0)
    seconds = (then - now).total_seconds() % 86_400
    shop.after(seconds)


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-01-10T19:59", False),
        ("2026-01-10T20:00", True),
        ("2026-07-10T20:00", True),
        ("2026-07-10T19:59", False),
        ("2026-07-11T06:59", True),
        ("2026-07-11T07:00", False),
    ],
)
def test_hours_are_local_in_winter_and_summer(local: str, is_open: bool) -> None:
    assert NIGHT.open_at(ms(local), BERLIN) is is_open


def test_the_last_day_of_a_blackout_is_closed() -> None:
    calendar = Calendar(None, (parse_days("2026-12-24..2026-12-27"), parse_days("2026-12-31")))
    days = [23, 24, 27, 28, 31]
    found = [calendar.open_at(ms(f"2026-12-{day}T23:59"), BERLIN) for day in days]
    assert found == [True, False, False, True, False]


@pytest.mark.parametrize("text", ["20-07", "24:00-01:00", "20:00-20:00", "7:00-8:00", "20:00"])
def test_wrong_hours(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_hours(text)


@pytest.mark.parametrize("text", ["2026-12-27..2026-12-24", "2026-13-01", "20261224", "a..b"])
def test_wrong_days(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_days(text)


def test_the_whole_day_may_be_named() -> None:
    assert parse_hours("00:00-24:00") == Hours(0, 1440)


def test_asks_are_there_in_the_groups_hours_only() -> None:
    shop = Shop(group(calendar=NIGHT))
    at(shop, "19:59")
    assert shop.asks() == {}
    shop.after(65)
    assert shop.spot() == {"h-1": 4}
    shop.buy("b", 1)
    at(shop, "06:59")
    assert shop.spot() == {"h-1": 3}
    shop.after(65)
    assert shop.asks() == {}
    shop.after(1800)
    [lease] = shop.leases()
    assert not lease.recalls, "spot leases stay"


def test_with_notice_only_what_was_sold_is_back_when_hours_end() -> None:
    shop = Shop(group(calendar=NIGHT, notice_only=True))
    at(shop, "20:01")
    shop.buy("b", 2)
    at(shop, "06:57")
    assert shop.spot() == {"h-1": 2}
    at(shop, "07:01")
    assert (shop.asks(), shop.leases()) == ({}, [])
    assert sum(isinstance(request, LeaseRecall) for request in shop.requests) == 1


def test_a_window_is_on_sale_when_its_hour_lies_in_the_hours() -> None:
    shop = Shop(group(delivery=("window",), calendar=NIGHT))
    shop.after(5)
    hours = set()
    for _, symbol in shop.asks():
        start = datetime.fromisoformat(symbol.rpartition(".")[2]).replace(tzinfo=UTC)
        hours.add(start.astimezone(BERLIN).hour)
    assert hours == {20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 6}


def test_spot_and_windows_share_a_host_by_halves() -> None:
    shop = Shop(group(delivery=("spot", "window")), units=5)
    shop.after(5)
    asks = shop.asks()
    assert asks.pop(("h-1", SYMBOL)) == (3, PRICE_UCR)
    assert len(asks) >= 23
    assert {units for units, _ in asks.values()} == {2}
    _, window = max(asks)
    assert shop.buy("w", 2, window) == 2
    shop.after(5)
    asks = shop.asks()
    assert asks.pop(("h-1", SYMBOL))[0] == 2
    assert ("h-1", window) not in asks or asks["h-1", window][0] == 1
    others = {units for (_, symbol), (units, _) in asks.items() if symbol != window}
    assert others == {3}


def test_windows_roll() -> None:
    shop = Shop(group(delivery=("window",)))
    shop.after(5)
    before = {symbol for _, symbol in shop.asks()}
    shop.after(2 * MS_PER_HOUR / 1000)
    after = {symbol for _, symbol in shop.asks()}
    assert len(after) == len(before)
    assert len(after - before) == 2


def test_prices_by_the_hour() -> None:
    price = Hourly(((parse_hours("20:00-07:00"), 15_000), (None, 30_000)))
    shop = Shop(group(price=price))
    at(shop, "19:58")
    assert shop.asks()["h-1", SYMBOL] == (4, 30_000)
    shop.after(180)
    assert shop.asks()["h-1", SYMBOL] == (4, 15_000)


UNDER = Relative("best_ask", -1_000, 15_000, 30_000)


def test_a_relative_price_goes_by_what_others_ask_never_by_its_own() -> None:
    shop = Shop(group(price=UNDER))
    shop.market.open_account("eve")
    shop.market.add_host("eve", 9)
    shop.after(60)
    assert shop.asks()["h-1", SYMBOL] == (4, 30_000), "alone"
    shop.sell_by_hand("eve.1", 1, 25_000)
    shop.after(30)
    assert shop.asks()["h-1", SYMBOL] == (4, 24_000)
    shop.after(600)
    assert shop.asks()["h-1", SYMBOL] == (4, 24_000)
    shop.sell_by_hand("eve.2", 1, 15_500)
    shop.after(30)
    assert shop.asks()["h-1", SYMBOL] == (4, 15_000), "the floor"
    shop.market.cancel("eve.1")
    shop.market.cancel("eve.2")
    shop.after(30)
    assert shop.asks()["h-1", SYMBOL] == (4, 30_000), "alone again"


def test_own_asks_at_the_same_price_as_another_are_told_apart() -> None:
    shop = Shop(group(price=Relative("best_ask", 0, 15_000, 30_000)))
    shop.market.open_account("eve")
    shop.market.add_host("eve", 9)
    shop.sell_by_hand("eve.1", 1, 25_000)
    shop.after(30)
    shop.market.cancel("eve.1")
    shop.after(30)
    assert shop.asks()["h-1", SYMBOL] == (4, 30_000)


def test_a_price_relative_to_bids() -> None:
    shop = Shop(group(price=Relative("best_bid", 5_000, 15_000, 30_000)))
    shop.after(10)
    assert shop.asks()["h-1", SYMBOL] == (4, 30_000)
    shop.market.place("ann.bid", "buy", 1, 16_000)
    shop.after(30)
    assert shop.asks()["h-1", SYMBOL] == (4, 21_000)


def test_two_who_undercut_each_other_end_at_a_floor_slowly() -> None:
    """The other follows at once, as the worst would; ours moves once in 10 s, to its floor."""
    shop = Shop(group(price=UNDER))
    shop.market.open_account("eve")
    shop.market.add_host("eve", 9)
    shop.sell_by_hand("eve.1", 1, 25_000)
    moves: list[int] = []
    for _ in range(300):
        shop.after(1)
        units, price = shop.asks().get(("h-1", SYMBOL), (0, 0))
        assert price >= 15_000 or not units
        if not moves or moves[-1] != price:
            moves.append(price)
            shop.market.replace("eve.1", price_ucr=max(14_000, price - 500))
            shop.hear()
    assert moves[-1] == 15_000
    assert len(moves) <= 32


def test_prices_are_on_the_tick_and_never_below_what_was_wanted() -> None:
    assert [on_tick(price, 7) for price in (1, 7, 8, 10**9)] == [7, 7, 14, 10**9 - 10**9 % 7]
    shop = Shop(group(price=Fixed(20_001)))
    shop.market.must(AdminInstrument(req_id=1, symbol=SYMBOL, tick_ucr=100))
    shop.after(5)
    assert shop.asks()["h-1", SYMBOL] == (4, 20_100)


def test_a_residual_group_tells_its_threshold_first_and_others_none() -> None:
    shop = Shop(group("idle", "h-1", kind="residual", below_pct=10), group("all", "h-2"), hosts=2)
    shop.after(3)
    limits = [request for request in shop.requests if isinstance(request, HostOffer)]
    told = {request.host: request.residual_below_pct for request in limits}
    assert told == {"h-1": 10, "h-2": None}
    assert shop.spot() == {"h-2": 4}, "the threshold is not in force yet"
    shop.after(10)
    assert shop.spot() == {"h-1": 4, "h-2": 4}
    shop.offers("h-1", room(0))
    shop.after(3)
    assert shop.spot() == {"h-2": 4}
    assert len([request for request in shop.requests if isinstance(request, HostOffer)]) == 2


def test_the_size_of_images_is_the_groups_on_all_its_hosts() -> None:
    """Set at the exchange, lifted when the file has none any more, also after a new start."""
    shop = Shop(group("big", "h-1", image_max_mib=900), group("all", "h-2"), hosts=2)

    def limits() -> list[int | None]:
        return [row.image_max_mib for row in shop.market.engine.fleet_rows("shop")]

    shop.after(3)
    assert (limits(), shop.spot()) == ([900, None], {"h-1": 4, "h-2": 4})
    shop.regroup(group("big", "h-2", image_max_mib=800), group("all", "h-1"))
    shop.after(3)
    assert limits() == [None, 800]
    sent = len(shop.requests)
    shop.after(3_600)
    shop.groups = (group("all"),)
    shop.start()
    shop.after(3)
    assert limits() == [None, None]
    assert len([one for one in shop.requests[sent:] if isinstance(one, HostOffer)]) == 2


def test_a_refusal_is_told_once_and_tried_again() -> None:
    shop = Shop(group(price=Fixed(20_050)))
    shop.market.must(AdminInstrument(req_id=1, symbol=SYMBOL, ref_ucr=100_000, band_pct=10))
    shop.after(300)
    refused = [line for line in shop.logged if "price_out_of_band" in line]
    assert len(refused) == 1
    assert len(shop.requests) < 20
    shop.market.must(AdminInstrument(req_id=1, symbol=SYMBOL, ref_ucr=20_000, band_pct=10))
    shop.after(65)
    assert shop.spot() == {"h-1": 4}


def test_an_offer_of_nothing_needs_no_price() -> None:
    assert offer(kind="none", price=None).price is None
