"""Which hosts can back an ask, and an ask that names them."""

from msgspec.structs import replace

from exchange.wire.frames import HostUpdate
from tests.tui.market import SYMBOL, WINDOW, instrument, order
from tests.tui.view.test_host_rows import host
from tui.view import choices
from tui.view.backing import Backer, backers, market_of
from tui.view.model import Model
from tui.view.ticket import Ticket, cost_text, manner, replacing, request

ZONE = instrument().zone


def model(*hosts: HostUpdate) -> Model:
    made = Model()
    made.instruments = {each: instrument(each) for each in (SYMBOL, WINDOW)}
    made.fleet = {each.host: each for each in hosts}
    return made


def test_only_live_hosts_of_the_zone_with_room_can_back_an_ask() -> None:
    here = [replace(host(number, used=used), zone=ZONE) for number, used in ((1, 0), (2, 8))]
    waits = replace(host(3, "pending"), zone=ZONE)
    paused = replace(host(4), zone=ZONE, paused="disk")
    elsewhere = replace(host(5), zone="us-oh")
    seen = model(*here, waits, paused, elsewhere)
    assert [(each.host, each.free) for each in backers(seen, SYMBOL)] == [("h-1", 7)]
    # Of an hour to come the terminal cannot tell what is taken: the exchange will.
    assert [(each.host, each.free) for each in backers(seen, WINDOW)] == [
        ("h-1", None),
        ("h-2", None),
    ]
    assert Backer("h-1", "r7-01", 1).text.split() == ["r7-01", "h-1", "1", "unit", "free"]


def test_a_sell_names_its_hosts_and_nothing_else_does() -> None:
    sell = Ticket().staged("sell", 31_000)
    named = choices.hosts(sell, ("h-1", "h-2")).ticket
    assert request(named, SYMBOL, "c").hosts == ["h-1", "h-2"]
    assert request(sell, SYMBOL, "c").hosts is None
    assert manner(named) == "limit gtc on 2 hosts"
    assert cost_text(named, instrument(), None).endswith("1 free slot of h-1, h-2")
    many = named.with_hosts(tuple(f"h-{number}" for number in range(9)))
    assert cost_text(many, instrument(), None).endswith("of h-0, h-1, h-2 and 6 more")
    assert named.staged("buy", 31_000).hosts == ()
    assert named.sent().disarmed().hosts == ()
    assert choices.no_hosts(Ticket())
    assert choices.no_hosts(Ticket().staged("buy", 31_000))


def test_a_replace_cannot_change_the_hosts() -> None:
    ticket = replacing(order(1))
    assert choices.hosts(ticket, ("h-1",)).ticket == ticket


def test_servers_are_sold_where_they_stand() -> None:
    mine = [replace(host(1), zone=ZONE)]
    assert market_of(model(), mine, WINDOW) == WINDOW
    assert market_of(model(), mine, "") == SYMBOL
    assert market_of(model(), [replace(host(1), zone="us-oh")], SYMBOL) == ""
