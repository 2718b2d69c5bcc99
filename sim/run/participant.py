"""A seller's or trader's part in a run: its account, its hosts and its robot."""

from collections.abc import Generator
from typing import Any, Final

import simpy
from msgspec.structs import replace

from exchange.units import MS_PER_SECOND
from exchange.wire.requests import HostEnroll, HostOffer, HostToken
from exchange.wire.terms import DEFAULT_CLASSES, need_of
from exchange.wire.types import Capacity, Channel
from hostagent.core.core import HostConfig
from hostagent.core.ports import Load
from manager.selling.group import Group, Offer
from manager.selling.price import Fixed
from sim.actors.manager_seller import ManagerNode, ManagerSeller
from sim.actors.nodes import HostNode, Robot, RobotNode
from sim.actors.seller import Seller, SellerConfig
from sim.actors.traders import TraderConfig, make_trader
from sim.network.connection import Subscription
from sim.network.identity import Identity, token, token_sha256
from sim.run.stage import Stage
from sim.scenario.check import trader_name
from sim.scenario.policy import seller_symbol, units_of
from sim.scenario.tables import OfferFixed, OfferResidual, Scenario, price_ucr
from sim.scenario.tables import Seller as SellerTable
from sim.scenario.tables import Trader as TraderTable
from sim.scenario.workload import load_at

LISTS_AFTER_MS = 5 * MS_PER_SECOND
"""Time for the hosts to log in, announce and be accepted before their owner lists them."""
OBSERVE_MS = 30 * MS_PER_SECOND
MANAGER_HEARS: Final[tuple[Channel, ...]] = ("account", "instruments", "fleet")
TOKEN_TTL_S = 3600
DEFAULT_PRICE = 0.03


