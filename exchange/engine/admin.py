"""The operator's commands: accounts, keys, money, zones, instruments, halts, limits.

Source: rules.md 1.4, 3.4, 3.5.
"""

from exchange.model import emit, newer_rules
from exchange.model.account import Account
from exchange.model.commands import Command, Genesis
from exchange.model.config import ZoneConfig
from exchange.model.instrument import Instrument
from exchange.model.ledger import SYSTEM_ACCOUNTS
from exchange.model.records import Key, Zone
from exchange.model.state import State
from exchange.trading import cancels, windows
from exchange.units import MS_PER_DAY
from exchange.wire.admin_requests import (
    AdminAccount,
    AdminDeposit,
    AdminHalt,
    AdminInstrument,
    AdminKey,
    AdminKeyRevoke,
    AdminKillSwitch,
    AdminLimits,
    AdminZone,
)
from exchange.wire.results import Done, Refused
from exchange.wire.types import SPOT, Pricing, RefusedAmounts

OPERATOR = "operator"
PRICINGS: tuple[Pricing, ...] = ("flat", "metered")


def genesis(state: State, command: Command, message: Genesis) -> Done | Refused:
    """Row 1: the first operator's key, the zones and instruments of the configuration."""
    assert state.seq == 1, "genesis is the first command"
    state.config = message.config
    state.ledger.open(OPERATOR, "Operator")
    _add_key(state, Key(OPERATOR, OPERATOR, "operator", message.operator_key))
    for zone in message.config.zones:
        _add_zone(state, zone)
    for item in message.config.instruments:
        created = add_instrument(state, item.class_, item.zone, item.pricing, item.delivery)
        created.tick_ucr, created.ref_ucr = item.tick_ucr, item.ref_ucr
        created.band_pct = item.band_pct
    windows.open_series(state)
    return Done()


def _add_key(state: State, key: Key) -> None:
    state.keys[key.key_id] = key
    state.key_ids[key.public_key] = key.key_id


def _add_zone(state: State, config: ZoneConfig) -> None:
    state.zones[config.zone] = Zone(
        config.zone, config.country, list(config.accel), config.lost_after_ms
    )


def add_instrument(
    state: State, class_name: str, zone: str, pricing: Pricing, delivery: str
) -> Instrument:
    """Open a book for a known class and zone."""
    shape = state.config.classes[class_name]
    created = Instrument(class_name, state.zones[zone], pricing, delivery, shape)
    created.halt(state.halted)
    state.instruments[created.symbol] = created
    return created


def account(state: State, command: Command, request: AdminAccount) -> Done | Refused:
    """Open an account, or rename it."""
    if request.account in (*SYSTEM_ACCOUNTS, OPERATOR):
        return Refused("invalid_field", "this name is the exchange's own", "account")
    known = state.ledger.accounts.get(request.account)
    if known is None:
        state.ledger.open(request.account, request.name)
        return Done({"account": request.account})
    unchanged = known.name == request.name
    known.name = request.name
    return Done({"account": request.account}, duplicate=unchanged)


def key(state: State, command: Command, request: AdminKey) -> Done | Refused:
    """Give an account a key with one role."""
    if request.account not in state.ledger.accounts or request.account in SYSTEM_ACCOUNTS:
        return Refused("invalid_field", f"no account {request.account!r}", "account")
    if (request.role == "operator") != (request.account == OPERATOR):
        return Refused("invalid_field", "operator keys belong to the operator", "role")
    if request.role == "host":
        return Refused("invalid_field", "a host gets its key by enrollment", "role")
    new = Key(
        request.key_id, request.account, request.role, request.public_key, "", request.not_after_ms
    )
    if state.keys.get(request.key_id) == new:
        return Done({"key_id": new.key_id}, duplicate=True)
    if request.key_id in state.keys:
        return Refused("invalid_field", "this key id is in use", "key_id")
    if request.public_key in state.key_ids:
        return Refused("invalid_field", "this public key is in use", "public_key")
    _add_key(state, new)
    return Done({"key_id": new.key_id})


def key_revoke(state: State, command: Command, request: AdminKeyRevoke) -> Done | Refused:
    """End a key for good."""
    found = state.keys.get(request.key_id)
    if found is None:
        return Refused("invalid_field", f"no key {request.key_id!r}", "key_id")
    now_ms = state.now_ms
    active = [
        k
        for k in state.keys.values()
        if k.role == "operator" and not k.revoked and (k.not_after_ms or now_ms + 1) > now_ms
    ]
    if active == [found]:
        return Refused("invalid_field", "this is the last operator key", "key_id")
    unchanged = found.revoked
    found.revoked = True
    return Done({"key_id": found.key_id}, duplicate=unchanged)


