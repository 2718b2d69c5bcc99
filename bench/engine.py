"""The full engine: validation, holds, capacity backing, leases, events; no I/O."""

from hashlib import sha256

from bench.flow import (
    CLASSES,
    TRADERS,
    Flow,
    LevelSum,
    Row,
    client_order_id,
    place,
    side_sums,
    symbol,
)
from exchange.engine.engine import Engine
from exchange.model.commands import Command, EnrollHost, Genesis, JournalMessage, Started
from exchange.model.config import ExchangeConfig, InstrumentConfig, ZoneConfig
from exchange.wire.admin_requests import AdminAccount, AdminDeposit
from exchange.wire.requests import HostAnnounce, HostSynced, HostToken, OrderCancel
from exchange.wire.results import Done
from exchange.wire.types import Capacity

START_MS = 1_800_000_000_000
PLENTY = 10**12
NativeRow = tuple[Command, int]
"""command, now_ms: a millisecond passes with each."""


BUYERS = [f"buyer{number}" for number in range(TRADERS)]
SELLERS = [f"seller{number}" for number in range(TRADERS)]


def _account(row: Row) -> str:
    """Return the account as the gateway knows it: one string a session, not one a command."""
    return BUYERS[row.account] if row.sign > 0 else SELLERS[row.account]


def command(row: Row) -> Command:
    """Return the row as the gateway would hand it over."""
    if not row.cancel:
        return Command(_account(row), "", 0, place(row))
    cancel = OrderCancel(req_id=row.add, client_order_id=client_order_id(row))
    return Command(_account(row), "", 0, cancel)


class FullEngine:
    """Plays a flow through `Engine.apply`: rich buyers, sellers with one large host a zone."""

    def __init__(self, flow: Flow) -> None:
        self.instruments = flow.shape.instruments
        config = _config(self.instruments)
        self.engine = Engine(config)
        self.now_ms = START_MS
        self._apply(Genesis(config, "operator-key"))
        self._apply(Started(1))
        for number in range(TRADERS):
            self._open_account(f"buyer{number}")
            self._open_account(f"seller{number}")
            for zone in config.zones:
                self._open_host(f"seller{number}", zone.zone)

    def _apply(self, message: JournalMessage, account: str = "", host: str = "") -> None:
        reply = self.engine.apply(Command(account, host, 0, message), self.now_ms)[0][1]
        assert isinstance(reply, Done), reply

    def _open_account(self, account: str) -> None:
        self._apply(AdminAccount(req_id=1, account=account, name=account))
        self._apply(AdminDeposit(req_id=1, account=account, amount_ucr=PLENTY, ref="start"))

    def _open_host(self, account: str, zone: str) -> None:
        """Enroll a host too large to fill up, and bring it to live."""
        name, capacity = f"{account}-{zone}", Capacity(PLENTY, PLENTY, PLENTY)
        secret = sha256(name.encode()).hexdigest()
        self._apply(HostToken(req_id=1, zone=zone, token_sha256=secret, uses=1, ttl_s=60), account)
        self._apply(EnrollHost(secret, name, f"hardware-{name}", f"key-{name}"))
        host = f"h-{len(self.engine.hosts())}"
        announce = HostAnnounce(
            req_id=1,
            capacity=capacity,
            offered=capacity,
            classes=list(CLASSES),
            cpu_model="bench",
            accel="kvm",
            agent_version="1",
            boot_id="boot",
        )
        self._apply(announce, account, host)
        self._apply(HostSynced(instruction_id="i-1", boot_id="boot", vms=[]), account, host)

    def prepare(self, rows: list[Row]) -> list[NativeRow]:
        first_ms = self.now_ms
        self.now_ms += len(rows)
        return [(command(row), first_ms + at) for at, row in enumerate(rows)]

    def play(self, rows: list[NativeRow]) -> None:
        apply = self.engine.apply
        for order, now_ms in rows:
            apply(order, now_ms)

    def levels(self) -> list[LevelSum]:
        books = self.engine.state.instruments
        return side_sums([books[symbol(number)].book for number in range(self.instruments)])


def _config(instruments: int) -> ExchangeConfig:
    """Return an exchange with just the spot markets of the flow."""
    places = [symbol(at).split(".")[:2] for at in range(instruments)]
    zones = dict.fromkeys(zone for _, zone in places)
    return ExchangeConfig(
        classes={name: Capacity(1000, 2048, 10_240) for name in CLASSES},
        zones=[ZoneConfig(zone=zone, country="DE", accel=["kvm"]) for zone in zones],
        instruments=[
            InstrumentConfig(class_=name, zone=zone, pricing="flat") for name, zone in places
        ],
    )
