"""What the operator can do: the form of each act, and the question that says what it does. Pure."""

from typing import Any, Final

from exchange.units import count_text
from exchange.wire import admin_requests as admin
from exchange.wire.types import Request
from tui.view.request_form import Field, RequestForm
from tui.view.table import Row
from tui.view.text import exact_price_text, money_text

MONEY_PLACES: Final = 4
ACCOUNT: Final = Field("account", "account", "its id, such as shop")
ROLES: Final = ("trader", "viewer", "operator")
SYMBOL_HINT: Final = "class.zone.pricing.spot, such as small.eu-de.flat.spot"


def approval(row: Row | None) -> RequestForm | None:
    """The form that opens the account an applicant asked for."""
    if row is None:
        return None
    proposed = _id_of(row.data["name"])
    fields = (
        ACCOUNT._replace(value=proposed),
        Field("key_id", "key id", "its name, no two keys have the same", f"{proposed}-1"),
    )
    title = f"Approve {row.key} of {row.cells[1].text}"
    return RequestForm(title, admin.AdminApprove, fields, {"application": row.key})


def _id_of(name: str) -> str:
    """Return an account's id made from what people call it."""
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in name.lower())
    return "-".join(words.split())[:40] or "account"


def account(row: Row | None) -> RequestForm:
    fields = (ACCOUNT, Field("name", "name", "what people call it"))
    return RequestForm("Open an account, or rename one", admin.AdminAccount, fields)


def key(row: Row | None) -> RequestForm:
    name = row.key if row else ""
    fields = (
        ACCOUNT._replace(value=name),
        Field("key_id", "key id", "its name, no two keys have the same"),
        Field("public_key", "public key", "as headroom key show prints it"),
        Field("role", "role", "viewer, trader or operator", "trader", choices=ROLES),
        Field("not_after_ms", "ends by itself", "a day, or empty: never", kind="day"),
    )
    return RequestForm("Give an account a key", admin.AdminKey, fields)


def key_end(row: Row | None) -> RequestForm:
    return RequestForm("End a key", admin.AdminKeyRevoke, (Field("key_id", "key id"),))


def deposit(row: Row | None) -> RequestForm:
    fields = (
        ACCOUNT._replace(value=row.key if row else ""),
        Field("amount_ucr", "credits", "50 books in, -50 out", kind="money"),
        Field("ref", "reference", "your own; the same again within 24 h books nothing"),
    )
    return RequestForm("Book money in or out", admin.AdminDeposit, fields)


def limits(row: Row | None) -> RequestForm:
    empty = "empty: as it is; 0: none"
    fields = (
        ACCOUNT._replace(value=row.key if row else ""),
        Field("max_qty", "units an order", empty, kind="count"),
        Field("max_notional_ucr", "credits an order", empty, kind="money"),
        Field("max_open_orders", "open orders", empty, kind="count"),
        Field("orders_per_s", "orders a second", empty, kind="count"),
    )
    return RequestForm("Limit an account", admin.AdminLimits, fields)


def zone(row: Row | None) -> RequestForm:
    known = row.data if row is not None and not row.depth else {}
    fields = (
        Field("zone", "zone", "such as eu-fr", known.get("zone", "")),
        Field("country", "country", "two capital letters", known.get("country", "")),
        Field("accel", "runs VMs by", "kvm, tcg, simulated", kind="words"),
    )
    return RequestForm("Add a zone, or change one", admin.AdminZone, fields)


def instrument(row: Row | None) -> RequestForm:
    symbol = row.key if row is not None and row.depth else ""
    same = "credits; empty: as it is"
    fields = (
        Field("symbol", "symbol", SYMBOL_HINT, symbol),
        Field("tick_ucr", "tick", same, kind="money"),
        Field("ref_ucr", "reference price", same, kind="money"),
        Field("band_pct", "band in percent", "0: none; empty: as it is", kind="count"),
    )
    return RequestForm("Add a market, or change one", admin.AdminInstrument, fields)


