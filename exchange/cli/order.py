"""`headroom order place|replace|cancel|list`: trade from a shell, in credits. Shell."""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer

from exchange.cli.common import EXIT_NOT_SO, EXIT_USAGE, Json, Key, Url, fail, print_json
from exchange.cli.fleet import work
from exchange.cli.fleet.cli import Yes
from exchange.cli.one_request import ask, checked, logged_in
from exchange.cli.order_guard import Wanted, doubt_now, doubt_replaced
from exchange.cli.order_text import order_lines, placed_lines, replaced_lines
from exchange.cli.typed import price_option, time_option, units, units_option
from exchange.client import Client, Refused, Unknown
from exchange.units import count_text
from exchange.wire.requests import (
    AccountState,
    OrderCancel,
    OrderList,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
)
from exchange.wire.types import Side, TimeInForce

app = typer.Typer(no_args_is_help=True, help="Place, change, cancel and list your orders.")

Price = Annotated[int | None, price_option("--price", "For a unit-hour, at worst.")]
Symbol = Annotated[str, typer.Argument(help="The instrument, as in small.eu-de.flat.spot.")]
SideWord = Annotated[str, typer.Argument(metavar="buy|sell", help="What to do.")]
Quantity = Annotated[int, typer.Argument(metavar="QTY", parser=units, help="How many units.")]
AtMarket = Annotated[
    bool, typer.Option("--market", help="At the best there is; with --price: no worse than that.")
]
Tif = Annotated[
    str | None,
    typer.Option(
        "--tif",
        metavar="gtc|ioc|fok|gtd",
        help="Rest; trade now what can be; all now or nothing; rest until --until.",
    ),
]
Until = Annotated[int | None, time_option("--until", "When it ends: +2h, 20:00.")]
PostOnly = Annotated[bool, typer.Option("--post-only", help="Refuse it if it would trade at once.")]
MinQty = Annotated[int | None, units_option("--min-qty", "Trade at least so many, or nothing.")]
Hosts = Annotated[
    list[str] | None, typer.Option("--host", help="Back an ask with this host; repeat it.")
]
OwnId = Annotated[
    str | None,
    typer.Option("--client-order-id", help="Your id; the same again places nothing twice."),
]
OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="The order, such as o-17, or yours.")]
_ORDER_ID: Final = re.compile(r"o-[0-9]+")
ID_BYTES: Final = 8
OPTIONS: Final = {
    "symbol": "SYMBOL",
    "side": "SIDE",
    "qty": "QTY",
    "price_ucr": "--price",
    "expire_ms": "--until",
    "min_qty": "--min-qty",
    "hosts": "--host",
    "time_in_force": "--tif",
    "order_type": "--market",
}
"""What the fields are called here, where that is not their name."""
PLACED: Final = OPTIONS | {"client_order_id": "--client-order-id"}
"""Elsewhere it names the order that is meant."""


@app.callback()
def group() -> None:
    """Place, change, cancel and list your orders."""


