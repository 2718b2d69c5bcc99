"""Find's pure part: the typed need, offers as rows, what it costs, the form, the steps."""

import pytest
from msgspec.structs import replace

from exchange.find.need import Known, Need
from exchange.find.offers import above_limit, cheapest, search
from exchange.find.reader import read
from exchange.wire.frames import DirectorySnapshot, DirectoryUpdate, HostAsk
from exchange.wire.requests import OrderPlace
from exchange.wire.types import Capacity, EvidenceView
from manager.control.frames import BurstRow, OrderRow, UnitRow, VmRow
from manager.control.requests import BurstStart
from tests.tui.market import SYMBOL, instrument
from tui.view import renting
from tui.view.directory import Directory
from tui.view.entry import Fault
from tui.view.need_line import NeedLine
from tui.view.offer_rows import OFFER_COLUMNS, known_of, offer_rows, summary_lines
from tui.view.steps import step_rows
from tui.view.table import fitted
from tui.view.text import width_of

FRENCH = "small.eu-fr.flat.spot"
METERED = "small.eu-de.metered.spot"
INSTRUMENTS = {each: instrument(each) for each in (SYMBOL, METERED)}
INSTRUMENTS[FRENCH] = replace(instrument(FRENCH), country="FR")
KNOWN = known_of(INSTRUMENTS.values())
NEW = EvidenceView(0, 0, 0, 0, None, None, 0, 0, 0, 0, 0)
PROVEN = EvidenceView(10**6, 999_999, 40, 12, 8_000, 12_340, 1, 1, 0, 0, 0)
LIBRARY = [VmRow("web", "small"), VmRow("db", "large"), VmRow("api", "small")]


def host(
    name: str, *asks: HostAsk, zone: str = "eu-de", evidence: EvidenceView = NEW, free: int = 0
) -> DirectoryUpdate:
    room = Capacity(4000, 8192, 65536)
    frees = {"small": free}
    return DirectoryUpdate(
        name, zone, "live", ["small"], room, room, frees, list(asks), "kvm", evidence
    )


HOSTS = [
    host("h-1", HostAsk(SYMBOL, 28_000, 3), evidence=PROVEN),
    host("h-2", HostAsk(SYMBOL, 29_000, 3), HostAsk(METERED, 20_000, 9), free=2),
    host("h-3", HostAsk(FRENCH, 25_000, 8), zone="eu-fr"),
]


def typed(line: NeedLine, text: str) -> None:
    for character in text:
        assert not line.typed(character, character, KNOWN)
    line.typed("enter", None, KNOWN)


def shown(line: NeedLine, width: int = 80) -> str:
    return "".join(text for text, _, _ in line.line(width))


def test_a_need_is_read_said_again_and_left_by_escape() -> None:
    line = NeedLine()
    assert "such as: 4 small in Germany" in shown(line)
    line.begin()
    typed(line, "4 small in Germany below 0.03")
    assert (line.typing, line.fault) == (False, "")
    assert shown(line).rstrip() == " NEED  4 small, in DE, below 0.03"
    before = line.need
    line.begin()
    line.typed("backspace", None, KNOWN)
    assert line.typed("escape", None, KNOWN)
    assert (line.need, line.text) == (before, "4 small in Germany below 0.03")
    assert line.clear() and not line.clear()
    assert line.need == Need()


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (["7"], "7"),
        (["backspace", "4"], "small below 0.04"),
        (["x", "y"], "xy"),
        (["ctrl+u", "x"], "x"),
    ],
)
def test_text_typed_over_the_last_need_replaces_it_unless_it_is_edited(
    keys: list[str], text: str
) -> None:
    """(Seen to fail: a second need was written behind the first, and none was read.)"""
    line = NeedLine()
    line.begin()
    typed(line, "small below 0.03")
    line.begin()
    for key in keys:
        line.typed(key, key if len(key) == 1 else None, KNOWN)
    assert line.text == text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("4 smal", "'4': a number of what? write 4 small, or 4 units"),
        ("small below 0,03", "'0,03': a number has neither comma nor space in it"),
        ("in Atlantis", "'Atlantis': neither a zone of this exchange nor a country"),
    ],
)
def test_an_unclear_need_is_told_by_its_word_and_searches_nothing(text: str, fault: str) -> None:
    line = NeedLine()
    line.begin()
    typed(line, text)
    assert line.typing and line.need == Need()
    assert line.fault.startswith(fault)
    assert "".join(part for part, _, _ in line.fault_line(120)).strip().startswith(fault)
    line.typed("x", "x", KNOWN)
    assert line.fault == ""


def test_a_paste_is_one_line_and_presses_nothing() -> None:
    line = NeedLine()
    line.begin()
    line.paste("4 small\nin Germany")
    assert (line.text, line.typing) == ("4 small", True)