class Participant:
    """``table`` is a seller of the scenario, or a trader seen as one (`trader_sellers`)."""

    def __init__(self, stage: Stage, table: SellerTable, index: int) -> None:
        self.name = table.name
        self.host_ids: list[str] = []
        self._stage = stage
        self._table = table
        self._index = index
        self._identity = Identity(stage.seed, table.name)
        stage.hosts_of[self.name] = []

    def set_up(self) -> Generator[simpy.Event, Any, None]:
        """Process: enroll the hosts, start them, and let the robot trade."""
        if self._table.hosts:
            yield from self._enroll()
            yield self._stage.env.timeout(LISTS_AFTER_MS)
            yield from self._offer()
        self._start_robot()

    def own_load(self, at_ms: int) -> float:
        """Return the share of each host that its owner needs at a time."""
        stage = self._stage
        if self._table.own_load is None:
            return 0.0
        at_s = (at_ms - stage.scenario.start_ms) / MS_PER_SECOND
        return min(1.0, load_at(self._table.own_load, at_s, stage.traces))

    def _enroll(self) -> Generator[simpy.Event, Any, None]:
        stage, name = self._stage, self.name
        secret = token(stage.seed, name)
        count = self._table.hosts
        zone = self._table.zone or stage.scenario.farm.zone
        # One use each approves a host at once; one token for many would need an approval each.
        secrets = [f"{secret}{number}" for number in range(count)]
        tokens = [
            HostToken(
                req_id=number + 1,
                zone=zone,
                token_sha256=token_sha256(text),
                uses=1,
                ttl_s=TOKEN_TTL_S,
            )
            for number, text in enumerate(secrets)
        ]
        yield from stage.ask(name, self._identity, tokens)
        names = [f"{name}-{number + 1}" for number in range(count)]
        keys = [Identity(stage.seed, host) for host in names]
        enrollments = [
            HostEnroll(
                req_id=number + 1,
                token=text,
                name=host,
                hardware_id=f"sim-{host}",
                public_key=key.public_key,
            )
            for number, (text, host, key) in enumerate(zip(secrets, names, keys, strict=True))
        ]
        results = yield from stage.ask(f"{name}/enroll", None, enrollments)
        self.host_ids = [result["host"] for result in results]
        for number, (host, key) in enumerate(zip(names, keys, strict=True)):
            self._start_host(number, host, key)

    def _offer(self) -> Generator[simpy.Event, Any, None]:
        """Tell the exchange the owner's limit, which it relays to each agent."""
        offer = self._table.offer
        if not isinstance(offer, OfferResidual) or self._table.managed:
            return
        limits = [
            HostOffer(req_id=number + 1, host=host, residual_below_pct=offer.below_pct)
            for number, host in enumerate(self.host_ids)
        ]
        yield from self._stage.ask(self.name, self._identity, limits)

    def _start_host(self, number: int, name: str, key: Identity) -> None:
        stage = self._stage
        node = HostNode(
            stage.env,
            lambda boot: self._host_config(name, boot),
            stage.boots.plan(self.name, name),
            self._load,
            f"10.{self._index // 250}.{self._index % 250}.{number + 1}",
            stage.boots.fetch_ms(self._table.link_mbit),
            still=self._table.own_load is None and not isinstance(self._table.offer, OfferResidual),
        )
        node.connection = stage.connect(name, node, key, [], self.name)
        node.connection.open()
        stage.add_host(self.name, node)

    def _host_config(self, name: str, boot: int) -> HostConfig:
        host = self._table.host
        return HostConfig(
            capacity=host,
            classes=DEFAULT_CLASSES,
            boot_id=f"{name}/{boot}",
            cpu_model="simulated",
            host_mvcpu=host.mvcpu,
            observe_ms=OBSERVE_MS,
        )

    def _load(self, leased_mvcpu: float, at_ms: int) -> Load:
        """Return the whole server's load at a time: its owner's and the VMs'."""
        leased = leased_mvcpu / max(1, self._table.host.mvcpu)
        return Load(cpu_pct=min(100.0, round(100 * (self.own_load(at_ms) + leased), 3)))

    def _start_robot(self) -> None:
        stage = self._stage
        if self._table.managed:
            subscriptions = [Subscription(channel) for channel in MANAGER_HEARS]
            node: RobotNode = ManagerNode(stage.env, ManagerSeller(self._group()))
        else:
            robot, subscriptions = self._make_robot()
            node = RobotNode(stage.env, robot)
        node.connection = stage.connect(
            f"{self.name}/robot", node, self._identity, subscriptions, self.name
        )
        node.connection.open()
        stage.robots[self.name] = node

    def _make_robot(self) -> tuple[Robot, list[Subscription]]:
        scenario, random = self._stage.scenario, self._stage.stream(f"robot/{self.name}")
        trader = traders_by_name(scenario).get(self.name)
        account = Subscription("account")
        if trader is None:
            config = self._seller_config(scenario)
            hears = [account] if config.need is None else [account, Subscription("fleet")]
            return Seller(config, random), hears
        quoting = TraderConfig(
            name=self.name,
            symbol=trader.symbol,
            price_ucr=price_ucr(trader.price or usual_price(scenario)),
            rate_per_min=trader.rate_per_min,
            units=trader.hosts * _units(trader.host, trader.symbol),
            max_bought=trader.units,
        )
        book = Subscription("book", trader.symbol)
        return make_trader(trader.kind, quoting, random), [account, book]

    def _group(self) -> Group:
        """Return what this seller's manager.toml would say."""
        table, symbol = self._table, seller_symbol(self._stage.scenario, self._table)
        name = symbol.split(".", maxsplit=1)[0]
        shapes = {name: _need(symbol)}
        price = Fixed(price_ucr(table.price))
        pricing = table.pricing
        delivery = tuple(table.delivery)
        plain = Offer(kind="all", shapes=shapes, price=price, pricing=pricing, delivery=delivery)
        match table.offer:
            case OfferResidual(below_pct):
                offer = replace(plain, kind="residual", below_pct=below_pct)
            case OfferFixed(units):
                offer = replace(plain, kind="fixed", units=units)
            case _:
                offer = plain
        return Group(name="all", hosts=("*",), offer=offer)

    def _seller_config(self, scenario: Scenario) -> SellerConfig:
        table = self._table
        symbol = seller_symbol(scenario, table)
        units = _units(table.host, symbol)
        if isinstance(table.offer, OfferFixed):
            units = min(units, table.offer.units)
        return SellerConfig(
            name=table.name,
            symbol=symbol,
            hosts=self.host_ids,
            units=units,
            price_ucr=price_ucr(table.price),
            jitter=table.jitter,
            need=_need(symbol) if isinstance(table.offer, OfferResidual) else None,
        )


def traders_by_name(scenario: Scenario) -> dict[str, TraderTable]:
    return {trader_name(trader, index): trader for index, trader in enumerate(scenario.trader)}


def trader_sellers(scenario: Scenario) -> list[SellerTable]:
    """Return the traders as owners of hosts, so that they are set up like sellers."""
    return [
        SellerTable(
            name=name,
            hosts=trader.hosts,
            price=trader.price or usual_price(scenario),
            host=trader.host,
            deposit=trader.deposit,
            zone=trader.symbol.split(".")[1],
        )
        for name, trader in traders_by_name(scenario).items()
    ]


def usual_price(scenario: Scenario) -> float:
    """Return the mean of the sellers' prices, the middle that traders quote around."""
    prices = [seller.price for seller in scenario.seller]
    return sum(prices) / len(prices) if prices else DEFAULT_PRICE


def _units(host: Capacity, symbol: str) -> int:
    return units_of(host, DEFAULT_CLASSES[symbol.split(".", maxsplit=1)[0]])


def _need(symbol: str) -> tuple[int, int, int]:
    return need_of(DEFAULT_CLASSES[symbol.split(".", maxsplit=1)[0]])