@app.command("place")
def place(
    symbol: Symbol,
    side: SideWord,
    qty: Quantity,
    key: Key,
    price: Price = None,
    market: AtMarket = False,
    tif: Tif = None,
    until: Until = None,
    post_only: PostOnly = False,
    min_qty: MinQty = None,
    hosts: Hosts = None,
    own_id: OwnId = None,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Buy or sell units; prints what was traded, what rests and the leases it made.

    Asks about a price more than 20 % through the market, with what it may cost.

    Exit code 1 when nothing was traded and nothing rests.
    """
    if price is None and not market:
        fail("order place: missing option '--price' or '--market'", EXIT_USAGE)
    fields = {
        "client_order_id": own_id or f"cli-{secrets.token_hex(ID_BYTES)}",
        "symbol": symbol,
        "side": _side("order place: buy|sell", side),
        "order_type": "market" if market else "limit",
        "qty": qty,
        "price_ucr": price,
        "post_only": post_only,
        "min_qty": min_qty,
        "hosts": hosts or None,
    }
    fields |= _lasting(tif, until, market)
    order = checked("order place", _given(fields), OrderPlace, PLACED)
    if not yes:
        wanted = Wanted(symbol, side, qty, price)
        _ask_about(url, key, lambda client: doubt_now(client, wanted))
    result, leases = logged_in(url, key, lambda client: _placed(client, order), OrderPlace, PLACED)
    _show(placed_lines, fields, result, leases, as_json)


@app.command("replace")
def replace(
    order_id: OrderId,
    key: Key,
    price: Price = None,
    qty: Annotated[
        int | None, units_option("--qty", "The new total, with what has traded.")
    ] = None,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Change the price or the quantity of an order that rests."""
    if price is None and qty is None:
        fail("order replace: missing option '--price' or '--qty'", EXIT_USAGE)
    fields = _given({**_named(order_id), "price_ucr": price, "qty": qty})
    request = checked("order replace", fields, OrderReplace, OPTIONS)
    if price is not None and not yes:
        named = _named(order_id)
        _ask_about(url, key, lambda client: doubt_replaced(client, named, price, qty or 0))

    async def run(client: Client) -> tuple[Any, list[Any] | None]:
        result = await client.request(request)
        return result, await _leases(client, result)

    result, leases = logged_in(url, key, run, OrderReplace, OPTIONS)
    _show(replaced_lines, fields, result, leases, as_json)


@app.command("cancel")
def cancel(
    key: Key,
    orders: Annotated[
        list[str] | None, typer.Argument(metavar="[ORDER]...", help="Such as o-17, or your id.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All your orders.")] = False,
    symbol: Annotated[str | None, typer.Option("--symbol", help="All of one instrument.")] = None,
    side: Annotated[
        str | None, typer.Option("--side", metavar="buy|sell", help="All of one side.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Cancel orders: those named, or all, all of an instrument, all of a side."""
    many = everything or symbol is not None or side is not None
    if bool(orders) == many:
        either = "ORDER or one of --all, --symbol and --side"
        fail(f"order cancel: {'not both ' if many else 'missing '}{either}", EXIT_USAGE)
    if many:
        wanted = None if side is None else _side("order cancel: --side", side)
        fields = _given({"symbol": symbol, "side": wanted})
        result = ask(url, key, checked("order cancel", fields, OrderMassCancel, OPTIONS))
        if as_json:
            print_json(result)
        else:
            typer.echo(f"{count_text(result['canceled'], 'order')} canceled")
        return
    jobs: list[work.Job] = [
        ({"order_id": each}, checked("order cancel", _named(each), OrderCancel, OPTIONS))
        for each in orders or ()
    ]
    outcome = logged_in(url, key, lambda client: work.each(client, jobs, "cancel"))
    work.show(outcome, as_json, "canceled")


@app.command("list")
def list_orders(key: Key, url: Url = None, as_json: Json = False) -> None:
    """List your open orders, oldest first."""
    result = ask(url, key, OrderList(req_id=1))
    if as_json:
        print_json(result)
        return
    for line in order_lines(result["orders"], work.width()):
        typer.echo(line)


def _ask_about(url: str | None, key: Path, doubt: Callable[[Client], Awaitable[str]]) -> None:
    """Ask before a price far through the market is sent; nobody there to be asked: exit 2."""
    if why := logged_in(url, key, doubt, OrderPlace, PLACED):
        work.confirm(why, yes=False)


def _side(where: str, text: str) -> str:
    if text not in get_args(Side):
        fail(f"{where}: {text!r} is not buy or sell", EXIT_USAGE)
    return text


def _lasting(tif: str | None, until_ms: int | None, market: bool) -> dict[str, Any]:
    """Return how long the order lasts; --until alone means gtd."""
    if tif is not None and tif not in get_args(TimeInForce):
        fail(f"order place: --tif {tif}: not {', '.join(get_args(TimeInForce))}", EXIT_USAGE)
    if market and (tif not in (None, "ioc") or until_ms is not None):
        fail("order place: --market trades at once (ioc) and never rests", EXIT_USAGE)
    if until_ms is not None and tif not in (None, "gtd"):
        fail(f"order place: --until is for --tif gtd, not for {tif}", EXIT_USAGE)
    if tif == "gtd" and until_ms is None:
        fail("order place: --tif gtd: missing option '--until'", EXIT_USAGE)
    lasting = tif or ("gtd" if until_ms is not None else "ioc" if market else "gtc")
    return {"time_in_force": lasting, "expire_ms": until_ms}


def _named(order: str) -> dict[str, str]:
    """Return the field that names an order: the exchange's own ids are like o-17."""
    return {"order_id" if _ORDER_ID.fullmatch(order) else "client_order_id": order}


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


async def _placed(client: Client, order: OrderPlace) -> tuple[Any, list[Any] | None]:
    try:
        result = await client.place(order)
    except Unknown as error:
        again = f"--client-order-id {order.client_order_id} asks again without placing it twice"
        fail(f"{error}\n{again}")
    return result, await _leases(client, result)


async def _leases(client: Client, result: Any) -> list[Any] | None:
    """Return the leases that the fills made; None when they cannot be read: the order stands."""
    trades = {fill["trade_id"] for fill in result["fills"]}
    if not trades:
        return []
    try:
        state = await client.request(AccountState(req_id=1), patient=True)
    except (Refused, Unknown):
        return None
    return [row for row in state["leases"] if row["trade_id"] in trades]


def _show(
    told: Any, fields: Mapping[str, Any], result: Any, leases: Sequence[Any] | None, as_json: bool
) -> None:
    if as_json:
        print_json(result | {"leases": leases})
    else:
        for line in told(fields, result, leases or (), work.width()):
            typer.echo(line)
    if leases is None:
        typer.echo("headroom: the leases could not be read; headroom lease list", err=True)
    if not result["filled_qty"] and not result["leaves_qty"]:
        raise typer.Exit(EXIT_NOT_SO)
