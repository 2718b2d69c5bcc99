"""What an accepted command about orders or by the operator does to the naive exchange.

The functions ``..._faults`` return every reason for which the rules refuse it. Written from
rules.md 1.4, 3.4, 3.5, 4.2, 4.6, 4.7, 9.
"""

from exchange.model.commands import Command, Genesis, ImageDeleted, ImageStored, SessionDropped
from exchange.wire import admin_requests as admin
from exchange.wire.requests import (
    ImageBuy,
    ImageOffer,
    OrderCancel,
    OrderCancelAllAfter,
    OrderCancelOnDisconnect,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
)
from sim.oracle.exchange import Oracle
from sim.oracle.orders import Limits, Order
from sim.oracle.owed import DAY_MS

OVERHEAD_MIB = 100
"""Memory that a VM takes beside its class's."""

# --- orders ---


def place(oracle: Oracle, command: Command, asked: OrderPlace) -> None:
    oracle.place(command.account, asked, command.session)


def place_faults(oracle: Oracle, command: Command, asked: OrderPlace) -> list[str]:
    faults = oracle.place_faults(command.account, asked)
    if asked.deadline_ms is not None and asked.deadline_ms < oracle.now_ms:
        faults.append("deadline_passed")
    if oracle.find(command.account, asked.client_order_id) is not None:
        faults.append("duplicate_client_order_id")
    return faults


def named(oracle: Oracle, command: Command, asked: OrderReplace | OrderCancel) -> Order | None:
    """The account's order that a request names."""
    if asked.order_id is None:
        return oracle.named.get((command.account, asked.client_order_id or ""))
    number = int(asked.order_id.removeprefix("o-"))
    order = oracle.orders[number - 1] if number <= len(oracle.orders) else None
    return order if order is not None and order.account == command.account else None


def change_faults(oracle: Oracle, command: Command, asked: OrderReplace | OrderCancel) -> list[str]:
    order = named(oracle, command, asked)
    if order is None:
        return ["unknown_order"]
    if order.done_ms is not None:
        old = order.done_ms <= oracle.now_ms - DAY_MS
        return ["order_done", *(["unknown_order"] if old else [])]
    return [] if isinstance(asked, OrderCancel) else oracle.replace_faults(order, asked)


def replace(oracle: Oracle, command: Command, asked: OrderReplace) -> None:
    order = named(oracle, command, asked)
    assert order is not None
    oracle.replace(order, asked)


def cancel(oracle: Oracle, command: Command, asked: OrderCancel) -> None:
    order = named(oracle, command, asked)
    assert order is not None
    oracle.finish(order, "canceled", "user")


def mass_cancel(oracle: Oracle, command: Command, asked: OrderMassCancel) -> None:
    mine = [o for o in oracle.live if o.account == command.account]
    mine = [o for o in mine if asked.symbol in (None, o.asked.symbol)]
    for order in [o for o in mine if asked.side in (None, o.asked.side)]:
        oracle.finish(order, "canceled", "mass_cancel")


def mass_cancel_faults(oracle: Oracle, command: Command, asked: OrderMassCancel) -> list[str]:
    known = asked.symbol is None or oracle.known(asked.symbol)
    return [] if known else ["unknown_instrument"]


# --- connections ---


def arm(oracle: Oracle, command: Command, asked: OrderCancelOnDisconnect) -> None:
    oracle.armed.pop(command.session, None)
    if asked.enabled:
        oracle.armed[command.session] = command.account


def drop(oracle: Oracle, command: Command, said: SessionDropped) -> None:
    oracle.drop_session(said.session, clean=said.clean)


def dead_man(oracle: Oracle, command: Command, asked: OrderCancelAllAfter) -> None:
    oracle.dead_men.pop(command.key_id, None)
    if asked.timeout_ms:
        at_ms = oracle.now_ms + asked.timeout_ms
        oracle.dead_men[command.key_id] = (command.account, at_ms)


# --- the operator ---