@pytest.mark.parametrize("width", [20, 40, 80, 158])
def test_every_row_above_the_offers_fills_its_width(width: int) -> None:
    line = NeedLine()
    line.begin()
    line.text = "x" * 190
    found = search(Need(), HOSTS, KNOWN.zones)
    best = cheapest(found.offers, 4)
    rows = [line.line(width), line.fault_line(width)]
    for row in (*rows, *summary_lines(Need(units=4), found, best, best, width)):
        assert width_of(row) == width


def test_offers_say_the_record_with_its_counts() -> None:
    rows = offer_rows(search(Need(), HOSTS, KNOWN.zones).offers)
    assert [row.key for row in rows] == [
        f"h-2 {METERED}",
        f"h-3 {FRENCH}",
        f"h-1 {SYMBOL}",
        f"h-2 {SYMBOL}",
    ]
    proven = [cell.text for cell in rows[2].cells]
    assert proven[5:] == [
        *("3", "0.0280", "0", "kvm"),
        *("12.3 s of 12", "1 of 40", "1 of 40", "0 of 40", "99.99 %"),
    ]
    assert [cell.text for cell in rows[3].cells[9:]] == ["–"] * 5


def test_at_80_columns_the_record_is_there_with_its_counts() -> None:
    rows = offer_rows(search(Need(), HOSTS, KNOWN.zones).offers)
    titles = [OFFER_COLUMNS[at].title for at, _ in fitted(OFFER_COLUMNS, rows, 78)]
    wanted = ["host", "class", "zone", "sale", "from/h", "free", "accel", "boot p95", "losses"]
    assert [title for title in titles if title != "in"] == wanted


def said(text: str) -> list[str]:
    need = read(text, KNOWN)
    found = search(need, HOSTS, KNOWN.zones)
    best = cheapest(found.offers, need.units or 1)
    more = above_limit(need, HOSTS, KNOWN.zones, best)
    lines = summary_lines(need, found, best, more, 150)
    return ["".join(part for part, _, _ in line).strip() for line in lines]


def test_what_a_need_costs() -> None:
    assert said("4 small in Germany flat") == [
        "4 cost 0.1130 an hour, at most 0.0290 each, small.eu-de.flat.spot",
        "2 offers of 2 hosts",
    ]
    cost, more = said("9 small in Germany flat losses < 5 %")
    assert cost.startswith("only 3 of 9 by one instrument: 3 cost 0.0840 an hour")
    assert more == "1 offer of 1 host, 1 more unproven · the best price wins, listed or not"


@pytest.mark.parametrize(
    ("need", "cost"),
    [
        ("2 small in Germany flat below 0.02", "None is for sale. All 2 at up to 0.0280 each."),
        ("small in Germany flat below 0.02", "None is for sale. 1 at up to 0.0280 each."),
        ("9 small in Germany flat below 0.02", "None is for sale. 6 at up to 0.0290 each."),
        (
            "4 small in Germany flat below 0.0285",
            "only 3 of 4 by one instrument: 3 cost 0.0840 an hour, at most 0.0280 each, "
            "small.eu-de.flat.spot. All 4 at up to 0.0290 each.",
        ),
        ("small in Germany tcg below 0.02", "None is for sale."),
    ],
)
def test_a_limit_that_is_too_low_names_the_price_that_would_do(need: str, cost: str) -> None:
    assert said(need)[0] == cost


def planned(text: str, at: int = 0, library: list[VmRow] | None = None) -> renting.Plan:
    need = read(text, KNOWN)
    found = search(need, HOSTS, KNOWN.zones)
    vms = LIBRARY if library is None else library
    made = renting.plan(need, found.offers[at], found, vms, INSTRUMENTS)
    assert isinstance(made, renting.Plan), made
    return made


def test_the_manager_is_asked_in_every_zone_of_the_need_and_up_to_its_price() -> None:
    of = planned("4 small in Germany or France below 0.03 flat")
    assert (of.vms, of.zones, of.units) == (("web", "api"), ("eu-fr", "eu-de"), 4)
    assert of.ceiling_ucr == 29_900  # the highest price below 0.03 that the tick allows
    form = renting.form(of)
    values = {field.name: field.value for field in form.fields}
    assert values == {"vm": "web", "units": "4", "ceiling": "0.0299"}
    wanted = renting.read(of, values)
    assert isinstance(wanted, renting.Renting)
    assert renting.burst(of, wanted) == BurstStart(
        req_id=1, vm="web", units=4, price_max=0.0299, zones=["eu-fr", "eu-de"]
    )
    question, more = renting.question(of, wanted)
    assert question == "Rent 4 small for at most 0.0299 each, and start web?"
    assert "At most 0.1196 an hour. Owed at least, once bought: 5 minutes, up to 0.009967." in more


