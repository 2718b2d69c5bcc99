"""Everything the engine knows, in one place. Rules live in the modules that use it."""

from exchange.model.account import Order
from exchange.model.capacity import Host
from exchange.model.commands import Out
from exchange.model.config import ExchangeConfig
from exchange.model.ended import EndedOrders
from exchange.model.in_order import InOrder
from exchange.model.instrument import Instrument
from exchange.model.lease import Lease, Vm
from exchange.model.ledger import Ledger
from exchange.model.records import Counters, DeadMan, Image, Key, Token, Zone
from exchange.model.timers import Entry, Timers


class State:
    """The engine's memory. ``outs`` collects what one command caused."""

    __slots__ = (
        "armed",
        "config",
        "counters",
        "dead_man_keys",
        "dead_men",
        "deposits",
        "done_orders",
        "ended_leases",
        "ended_orders",
        "epoch",
        "expiring",
        "forget_ms",
        "halted",
        "hosts",
        "images",
        "instruments",
        "key_ids",
        "keys",
        "killed",
        "leases",
        "ledger",
        "looked_at",
        "now_ms",
        "outs",
        "quiet",
        "replaying",
        "roll_ms",
        "seq",
        "settling",
        "timers",
        "tokens",
        "vms",
        "window_leases",
        "windows",
        "zones",
    )

    def __init__(self, config: ExchangeConfig) -> None:
        self.config = config
        self.quiet = False
        """While a journal is replayed: frames are numbered but not made again."""
        self.replaying = False  # then `newer_rules` refuse no row
        self.seq = self.now_ms = self.epoch = self.forget_ms = 0
        """``forget_ms``: when to look next for what ended 24 h ago."""
        self.outs: list[Out] = []
        self.looked_at = 0
        """Orders that the command under way went through without changing them; not stored."""
        self.settling: Entry | None = None  # the deadline being run, for a crash report
        self.counters, self.ledger = Counters(), Ledger()
        self.zones: dict[str, Zone] = {}
        self.instruments: dict[str, Instrument] = {}
        self.windows: dict[int, Instrument] = {}
        """Those of them that are delivery windows, by number."""
        self.roll_ms: int | None = None
        """The next full hour, when new windows open; None without windows."""
        self.dead_men: dict[str, DeadMan] = {}
        """Armed dead man's switches by key id."""
        self.dead_man_keys: dict[int, str] = {}
        """Their key ids by number."""
        self.armed: dict[int, str] = {}
        """Sessions of this epoch whose account wants cancel-on-disconnect."""
        self.expiring: dict[int, Order] = {}
        """Resting gtd orders by number; every live order is with its account."""
        self.done_orders: InOrder[int, Order] = InOrder()
        """Those that finished last, by number; before them: `ended_orders`, less than 24 h ago."""
        self.ended_orders = EndedOrders(self.ledger.accounts)
        self.leases: dict[int, Lease] = {}
        """Leases that have not ended, by number."""
        self.window_leases: dict[tuple[str, int], list[Lease]] = {}
        """Those of windows, by host and the window's start."""
        self.ended_leases: InOrder[int, Lease] = InOrder()
        """Those that ended less than 24 h ago, in that order."""
        self.vms: dict[int, Vm] = {}
        """VMs that have not stopped, by number; some outlive their lease until they are killed."""
        self.hosts: dict[str, Host] = {}
        self.keys: dict[str, Key] = {}
        self.key_ids: dict[str, str] = {}
        """Key id by public key."""
        self.tokens: InOrder[str, Token] = InOrder()
        self.images: dict[str, Image] = {}
        self.deposits: InOrder[tuple[str, str], tuple[int, int]] = InOrder()
        """(account, ref) -> (amount_ucr, when): a deposit repeats for 24 h without effect."""
        self.halted = False
        """The halt over all instruments, which covers those that open later."""
        self.killed = False
        """The kill switch over all accounts."""
        self.timers = Timers()

    def numbered_host(self, number: int) -> Host:
        """Return a host by its number, which its id carries."""
        return self.hosts[f"h-{number}"]

    def add_lease(self, lease: Lease) -> None:
        """A lease begins, or comes back from a snapshot."""
        self.leases[lease.number] = lease
        if not lease.spot:
            self.window_leases.setdefault((lease.host.host_id, lease.start_ms), []).append(lease)

    def drop_lease(self, lease: Lease) -> None:
        """A lease ended."""
        del self.leases[lease.number]
        if not lease.spot:
            key = (lease.host.host_id, lease.start_ms)
            self.window_leases[key].remove(lease)
            if not self.window_leases[key]:
                del self.window_leases[key]