def genesis(oracle: Oracle, command: Command, said: Genesis) -> None:
    """What can be traded, where, and what the exchange keeps of each charge."""
    config = said.config
    oracle.fee_pct = config.fee_pct
    oracle.cash["operator"] = 0
    for name, shape in config.classes.items():
        oracle.shapes[name] = (shape.mvcpu, shape.mem_mib + OVERHEAD_MIB, shape.disk_mib)
    for zone in config.zones:
        oracle.lost_after_ms[zone.zone] = zone.lost_after_ms
    for item in config.instruments:
        symbol = f"{item.class_}.{item.zone}.{item.pricing}.{item.delivery}"
        oracle.spots.append(symbol)
        oracle.bands[symbol] = (item.ref_ucr, item.band_pct)
        oracle.ticks[symbol] = item.tick_ucr
    for row in config.windows:
        series = f"{row.class_}.{row.zone}.{row.pricing}"
        oracle.series.append((series, row.hours_ahead))
        oracle.bands[series] = (row.ref_ucr, row.band_pct)
        oracle.ticks[series] = row.tick_ucr
    oracle.open_windows()


def account(oracle: Oracle, command: Command, asked: admin.AdminAccount) -> None:
    oracle.cash.setdefault(asked.account, 0)


def deposit(oracle: Oracle, command: Command, asked: admin.AdminDeposit) -> None:
    oracle.pay("outside", asked.account, asked.amount_ucr)


def deposit_faults(oracle: Oracle, command: Command, asked: admin.AdminDeposit) -> list[str]:
    short = oracle.available(asked.account) + asked.amount_ucr < 0
    return ["insufficient_funds"] if short else []


def zone(oracle: Oracle, command: Command, asked: admin.AdminZone) -> None:
    oracle.lost_after_ms.setdefault(asked.zone, 300_000)


def instrument(oracle: Oracle, command: Command, asked: admin.AdminInstrument) -> None:
    """A new one, or other terms; what is not named stays."""
    symbol = asked.symbol
    if symbol not in oracle.spots:
        oracle.spots.append(symbol)
        if oracle.all_halted:
            oracle.halted.add(symbol)
    reference, pct = oracle.bands.get(symbol, (None, 0))
    reference = reference if asked.ref_ucr is None else asked.ref_ucr
    oracle.bands[symbol] = (reference, pct if asked.band_pct is None else asked.band_pct)
    if asked.tick_ucr is not None:
        oracle.ticks[symbol] = asked.tick_ucr


def halt(oracle: Oracle, command: Command, asked: admin.AdminHalt) -> None:
    every = [*oracle.spots, *oracle.windows]
    for symbol in every if asked.symbol is None else [asked.symbol]:
        (oracle.halted.add if asked.halted else oracle.halted.discard)(symbol)
    if asked.symbol is None:
        oracle.all_halted = asked.halted


def kill_switch(oracle: Oracle, command: Command, asked: admin.AdminKillSwitch) -> None:
    accounts = list(oracle.cash)
    if asked.account is None:
        oracle.all_killed = asked.enabled
    else:
        accounts = [asked.account]
        (oracle.killed.add if asked.enabled else oracle.killed.discard)(asked.account)
    for name in accounts if asked.enabled else []:
        oracle.cancel_all(name, "kill_switch")


def limits(oracle: Oracle, command: Command, asked: admin.AdminLimits) -> None:
    """A limit that is not named stays."""
    known = oracle.limits.setdefault(asked.account, Limits())
    for name in ("max_qty", "max_notional_ucr", "max_open_orders"):
        value = getattr(asked, name)
        setattr(known, name, getattr(known, name) if value is None else value)


# --- images ---


def stored(oracle: Oracle, command: Command, said: ImageStored) -> None:
    oracle.images[said.sha256] = said.size
    oracle.users.setdefault(said.sha256, {})[said.account] = None


def deleted(oracle: Oracle, command: Command, said: ImageDeleted) -> None:
    """Its offer ends too; with the last account that may use it, the image is gone."""
    users = oracle.users[said.sha256]
    users.pop(said.account, None)
    oracle.offered.pop((said.sha256, said.account), None)
    if not users:
        del oracle.users[said.sha256], oracle.images[said.sha256]


def offer_image(oracle: Oracle, command: Command, asked: ImageOffer) -> None:
    """A new price keeps the offer's place among equal ones."""
    oracle.offered[asked.sha256, command.account] = asked.price_ucr


def buy_image(oracle: Oracle, command: Command, asked: ImageBuy) -> None:
    """The cheapest offer, the oldest of equal ones, is paid at once and without a fee."""
    offers = [(n, who) for (sha, who), n in oracle.offered.items() if sha == asked.sha256]
    price_ucr, seller = min(offers, key=lambda row: row[0])
    oracle.pay(command.account, seller, price_ucr)
    oracle.users[asked.sha256][command.account] = None