def test_a_need_without_a_place_is_met_where_the_cursor_is() -> None:
    assert planned("small flat", at=0).zones == ("eu-fr",)
    assert planned("small flat", at=1).zones == ("eu-de",)


def test_without_a_manager_and_of_metered_units_only_units_are_bought() -> None:
    for of in (planned("2 small in Germany flat", library=[]), planned("2 small metered")):
        assert of.vms == ()
        wanted = renting.read(of, {"units": "2", "ceiling": "0.0280"})
        assert isinstance(wanted, renting.Renting)
        assert renting.order(of, wanted, "tui/x/1") == OrderPlace(
            req_id=1,
            client_order_id="tui/x/1",
            symbol=of.best.symbol,
            side="buy",
            order_type="limit",
            qty=2,
            price_ucr=28_000,
            time_in_force="ioc",
        )


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"vm": "db"}, "there is no stored VM 'db' of class small"),
        ({"units": "0"}, "a quantity is a whole number"),
        ({"units": "1 000"}, "a space is in no number"),
        ({"ceiling": "0,04"}, "',' is in no number"),
        ({"ceiling": "0.02995"}, "off the tick"),
    ],
)
def test_what_cannot_be_taken_is_said_in_the_form(changed: dict[str, str], fault: str) -> None:
    of = planned("4 small in Germany flat")
    values = {"vm": "web", "units": "4", "ceiling": "0.0290"} | changed
    read_as = renting.read(of, values)
    assert isinstance(read_as, Fault) and read_as.text.startswith(fault)
    assert renting.form(of).check(values) == (False, read_as.text)


def test_the_form_says_what_is_for_sale_at_the_ceiling() -> None:
    check = renting.form(planned("4 small in Germany flat")).check
    values = {"vm": "web", "units": "4", "ceiling": "0.0290"}
    assert check(values).text.startswith("All for sale now, for 0.1130 an hour.")
    few = check(values | {"ceiling": "0.0280"}).text
    assert few.startswith("3 of 4 for sale now, for 0.0840 an hour. At most 0.1120")
    none = check(values | {"ceiling": "0.0200"}).text
    assert none.startswith("None is for sale at that price now; the cheapest is 0.0280.")


def test_nothing_to_rent_is_said() -> None:
    empty = search(Need(), [], {})
    said = renting.plan(Need(), None, empty, LIBRARY, INSTRUMENTS)
    assert said == "There is nothing to rent: nobody offers what is asked for."
    idle = search(Need(), [host("h-9", free=3)], {})
    why = renting.plan(Need(), idle.offers[0], idle, LIBRARY, INSTRUMENTS)
    assert why == "Nobody sells small flat here now: bid for it on the Market (F2)."


def unit(number: int, state: str, **more: object) -> UnitRow:
    return UnitRow(f"l-1-{number}", "l-1", "h-1", 28_000, state, **more)  # type: ignore[arg-type]


def test_a_purchase_is_shown_step_by_step() -> None:
    units = [
        unit(1, "leased"),
        unit(2, "requested"),
        unit(3, "joining", silent=True),
        unit(4, "ready", address="10.0.0.1", port=30_080),
        unit(5, "draining"),
    ]
    orders = [
        OrderRow("rule/+web/1", SYMBOL, 29_000, 2, rests=True),
        OrderRow("rule/+web/2", SYMBOL, 29_000, 0),
    ]
    rows = step_rows(
        [BurstRow("+web", "web", True, 140_000, units, orders), BurstRow("burst", "web")]
    )
    assert [(row.depth, row.cells[0].text, row.cells[1].text) for row in rows] == [
        (0, "web", "1 of 7 in the balancer"),
        (1, "order", "○○○○ bid for 2 units"),
        (1, "l-1-1", "●○○○ bought"),
        (1, "l-1-2", "●●○○ starting"),
        (1, "l-1-3", "●●●○ ready, its host is silent"),
        (1, "l-1-4", "●●●● in the balancer"),
        (1, "l-1-5", "draining: no new requests"),
    ]
    assert rows[5].cells[4].text == "10.0.0.1:30080"


def test_a_snapshot_of_the_directory_begins_anew() -> None:
    directory = Directory()
    directory.apply(DirectorySnapshot(HOSTS))
    directory.apply(host("h-4"))
    directory.apply(DirectorySnapshot(HOSTS[:1]))
    assert (list(directory.hosts), directory.version) == (["h-1"], 3)


def test_zones_and_classes_come_from_the_instruments() -> None:
    assert known_of(INSTRUMENTS.values()) == Known(("small",), {"eu-de": "DE", "eu-fr": "FR"})
