"""The Marketplace's core: settle every deadline that is due, then handle one command.

Theory of operation. `Engine.apply` is a pure function of the commands before it: it reads no
clock, awaits nothing and draws no random number, so replaying the journal gives the same state
and the same events byte for byte. Time comes in with each command and never runs backwards.
Deadlines (gtd, recalls, billing, launches) are executed at their own times before the command
that arrives later, so a late timer can never change who trades with whom. A refused command and a
repeated one change nothing and get no number.

This file only combines the parts. Each command's handler is in ``handling.py``, each deadline's in
``deadlines.py``:

* orders: ``trading/fast_path.py``, ``orders.py``, ``cancels.py``; they use ``risk.py`` (checks),
  ``reserve.py`` (what is set aside) and ``execution.py`` (matching, fills, ends)
* windows: ``trading/windows.py``
* leases and VMs: ``leases/leasing.py``, ``vms.py``; money owed: ``billing.py`` over
  ``model/meter.py``; images: ``images.py``
* hosts: ``hosts/enrollment.py``, ``owner_limits.py``, ``presence.py``
* the operator: ``admin.py``
* what ended 24 h ago: ``retention.py``; saved and restored: ``snapshot.py``
* what clients read: ``views.py``, ``account_pages.py``, ``hosts/host_rows.py``
"""

from typing import Any

from exchange.engine import account_pages, deadlines, handling, retention, snapshot, views
from exchange.hosts import host_rows, owner_limits, presence
from exchange.leases import images, vms
from exchange.model import emit
from exchange.model.commands import Command, Out
from exchange.model.config import ExchangeConfig
from exchange.model.records import Image, Key, Limits
from exchange.model.state import State
from exchange.units import MS_PER_HOUR
from exchange.wire.frames import DirectoryUpdate, HostUpdate, InstrumentUpdate, OrderUpdate
from exchange.wire.instructions import HostLimit, HostSync, VmKill
from exchange.wire.results import Refused
from exchange.wire.types import Side


