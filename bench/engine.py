"""The full engine: validation, holds, capacity backing, leases, events; no I/O."""

from hashlib import sha256

from bench.flow import TRADERS, Flow, LevelSum, Row, client_order_id, place, side_sums, symbol
from exchange.commands import (
    Command,
    Done,
    EnrollHost,
    Genesis,
    JournalMessage,
    Started,
)
from exchange.engine import Engine
from exchange.genesis import ExchangeConfig, InstrumentConfig, ZoneConfig
from exchange.protocol import (
    AdminAccount,
    AdminDeposit,
    Capacity,
    HostAnnounce,
    HostSynced,
    HostToken,
    OrderCancel,
)

START_MS = 1_800_000_000_000
PLENTY = 10**12
NativeRow = tuple[Command, int]
"""command, now_ms: a millisecond passes with each."""


def _account(row: Row) -> str:
    return f"buyer{row.account}" if row.sign > 0 else f"seller{row.account}"


def command(row: Row) -> Command:
    """Return the row as the gateway would hand it over."""
    if not row.cancel:
        return Command(_account(row), "", 0, place(row))
    cancel = OrderCancel(req_id=row.add, client_order_id=client_order_id(row))
    return Command(_account(row), "", 0, cancel)


class FullEngine:
    """Plays a flow through `Engine.apply`: rich buyers, sellers with one large host each."""

    def __init__(self, flow: Flow) -> None:
        self.instruments = flow.shape.instruments
        config = _config(self.instruments)
        self.engine = Engine(config)
        self.now_ms = START_MS
        self._tell(Genesis(config, "operator-key"))
        self._tell(Started(1))
        for number in range(TRADERS):
            self._open_account(f"buyer{number}")
            self._open_account(f"seller{number}")
            self._open_host(f"seller{number}", number + 1)
        self._load = self._native(flow.load)
        self._timed = self._native(flow.timed)

    def _native(self, rows: list[Row]) -> list[NativeRow]:
        first_ms = self.now_ms
        self.now_ms += len(rows)
        return [(command(row), first_ms + at) for at, row in enumerate(rows)]

    def _tell(self, message: JournalMessage, account: str = "", host: str = "") -> None:
        reply = self.engine.apply(Command(account, host, 0, message), self.now_ms)[0][1]
        assert isinstance(reply, Done), reply

    def _open_account(self, account: str) -> None:
        self._tell(AdminAccount(req_id=1, account=account, name=account))
        deposit = AdminDeposit(req_id=1, account=account, amount_ucr=PLENTY, ref="start")
        self._tell(deposit)

    def _open_host(self, account: str, number: int) -> None:
        secret, capacity = sha256(account.encode()).hexdigest(), Capacity(PLENTY, PLENTY, PLENTY)
        self._tell(
            HostToken(req_id=1, zone="eu-de", token_sha256=secret, uses=1, ttl_s=60), account
        )
        self._tell(EnrollHost(secret, "server", f"hardware-{account}", f"key-{account}"))
        announce = HostAnnounce(
            req_id=1,
            capacity=capacity,
            offered=capacity,
            classes=[f"class{at}" for at in range(self.instruments)],
            cpu_model="bench",
            accel="kvm",
            agent_version="1",
            boot_id="boot",
        )
        self._tell(announce, account, f"h-{number}")
        self._tell(HostSynced(instruction_id="i-1", boot_id="boot", vms=[]), account, f"h-{number}")

    def load(self) -> None:
        self._play(self._load)

    def run(self) -> None:
        self._play(self._timed)

    def _play(self, rows: list[NativeRow]) -> None:
        apply = self.engine.apply
        for order, now_ms in rows:
            apply(order, now_ms)

    def levels(self) -> list[LevelSum]:
        books = self.engine.state.instruments
        return side_sums([books[symbol(number)].book for number in range(self.instruments)])


def _config(instruments: int) -> ExchangeConfig:
    """Return an exchange whose every instrument is the spot market of a class of its own."""
    names = [f"class{at}" for at in range(instruments)]
    return ExchangeConfig(
        classes={name: Capacity(1000, 2048, 10_240) for name in names},
        zones=[ZoneConfig(zone="eu-de", country="DE", accel=["kvm"])],
        instruments=[InstrumentConfig(class_=name, zone="eu-de", pricing="flat") for name in names],
    )
