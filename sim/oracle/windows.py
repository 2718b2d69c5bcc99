"""The naive exchange's clock: delivery windows, dead man's switches, and what is due when.

Part of `sim.oracle.exchange.Oracle`; see there. Written from rules.md 2.2, 4.7, 6.1.
"""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

from sim.oracle.hosts import Need
from sim.oracle.outages import Outages
from sim.oracle.owed import DAY_MS, HOUR_MS, MINUTE_MS

GATE_MS: Final = 3 * MINUTE_MS


@dataclass
class Window:
    """One hour of a class in its own book; ``stage`` counts gate, start, end, forgotten."""

    symbol: str
    start_ms: int
    stage: int = 0

    @property
    def next_ms(self) -> int:
        """When the gate closes, the hour begins, it ends, and an hour later nobody knows it."""
        steps = (-GATE_MS, 0, HOUR_MS, 2 * HOUR_MS)
        return self.start_ms + steps[self.stage]


class Windows(Outages):
    """Windows by symbol, and everything that happens by itself."""

    def __init__(self, shapes: dict[str, Need], fee_pct: int = 1) -> None:
        super().__init__(shapes, fee_pct)
        self.windows: dict[str, Window] = {}
        self.halted: set[str] = set()
        self.all_halted = False
        """Books that open later are halted too."""
        self.series: list[tuple[str, int]] = []
        """Windows that open every hour: the symbol up to the hour, and how many hours ahead."""
        self.roll_ms: int | None = None
        self.dead_men: dict[str, tuple[str, int]] = {}
        """By key: whose orders go, and when."""

    @abstractmethod
    def order_deadlines(self) -> list[int]:
        """When gtd orders expire."""

    @abstractmethod
    def expire_orders(self) -> None:
        """End the gtd orders whose time is now."""

    @abstractmethod
    def close_book(self, symbol: str) -> None:
        """The window's gate closes: unmatched orders expire."""

    @abstractmethod
    def cancel_all(self, account: str, reason: str) -> None:
        """All live orders of the account go."""

    # --- windows ---

    def start_ms(self, symbol: str) -> int | None:
        return self.windows[symbol].start_ms if symbol in self.windows else None

    def gate_ms(self, symbol: str) -> int | None:
        start_ms = None if symbol.endswith(".spot") else delivery_ms(symbol)
        return None if start_ms is None else start_ms - GATE_MS

    def open_windows(self) -> None:
        """At the start: every hour that is less than so many ahead, if its gate is open."""
        hour_ms = self.now_ms // HOUR_MS * HOUR_MS
        for name, ahead in self.series:
            for start_ms in range(hour_ms + HOUR_MS, hour_ms + (ahead + 1) * HOUR_MS, HOUR_MS):
                if self.now_ms < start_ms - GATE_MS:
                    self.open_window(name, start_ms)
        self.roll_ms = hour_ms + HOUR_MS if self.series else None

    def open_window(self, name: str, start_ms: int) -> None:
        window = Window(f"{name}.{hour_text(start_ms)}", start_ms)
        self.windows[window.symbol] = window
        if self.all_halted:
            self.halted.add(window.symbol)

    def roll(self) -> None:
        """A full hour: each series opens its next window."""
        for name, ahead in self.series:
            self.open_window(name, self.now_ms + ahead * HOUR_MS)
        self.roll_ms = self.now_ms + HOUR_MS

    def next_stage(self, window: Window) -> None:
        window.stage += 1
        if window.stage == 1:
            self.close_book(window.symbol)
        elif window.stage == 4:
            del self.windows[window.symbol]

    # --- time ---

    def next_deadline_ms(self) -> int | None:
        times = [at_ms for _, at_ms in self.dead_men.values()]
        times += [vm.launch_by_ms for vm in self.vms.values() if vm.launch_by_ms is not None]
        for lease in self.leases:
            times += lease.due()
        times += self.order_deadlines()
        times += [window.next_ms for window in self.windows.values()]
        times += [] if self.roll_ms is None else [self.roll_ms]
        times += [at_ms for host in self.hosts.values() for at_ms, _, _ in host.cooling]
        return min(times, default=None)

    def settle(self, now_ms: int) -> None:
        """Everything due happens at its own time, one thing after the other."""
        if now_ms == self.now_ms:
            return
        while (due_ms := self.next_deadline_ms()) is not None and due_ms <= now_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.settle_one(due_ms)
        self.now_ms = now_ms
        for number, vm in list(self.vms.items()):
            if vm.lease.over and (vm.lease.ends_ms or 0) <= now_ms - DAY_MS:
                del self.vms[number]  # nobody will hear of it any more

    def settle_one(self, due_ms: int) -> None:
        """Of what is due at one time: dead men, launches, leases by number, expiries, windows,
        new windows, recalled slots that may be offered again."""
        for key, (account, at_ms) in list(self.dead_men.items()):
            if at_ms == due_ms:
                del self.dead_men[key]
                return self.cancel_all(account, "dead_man")
        for vm in self.vms.values():
            if vm.launch_by_ms == due_ms:
                return self.launch_overdue(vm)
        for lease in self.leases:
            if due_ms in lease.due():
                return self.settle_lease(lease)
        if due_ms in self.order_deadlines():
            return self.expire_orders()
        for window in self.windows.values():
            if window.next_ms == due_ms:
                return self.next_stage(window)
        if self.roll_ms == due_ms:
            return self.roll()
        for host in self.hosts.values():
            host.cooling = [row for row in host.cooling if row[0] > due_ms]
        return None


@cache
def hour_text(start_ms: int) -> str:
    """An hour as symbols carry it."""
    return datetime.fromtimestamp(start_ms // 1000, UTC).strftime("%Y-%m-%dT%H")


@cache
def delivery_ms(symbol: str) -> int:
    """When the hour of a window's symbol begins."""
    hour = datetime.strptime(symbol.rpartition(".")[2], "%Y-%m-%dT%H").replace(tzinfo=UTC)
    return int(hour.timestamp()) * 1000