def question(message: Request, balances: dict[str, Any]) -> tuple[str, str]:
    """Return what is asked before ``message`` is sent: the act, and what it does."""
    match message:
        case admin.AdminApprove():
            what = f"Open the account {message.account} for {message.application}?"
            return what, f"Its key {message.key_id} may trade at once; there is no money in it yet."
        case admin.AdminDecline():
            what = "It is struck off the list; nobody tells the applicant, who may apply again."
            return f"Decline {message.application}?", what
        case admin.AdminAccount():
            if message.account in balances:
                return f"Rename {message.account} to {message.name}?", "Nothing else changes."
            return f"Open the account {message.account}, {message.name}?", "No key, no money yet."
        case admin.AdminKey():
            what = f"Give {message.account} the key {message.key_id} as {message.role}?"
            more = "the whole exchange" if message.role == "operator" else "the account"
            return what, f"Whoever holds its private half acts for {more}."
        case admin.AdminKeyRevoke():
            return f"End the key {message.key_id} for good?", "Its connections end with it."
        case _:
            return _question_of_market(message, balances)


def _question_of_market(message: Request, balances: dict[str, Any]) -> tuple[str, str]:
    match message:
        case admin.AdminDeposit():
            return _of_money(message, balances)
        case admin.AdminHalt():
            what = f"the market {message.symbol}" if message.symbol else "all markets"
            if message.halted:
                return (
                    f"Halt {what}?",
                    "Nothing trades until you resume it; orders and leases stay.",
                )
            return f"Resume {what}?", "Orders in the book trade again at once."
        case admin.AdminKillSwitch():
            return _of_switch(message)
        case admin.AdminLimits():
            return f"Limit {message.account}: {_told(message)}?", "Orders in the book stay."
        case admin.AdminZone():
            more = f"Its country is {message.country}; its VMs run by {', '.join(message.accel)}."
            return f"Set the zone {message.zone}?", more
        case admin.AdminInstrument():
            return f"Set the market {message.symbol}: {_told(message)}?", "Orders in the book stay."
        case _:
            raise AssertionError(f"no question for {message}")


def _of_money(message: admin.AdminDeposit, balances: dict[str, Any]) -> tuple[str, str]:
    amount, name = message.amount_ucr, message.account
    way = f"into {name}" if amount >= 0 else f"out of {name}"
    row = balances.get(name)
    if row is None:
        return (
            f"Book {money_text(abs(amount))} {way}?",
            f"There was no account {name} at last sight.",
        )
    now = row["available_ucr"]
    more = f"Available: {money_text(now)}, then {money_text(now + amount)}."
    return f"Book {money_text(abs(amount))} {way}?", more


def _of_switch(message: admin.AdminKillSwitch) -> tuple[str, str]:
    whose = f"of {message.account}" if message.account else "of everybody"
    if message.enabled:
        more = "New ones are refused until you lift it. Leases and VMs go on."
        return f"Cancel all orders {whose}?", more
    return f"Take orders {whose} again?", "What was canceled stays canceled."


def _told(message: Request) -> str:
    """Return the fields that the operator filled in, in words."""
    found = []
    for name, title in _FIELDS.items():
        value = getattr(message, name, None)
        if value is not None:
            text = exact_price_text(value, MONEY_PLACES) if name.endswith("_ucr") else f"{value:,}"
            found.append(f"{title} {text}")
    return ", ".join(found) or "nothing changes"


_FIELDS: Final = {
    "max_qty": "units an order",
    "max_notional_ucr": "credits an order",
    "max_open_orders": "open orders",
    "orders_per_s": "orders a second",
    "tick_ucr": "tick",
    "ref_ucr": "reference price",
    "band_pct": "band in percent",
}


def done(message: Request, result: Any) -> str:
    """Return what the Log says when it was done."""
    match message:
        case admin.AdminApprove():
            return f"{message.account} is open for {message.application}"
        case admin.AdminDecline():
            return f"{message.application} is declined"
        case admin.AdminAccount():
            return f"The account {message.account} is {message.name}"
        case admin.AdminKey():
            return f"{message.account} has the key {message.key_id}"
        case admin.AdminKeyRevoke():
            return f"The key {message.key_id} has ended"
        case admin.AdminDeposit():
            again = " before: nothing is booked again" if result.get("duplicate") else ""
            return f"Booked {money_text(message.amount_ucr)} for {message.account}{again}"
        case admin.AdminHalt():
            changed = count_text(result.get("changed", 0), "market")
            return f"{'Halted' if message.halted else 'Resumed'}: {changed}"
        case admin.AdminKillSwitch():
            return f"Orders of {message.account or 'everybody'}: " + (
                "canceled and refused" if message.enabled else "taken again"
            )
        case _:
            return "Done"