def deposit(state: State, command: Command, request: AdminDeposit) -> Done | Refused:
    """Money in, or out when negative; the same ref again has no effect (rules.md 1.4)."""
    target = state.ledger.accounts.get(request.account)
    if target is None or request.account in SYSTEM_ACCOUNTS:
        return Refused("invalid_field", f"no account {request.account!r}", "account")
    known = state.deposits.get((request.account, request.ref))
    if known is not None and known[1] <= state.now_ms - MS_PER_DAY:
        known = None
    if known is not None and known[0] != request.amount_ucr:
        return Refused("duplicate_ref", f"{request.ref!r} was another amount", "ref")
    if known is None and target.available_ucr + request.amount_ucr < 0:
        text = f"{target.available_ucr} ucr are available"
        amounts = RefusedAmounts(available_ucr=target.available_ucr)
        return Refused("insufficient_funds", text, "amount_ucr", amounts=amounts)
    refused = newer_rules.money_within_bounds(state, request.amount_ucr) if known is None else None
    if refused is not None:
        return refused
    if known is None:
        state.deposits.pop((request.account, request.ref), None)
        state.deposits[(request.account, request.ref)] = (request.amount_ucr, state.now_ms)
        state.ledger.deposit(target, request.amount_ucr)
    result = {"available_ucr": target.available_ucr, "held_ucr": target.held_ucr}
    return Done({**result, "duplicate": known is not None}, duplicate=known is not None)


def zone(state: State, command: Command, request: AdminZone) -> Done | Refused:
    """Add a zone, or change its country and what may run its VMs."""
    if "." in request.zone:
        return Refused("invalid_field", "a zone has no dot: it is part of symbols", "zone")
    known = state.zones.get(request.zone)
    if known is None:
        _add_zone(state, ZoneConfig(request.zone, request.country, list(request.accel)))
        return Done({"zone": request.zone})
    unchanged = (known.country, known.accel) == (request.country, request.accel)
    known.country, known.accel = request.country, list(request.accel)
    return Done({"zone": request.zone}, duplicate=unchanged)


def instrument(state: State, command: Command, request: AdminInstrument) -> Done | Refused:
    """Create a spot instrument, or change its tick, reference price or band."""
    target = state.instruments.get(request.symbol)
    if target is None:
        parts = _spot_parts(state, request.symbol)
        if isinstance(parts, Refused):
            return parts
        target = add_instrument(state, *parts, SPOT)
    elif target.delivery != SPOT:
        return Refused("invalid_field", "windows follow their series' configuration", "symbol")
    if request.tick_ucr is not None:
        target.tick_ucr = request.tick_ucr
    if request.ref_ucr is not None:
        target.ref_ucr = request.ref_ucr
    if request.band_pct is not None:
        target.band_pct = request.band_pct
    state.outs.append((target.symbol, emit.instrument_row(target)))
    return Done({"symbol": target.symbol})


def _spot_parts(state: State, symbol: str) -> tuple[str, str, Pricing] | Refused:
    """Split ``class.zone.pricing.spot``, each part known."""
    parts = symbol.split(".")
    if len(parts) != 4 or parts[3] != SPOT:
        return Refused("invalid_field", "a symbol is class.zone.pricing.spot", "symbol")
    class_name, zone_name, pricing_name, _ = parts
    if class_name not in state.config.classes:
        return Refused("invalid_field", f"no class {class_name!r}", "symbol")
    if zone_name not in state.zones:
        return Refused("invalid_field", f"no zone {zone_name!r}", "symbol")
    for pricing in PRICINGS:
        if pricing == pricing_name:
            return class_name, zone_name, pricing
    return Refused("invalid_field", f"no pricing {pricing_name!r}", "symbol")


def halt(state: State, command: Command, request: AdminHalt) -> Done | Refused:
    """Stop or resume trading of one instrument or all; the books stay."""
    if request.symbol is not None and request.symbol not in state.instruments:
        return Refused("unknown_instrument", f"no instrument {request.symbol!r}", "symbol")
    chosen = [
        target
        for target in state.instruments.values()
        if request.symbol in (None, target.symbol) and target.halted != request.halted
    ]
    # The halt of all is a fact of its own, also when every market was halted by name before: it
    # covers those that open later.
    for_all = request.symbol is None and state.halted != request.halted
    if for_all:
        state.halted = request.halted
    for target in chosen:
        target.halt(request.halted)
        state.outs.append((target.symbol, emit.instrument_row(target)))
    return Done({"changed": len(chosen)}, duplicate=not (chosen or for_all))


def kill_switch(state: State, command: Command, request: AdminKillSwitch) -> Done | Refused:
    """Cancel all orders of one account or everybody, and block new ones until lifted."""
    subject: State | Account = state
    targets = list(state.ledger.accounts.values())
    if request.account is not None:
        target = state.ledger.accounts.get(request.account)
        if target is None:
            return Refused("invalid_field", f"no account {request.account!r}", "account")
        subject, targets = target, [target]
    if subject.killed == request.enabled:
        return Done({"enabled": request.enabled}, duplicate=True)
    subject.killed = request.enabled
    for target in targets if request.enabled else ():
        cancels.cancel_account(state, target, "kill_switch")
    return Done({"enabled": request.enabled})


def limits(state: State, command: Command, request: AdminLimits) -> Done | Refused:
    """Change an account's limits; a field left out stays."""
    target = state.ledger.accounts.get(request.account)
    if target is None:
        return Refused("invalid_field", f"no account {request.account!r}", "account")
    for name in ("max_qty", "max_notional_ucr", "max_open_orders", "orders_per_s"):
        value = getattr(request, name)
        if value is not None:
            setattr(target.limits, name, value)
    sizes = target.limits.max_qty, target.limits.max_notional_ucr
    target.limited = bool(any(sizes) or target.limits.max_open_orders)
    return Done({"account": request.account})
