"""``image.list`` with ``for_sale``: what a buyer would pay, and nothing that is not for sale."""

from exchange.engine import account_pages
from exchange.model.commands import ImageDeleted, ImageStored
from exchange.wire.requests import ImageBuy, ImageOffer
from exchange.wire.results import Refused
from tests.exchange.support.market import Market

ONE, TWO, HIDDEN = ("1" * 64, "2" * 64, "3" * 64)


def selling() -> Market:
    """``ann`` and ``bob`` uploaded ONE, ``ann`` TWO and HIDDEN too; ``cat`` has money."""
    market = Market()
    for name in ("ann", "bob", "cat"):
        market.open_account(name)
    for name, digest in (("ann", ONE), ("bob", ONE), ("ann", TWO), ("ann", HIDDEN)):
        market.must(ImageStored(name, digest, 1_000, "raw"))
    offer(market, "ann", ONE, "dear", 9)
    offer(market, "bob", ONE, "cheap", 7)
    offer(market, "ann", TWO, "only", 5)
    return market


def offer(market: Market, account: str, digest: str, title: str, price_ucr: int) -> None:
    market.must(ImageOffer(req_id=1, sha256=digest, title=title, price_ucr=price_ucr), account)


def listed(market: Market, account: str) -> list[tuple[str, str, int, bool]]:
    """Read it row by row: digest, title, price, usable."""
    found, after = [], None
    while True:
        page = market.engine.account_page(account, account_pages.FOR_SALE, after, 1)
        assert not isinstance(page, Refused)
        rows = page[0]["for_sale"]
        found += [(row.sha256, row.title, row.price_ucr, row.usable) for row in rows]
        after = page[1]
        if after is None:
            return found


def test_the_cheapest_offer_of_each_and_no_other_image() -> None:
    market = selling()
    assert listed(market, "cat") == [(ONE, "cheap", 7, False), (TWO, "only", 5, False)]
    assert listed(market, "bob") == [(ONE, "cheap", 7, True), (TWO, "only", 5, False)]


def test_what_is_listed_is_what_is_paid() -> None:
    market = selling()
    paid = market.must(ImageBuy(req_id=1, sha256=ONE), "cat")
    assert paid["price_ucr"] == 7
    assert listed(market, "cat")[0] == (ONE, "cheap", 7, True)


def test_an_image_given_up_is_for_sale_by_others_only() -> None:
    market = selling()
    for name, digest in (("bob", ONE), ("ann", TWO)):
        market.must(ImageDeleted(name, digest))
    assert listed(market, "cat") == [(ONE, "dear", 9, False)]
