"""Rent and start: what is asked before it, what it costs, and the requests. Pure.

With a Manager units are bought and a stored VM is started on each; without one they are bought.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from exchange.find.need import Need
from exchange.find.offers import Found, Offer, Purchase, cheapest
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE, UCR_PER_CREDIT, ceil_div
from exchange.wire.frames import InstrumentUpdate
from exchange.wire.requests import OrderPlace
from exchange.wire.terms import MINIMUM_SPOT_MS
from manager.control.frames import VmRow
from manager.control.requests import BurstStart
from tui.view.entry import Fault, read_price, read_qty
from tui.view.form import Checked, Form, FormField, Values
from tui.view.text import exact_price_text, money_text

MANAGERS_PRICING: Final = "flat"
"""What the Manager buys."""
PLACES: Final = 4
REST_MIN: Final = 10
"""So long the Manager bids for what is not for sale."""


class Plan(Struct, frozen=True):
    """``offers``: of one class and pricing, cheapest first; ``zones`` in the order of preference.
    ``vms``: the stored VMs of that class that a Manager can start, none: units are only bought."""

    class_name: str
    zones: tuple[str, ...]
    offers: tuple[Offer, ...]
    best: Purchase
    units: int
    ceiling_ucr: int
    instrument: InstrumentUpdate
    vms: tuple[str, ...] = ()


class Renting(Struct, frozen=True):
    """What was typed, read. ``vm`` is "" when units are only bought."""

    vm: str
    units: int
    ceiling_ucr: int


def plan(
    need: Need,
    picked: Offer | None,
    found: Found,
    library: Sequence[VmRow],
    instruments: dict[str, InstrumentUpdate],
) -> Plan | str:
    """Return what to rent for ``need``, which leaves open what ``picked`` says; or why not."""
    if picked is None:
        return "There is nothing to rent: nobody offers what is asked for."
    class_name = need.class_ or picked.class_
    pricing = need.pricing or picked.pricing or MANAGERS_PRICING
    anywhere = not need.zones and not need.countries
    offers = tuple(
        offer
        for offer in found.offers
        if (offer.class_, offer.pricing) == (class_name, pricing)
        and (not anywhere or offer.zone == picked.zone)
    )
    best = cheapest(offers, need.units or 1)
    if best is None or best.symbol not in instruments:
        return f"Nobody sells {class_name} {pricing} here now: bid for it on the Market (F2)."
    instrument = instruments[best.symbol]
    ceiling_ucr = best.price_max_ucr
    if need.price_max_ucr is not None:
        ceiling_ucr = need.price_max_ucr // instrument.tick_ucr * instrument.tick_ucr
    starts = pricing == MANAGERS_PRICING
    vms = tuple(row.name for row in library if starts and row.vm_class == class_name)
    zones = tuple(dict.fromkeys((best.symbol.split(".")[1], *(offer.zone for offer in offers))))
    units = need.units or 1
    return Plan(class_name, zones, offers, best, units, ceiling_ucr, instrument, vms)


def form(of: Plan) -> Form:
    """Return the form: which stored VM, how many units, at most for how much."""
    ceiling = exact_price_text(of.ceiling_ucr, PLACES)
    fields: tuple[FormField, ...] = (
        FormField("units", "units", str(of.units)),
        FormField("ceiling", "at most each", ceiling),
    )
    if of.vms:
        fields = (FormField("vm", "stored VM", of.vms[0], of.vms), *fields)
        title = f"Rent {of.class_name} in {' or '.join(of.zones)}, and start a stored VM on each"
    else:
        title = f"Buy units of {of.best.symbol}; start VMs on them later"
    return Form(title, fields, lambda values: _checked(of, values))


def read(of: Plan, values: Values) -> Renting | Fault:
    """Return what ``values`` say, exactly as typed, or why they cannot be taken."""
    vm = values.get("vm", "")
    if vm not in (of.vms or ("",)):
        return Fault(f"there is no stored VM {vm!r} of class {of.class_name}")
    units = read_qty(values["units"])
    if isinstance(units, Fault):
        return units
    ceiling_ucr = read_price(values["ceiling"], of.instrument)
    if isinstance(ceiling_ucr, Fault):
        return ceiling_ucr
    return Renting(vm, units, ceiling_ucr)


def _checked(of: Plan, values: Values) -> Checked:
    wanted = read(of, values)
    if isinstance(wanted, Fault):
        return Checked(False, wanted.text)
    return Checked(True, f"{_now(of, wanted)} {_most(wanted)}")


def _now(of: Plan, wanted: Renting) -> str:
    """Say what of it is for sale at this moment."""
    offers = [offer for offer in of.offers if (offer.price_ucr or 0) <= wanted.ceiling_ucr]
    offers = offers if wanted.vm else [one for one in offers if one.symbol == of.best.symbol]
    left, cost_ucr = wanted.units, 0
    for offer in offers:
        taken = min(left, offer.units)
        left, cost_ucr = left - taken, cost_ucr + taken * (offer.price_ucr or 0)
    if left == wanted.units:
        from_ucr = min((offer.price_ucr or 0 for offer in of.offers if offer.units), default=0)
        nearest = f"; the cheapest is {exact_price_text(from_ucr, PLACES)}" if from_ucr else ""
        return f"None is for sale at that price now{nearest}."
    some = "All" if not left else f"{wanted.units - left} of {wanted.units}"
    return f"{some} for sale now, for {money_text(cost_ucr)} an hour."


def _most(wanted: Renting) -> str:
    most_ucr = wanted.units * wanted.ceiling_ucr
    return f"At most {exact_price_text(most_ucr, PLACES)} an hour."


def question(of: Plan, wanted: Renting) -> tuple[str, str]:
    """Return the question before it, and what it costs and does."""
    each = exact_price_text(wanted.ceiling_ucr, PLACES)
    least_ucr = ceil_div(wanted.units * wanted.ceiling_ucr * MINIMUM_SPOT_MS, MS_PER_HOUR)
    cost = (
        f"{_most(wanted)} Owed at least, once bought: {MINIMUM_SPOT_MS // MS_PER_MINUTE} minutes, "
        f"up to {exact_price_text(least_ucr, PLACES)}."
    )
    if not wanted.vm:
        asked = f"Buy {wanted.units} {of.best.symbol} for at most {each} each?"
        return asked, f"{cost} What is not for sale now is not bid for."
    asked = f"Rent {wanted.units} {of.class_name} for at most {each} each, and start {wanted.vm}?"
    does = (
        f"The Manager buys in {' or '.join(of.zones)}, starts {wanted.vm} on each unit and puts it "
        f"into the balancer; for what is not for sale it bids for {REST_MIN} minutes."
    )
    return asked, f"{cost}\n{does}"


def burst(of: Plan, wanted: Renting) -> BurstStart:
    """Return the request to the Manager."""
    price = wanted.ceiling_ucr / UCR_PER_CREDIT
    return BurstStart(
        req_id=1, vm=wanted.vm, units=wanted.units, price_max=price, zones=list(of.zones)
    )


def order(of: Plan, wanted: Renting, client_order_id: str) -> OrderPlace:
    """Return the request to the exchange: what is for sale now, nothing rests."""
    return OrderPlace(
        req_id=1,
        client_order_id=client_order_id,
        symbol=of.best.symbol,
        side="buy",
        order_type="limit",
        qty=wanted.units,
        price_ucr=wanted.ceiling_ucr,
        time_in_force="ioc",
    )