class Engine:
    """The exchange without a wire. Feed it a `Genesis` command first."""

    def __init__(self, config: ExchangeConfig) -> None:
        self.state = State(config)

    @property
    def seq(self) -> int:
        """Number of the last accepted command."""
        return self.state.seq

    @property
    def now_ms(self) -> int:
        return self.state.now_ms

    @property
    def epoch(self) -> int:
        return self.state.epoch

    @property
    def looked_at(self) -> int:
        """How many orders the last command went through, beside those that it changed; behind a
        page, how many rows were gone through for it."""
        return self.state.looked_at

    def apply(self, command: Command, now_ms: int) -> list[Out]:
        """Settle what is due at ``now_ms``, then handle ``command``.

        Returns the reply first (addressed to ""), then all that happened, in order. Only an
        accepted command that changed something takes a ``seq``. When deadlines are due and the
        command is not `AdvanceTime`, settling takes a ``seq`` of its own, as if an `AdvanceTime`
        had come first; the gateway journals exactly that.
        """
        return handling.apply(self.state, command, now_ms)

    def next_deadline_ms(self) -> int | None:
        """Return when the engine needs an `AdvanceTime`, None for never."""
        state = self.state
        due_ms = deadlines.next_ms(state)
        if due_ms is not None and due_ms <= state.now_ms + MS_PER_HOUR:
            return due_ms  # ended things are forgotten then, too
        forget_ms = retention.due_ms(state)
        return forget_ms if due_ms is None or (forget_ms and forget_ms < due_ms) else due_ms

    def may_be_due(self, now_ms: int) -> bool:
        """Return False when `next_deadline_ms` is later for sure, which costs almost nothing."""
        state = self.state
        return now_ms >= state.timers.wake_ms or now_ms >= state.forget_ms

    def state_hash(self) -> str:
        """Return the SHA-256 (hex) of the canonical state; equal after replay."""
        return snapshot.state_hash(self.state)

    def snapshot(self) -> bytes:
        """Return the whole state; `restore` gives an engine that continues in the same way."""
        return snapshot.with_stories(self.state)

    @classmethod
    def restore(cls, data: bytes) -> "Engine":
        """Return the engine that wrote the snapshot."""
        state = snapshot.restore(data)
        engine = cls(state.config)
        engine.state = state
        return engine

    # --- reads ---

    def key(self, name: str) -> Key | None:
        """Return a key by its id or by its base64 public key."""
        state = self.state
        return state.keys.get(name) or state.keys.get(state.key_ids.get(name, ""))

    def account_state(self, account: str) -> views.AccountStateView:
        return views.account_state(self.state, account)

    def order_list(self, account: str) -> list[OrderUpdate]:
        return views.order_list(self.state, account)

    def account_page(
        self, account: str, kinds: tuple[str, ...], after: str | None, limit: int
    ) -> tuple[dict[str, list[Any]], str | None] | Refused:
        """Return the account's rows of ``kinds`` behind the cursor, by kind, and the next one."""
        return account_pages.account_page(self.state, account, kinds, after, limit)

    def usable_images(self, account: str) -> list[views.ImageRow]:
        return views.usable_images(self.state, account)

    def balances(self) -> dict[str, views.Balance]:
        return views.balances(self.state)

    def balance(self, account: str) -> views.Balance:
        subject = self.state.ledger.accounts[account]
        return views.Balance(subject.available_ucr, subject.held_ucr)

    def balance_page(
        self, after: str | None, limit: int
    ) -> tuple[dict[str, views.BalanceRow], str | None] | Refused:
        """Return the money of the accounts behind ``after``, and the next cursor."""
        return account_pages.balance_page(self.state, after, limit)

    def limits(self, account: str) -> Limits:
        return self.state.ledger.accounts[account].limits

    def account_seq(self, account: str) -> int:
        """Return the number of the account's last frame; 0 before the first."""
        return self.state.ledger.accounts[account].account_seq

    def levels(self, symbol: str, side: Side, depth: int) -> list[tuple[int, int, int]]:
        """Return (price_ucr, qty, orders) best first; ``depth`` 0 means all."""
        return self.state.instruments[symbol].book.levels(side, depth)

    def level(self, symbol: str, key: int) -> tuple[int, int, int] | None:
        """Return the row of one level of `levels`, None when it is empty; keys as touched."""
        return self.state.instruments[symbol].book.level(key)

    def take_touched(self, symbol: str) -> dict[int, None]:
        """Return the price levels changed since the last call: +price bids, -price asks."""
        book = self.state.instruments[symbol].book
        touched, book.touched = book.touched, {}
        return touched

    def symbols(self) -> list[str]:
        return list(self.state.instruments)

    def instruments(self) -> list[InstrumentUpdate]:
        return [emit.instrument_row(item) for item in self.state.instruments.values()]

    def hosts(self) -> list[views.HostView]:
        return [views.host_view(host) for host in self.state.hosts.values()]

    def owners(self) -> list[str]:
        """Return the accounts that have hosts."""
        return host_rows.owners(self.state)

    def host_statuses(self) -> dict[str, int]:
        """Return how many hosts have each status."""
        return host_rows.status_counts(self.state)

    def directory_rows(self, account: str) -> tuple[list[DirectoryUpdate], int]:
        """Return the public rows of an account's hosts, and what it cost to make them."""
        return host_rows.directory_rows(self.state, account)

    def fleet_rows(self, account: str) -> list[HostUpdate]:
        """Return the rows of an account's hosts as their owner sees them."""
        return host_rows.fleet_rows(self.state, account)

    def has_account(self, account: str) -> bool:
        return account in self.state.ledger.accounts

    def lost_after_ms(self, host: str) -> int:
        """Return how long a host may be silent before it is lost (a zone parameter)."""
        return self.state.zones[self.state.hosts[host].zone].lost_after_ms

    def host_sync(self, host: str, instruction_id: str) -> HostSync:
        """Return what to send a host after its login."""
        return presence.sync_order(self.state, self.state.hosts[host], instruction_id)

    def host_kills(self, host: str, prefix: str) -> list[VmKill]:
        """Return the kills to repeat to a host after its login."""
        return presence.kill_orders(self.state, self.state.hosts[host], prefix)

    def host_limit(self, host: str, instruction_id: str) -> HostLimit | None:
        """Return the owner's limit to send a host after its login, None when there is none."""
        subject = self.state.hosts[host]
        if (subject.limit, subject.residual_below_pct, subject.image_max_mib) == (None,) * 3:
            return None
        return owner_limits.limit_order(self.state, subject, instruction_id)

    def vm_host(self, account: str, vm_id: str) -> str | Refused:
        """Return the host of the account's VM, or why the account may not see that VM."""
        vm = vms.find_for(self.state, account, vm_id)
        return vm if isinstance(vm, Refused) else vm.lease.host.host_id

    def has_given(self, vm_id: str) -> bool:
        """Return whether this journal has given a VM that id."""
        number = vm_id.removeprefix("v-")
        return number.isdecimal() and int(number) <= self.state.counters.vm

    def image(self, sha256: str) -> Image | None:
        return self.state.images.get(sha256)

    def account_may_use_image(self, account: str, sha256: str) -> bool:
        """Return whether the account uploaded or bought the image."""
        return images.may_use(self.state.images.get(sha256), account)

    def host_may_read_image(self, host: str, sha256: str) -> bool:
        """A host reads the images of VMs it is to run."""
        return any(
            vm.lease.host.host_id == host and vm.request.image == sha256
            for vm in self.state.vms.values()
        )
