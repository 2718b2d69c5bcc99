"""What the operator does before a simulated exchange opens: its configuration and its accounts."""

from exchange.model.config import ExchangeConfig, InstrumentConfig, WindowConfig, ZoneConfig
from exchange.units import ucr_from_credits
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminKey
from exchange.wire.terms import DEFAULT_CLASSES
from exchange.wire.types import Request
from sim.network.identity import Identity
from sim.scenario.farms import views
from sim.scenario.policy import farm_symbol, seller_symbol
from sim.scenario.tables import WINDOW, Scenario

OPERATOR = "operator"


def exchange_config(scenario: Scenario) -> ExchangeConfig:
    """Return the configuration of the scenario's exchange: what somebody buys or sells there."""
    symbols = [farm_symbol(view) for view in views(scenario)]
    symbols += [seller_symbol(scenario, seller) for seller in scenario.seller]
    symbols += [trader.symbol for trader in scenario.trader]
    return ExchangeConfig(
        classes=dict(DEFAULT_CLASSES),
        zones=[ZoneConfig(zone.name, zone.country, ["simulated"]) for zone in scenario.zone],
        instruments=[_instrument(symbol) for symbol in dict.fromkeys(symbols)],
        windows=_windows(scenario),
    )


def account_requests(deposits: dict[str, float], seed: int) -> list[Request]:
    """Return what opens each account with its trader key and its deposit, in credits."""
    requests: list[Request] = []
    for account, deposit in deposits.items():
        req_id = len(requests) + 1
        key = Identity(seed, account).public_key
        amount_ucr = ucr_from_credits(deposit)
        requests += [
            AdminAccount(req_id=req_id, account=account, name=account),
            AdminKey(
                req_id=req_id + 1, account=account, key_id=account, public_key=key, role="trader"
            ),
            AdminDeposit(req_id=req_id + 2, account=account, amount_ucr=amount_ucr, ref="start"),
        ]
    return requests


def _windows(scenario: Scenario) -> list[WindowConfig]:
    """Return the series that somebody sells."""
    sold = [seller for seller in scenario.seller if WINDOW in seller.delivery]
    series = dict.fromkeys(seller_symbol(scenario, seller) for seller in sold)
    return [_series(symbol, scenario.windows.hours_ahead) for symbol in series]


def _series(symbol: str, hours_ahead: int) -> WindowConfig:
    spot = _instrument(symbol)
    return WindowConfig(spot.class_, spot.zone, spot.pricing, hours_ahead)


def _instrument(symbol: str) -> InstrumentConfig:
    class_name, zone, pricing, _ = symbol.split(".")
    return InstrumentConfig(class_name, zone, "metered" if pricing == "metered" else "flat")
