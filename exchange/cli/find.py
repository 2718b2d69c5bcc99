"""`headroom find`: everybody's resources that fit a need, and what it costs. Shell."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
import typer

from exchange.cli.common import EXIT_NOT_SO, EXIT_USAGE, Json, KeyOrNone, Url, fail, print_json
from exchange.cli.find_text import found_lines
from exchange.cli.fleet import work
from exchange.cli.one_request import logged_in
from exchange.cli.typed import price_option, units_option
from exchange.client import Client
from exchange.find import offers, reader
from exchange.find.countries import CODES, NAMES, country_name
from exchange.find.need import Known, Need, merged, say
from exchange.find.words import UnclearNeedError
from exchange.wire.frames import DirectorySnapshot, DirectoryUpdate, InstrumentsSnapshot
from exchange.wire.requests import Unsubscribe
from exchange.wire.types import Channel

app = typer.Typer(help="Find what you need among everybody's resources.")

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NEED]...", help='As in "4 small in Germany below 0.03, kvm".'),
]
Class = Annotated[str | None, typer.Option("--class", help="The size, such as small.")]
Units = Annotated[int | None, units_option("--units", "How many units.")]
Zones = Annotated[str | None, typer.Option("--zone", help="In this zone, such as eu-de.")]
Country = Annotated[
    str | None, typer.Option("--country", help="In this country: its name, or two letters.")
]
Below = Annotated[int | None, price_option("--below", "For less than this, a unit-hour.")]
Accels = Annotated[
    list[str] | None, typer.Option("--accel", help="kvm, tcg or simulated; several: any of them.")
]
Pricing = Annotated[str | None, typer.Option("--pricing", help="flat or metered.")]
CHANNELS: Final[tuple[Channel, ...]] = ("instruments", "directory")


@app.command()
def find(
    words: Words = None,
    class_name: Class = None,
    units: Units = None,
    zone: Zones = None,
    country: Country = None,
    below: Below = None,
    accel: Accels = None,
    pricing: Pricing = None,
    key: KeyOrNone = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List who offers what you need, cheapest first, with each host's record.

    NEED in words: a number and a size, in a zone or country, below a price, kvm, tcg, flat or
    metered, losses < 1 %, recalls, failures, uptime > 99.9 %, boot < 20 s, leases > 10. The options
    say the same. Exit code 1 when less than that is for sale.
    """
    given = {
        "class": class_name,
        "units": units,
        "zone": zone,
        "country": country,
        "price": below,
        "accel": accel,
        "pricing": pricing,
    }
    hosts, known = logged_in(url, key, _market)
    need = _need(" ".join(words or ()), given, known)
    found = offers.search(need, hosts, known.zones)
    best = offers.cheapest(found.offers, need.units or 1)
    above_limit = offers.above_limit(need, hosts, known.zones, best)
    if as_json:
        told = {"need": need, "words": say(need), "best": best, "above_limit": above_limit}
        print_json(msgspec.to_builtins(told | msgspec.structs.asdict(found)))
    else:
        _nowhere(need, known)
        for line in found_lines(need, found, best, above_limit, work.width()):
            typer.echo(line)
    if best is None or best.units < (need.units or 1):
        raise typer.Exit(EXIT_NOT_SO)


async def _market(client: Client) -> tuple[list[DirectoryUpdate], Known]:
    """Return every host, and what there is on the exchange; hang up.

    The whole directory: a search of the exchange's own ends at a hundred hosts.
    """
    for channel in CHANNELS:
        await client.subscribe(channel)
        # Its answer comes behind the rows of the subscription.
        await client.request(Unsubscribe(req_id=1, channel=channel), patient=True)
    await client.close()
    hosts: dict[str, DirectoryUpdate] = {}
    classes: dict[str, None] = {}
    zones: dict[str, str] = {}
    async for event in client.events():
        if isinstance(event, InstrumentsSnapshot):
            classes |= dict.fromkeys(each.class_ for each in event.instruments)
            zones |= {each.zone: each.country for each in event.instruments}
        elif isinstance(event, DirectorySnapshot):
            hosts |= {each.host: each for each in event.hosts}
        elif isinstance(event, DirectoryUpdate):
            hosts[event.host] = event
    return list(hosts.values()), Known(tuple(classes), zones)


def _need(line: str, given: Mapping[str, Any], known: Known) -> Need:
    """Return what the words and the options ask for; exit 2 when one of them is unclear."""
    try:
        need = reader.read(line, known)
    except UnclearNeedError as error:
        fail(f"find: {error}", EXIT_USAGE)
    both = merged(need, _by_options(given, known))
    if isinstance(both, str):
        fail(f"find: the {reader.WORDS.get(both, 'place')} is in NEED and an option", EXIT_USAGE)
    return both


def _by_options(given: Mapping[str, Any], known: Known) -> Need:
    price = given["price"]
    if price == 1:
        fail("find: --below 0.000001: no price is lower", EXIT_USAGE)
    return Need(
        units=given["units"],
        class_=next(iter(_given("--class", given["class"], known.classes)), None),
        zones=_given("--zone", given["zone"], tuple(known.zones)),
        countries=_country(given["country"]),
        price_max_ucr=None if price is None else price - 1,
        accel=tuple(_one_of("--accel", each, reader.ACCELS) for each in given["accel"] or ()),
        pricing=next(iter(_given("--pricing", given["pricing"], reader.PRICINGS)), None),
    )


def _one_of(option: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        fail(f"find: {option} {value}: not {', '.join(sorted(known))}", EXIT_USAGE)
    return value


def _given(option: str, value: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    return () if value is None else (_one_of(option, value, known),)


def _country(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    code = text.upper() if text.upper() in NAMES else CODES.get(text.casefold())
    if code is None:
        fail(f"find: --country {text}: no country", EXIT_USAGE)
    return (code,)


def _nowhere(need: Need, known: Known) -> None:
    """Say which countries of the need have no zone here."""
    for code in need.countries:
        if code not in known.zones.values():
            there = ", ".join(f"{zone} ({country})" for zone, country in known.zones.items())
            line = f"no zone here is in {country_name(code)} ({code}); zones: {there or 'none'}"
            typer.echo(f"headroom: {line}", err=True)
