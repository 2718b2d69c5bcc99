"""F5, Hosts: the account's servers by group: what they offer, sold and earn; an owner's acts."""

from collections.abc import Sequence
from typing import Final

from exchange.wire.frames import HostUpdate
from exchange.wire.requests import HostApprove, HostDrain
from tui.actions import Action
from tui.screens.base import Deed
from tui.screens.lists import ListScreen
from tui.view.connection import explanation
from tui.view.farm import STALE
from tui.view.host_rows import (
    HOST_COLUMNS,
    PART_COLUMNS,
    drain_words,
    host_rows,
    hosts_of,
    part_rows,
)
from tui.view.table import ListView, Row
from tui.view.text import count_text

ASK_AGAIN_MS: Final = 2_000


class HostsScreen(ListScreen):
    """Above the fleet, below what is asked for and sold on the row at its cursor."""

    NEEDS = "key"
    LISTS = ("hosts", "on")
    ACTIONS = (
        Action(
            "hosts_approve",
            "Approve",
            "Let in the server at the cursor, or all of its group that wait.",
            "Trade",
            ("a",),
            "Approve",
        ),
        Action(
            "hosts_drain",
            "Drain, or sell again",
            "Take the servers off the market, after a question; drained ones sell again.",
            "Trade",
            ("x",),
            "Drain",
        ),
    )
    _asked_ms = 0

    def list_view(self, name: str) -> ListView:
        if name == "on":
            return ListView("ON IT", PART_COLUMNS, "nothing is asked for or sold on it")
        empty = "no server yet: t makes a token, with which a server enrolls"
        return ListView("HOSTS  vCPU, GiB", HOST_COLUMNS, empty)

    def rows(self, name: str) -> Sequence[Row]:
        shared = self.shared
        if name == "hosts":
            return host_rows(shared.model, shared.farm, shared.exchange_ms)
        above = self.views["hosts"].row
        self.views["on"].title = f"ON {above.cells[0].text}" if above else "ON IT"
        key = above.key if above else ""
        return part_rows(shared.model, shared.farm, key, shared.exchange_ms) if key else []

    def draw(self) -> None:
        now_ms = self.shared.now_ms()
        if now_ms - self._asked_ms >= ASK_AGAIN_MS:
            self._asked_ms = now_ms
            self.run_worker(self.shared.session.follow_fleet())
        super().draw()

    def notice(self) -> str:
        """Whether what is shown may be old comes before what is wrong with the account."""
        shared = self.shared
        why = explanation(shared.model.connection, shared.now_ms())
        if why:
            return f"STALE: {why}"
        return super().notice() or (f"! {STALE}" if shared.farm.phase == "lost" else "")

    def opened(self, row: Row) -> None:
        """A server: go to what is on it. An ask or a lease: go to its own tab."""
        if self.focus_on == "hosts":
            self.focus_on = "on"
        elif row.key.startswith("l-"):
            self.run_deed(lambda: self.jump("leases", row.key))
        elif row.key.startswith("o-"):
            self.run_deed(lambda: self.jump("orders", row.key))

    def _back(self) -> None:
        if not self.view.back():
            self.focus_on = "hosts"

    def deeds(self) -> dict[str, Deed]:
        return {"hosts_approve": self._approve, "hosts_drain": self._drain}

    # --- acts ---

    def meant(self) -> list[HostUpdate]:
        """Return the servers that an act is about."""
        above = self.views["hosts"].row
        return hosts_of(self.shared.model, self.shared.farm, above.key) if above else []

    def _approve(self) -> None:
        waiting = [host for host in self.meant() if host.status == "pending"]
        if not waiting:
            self.notify("No server here waits for approval.", markup=False)
            return

        async def approve() -> None:
            for host in waiting:
                done = f"{host.name} ({host.host}) is let in"
                await self.shared.trade(HostApprove(req_id=1, host=host.host), done, host.host)

        self.ask(
            f"Let in {_told(waiting)}?",
            approve,
            "From then on it runs what your account sells: be sure that the server is yours.",
        )

    def _drain(self) -> None:
        hosts = [host for host in self.meant() if host.status not in ("pending", "lost")]
        drained = [host for host in hosts if host.status == "draining"]
        if not hosts:
            self.notify("No server here can be drained.", markup=False)
            return
        if len(drained) == len(hosts):
            self.run_deed(lambda: self._set_drain(hosts, False))
            return
        selling = [host for host in hosts if host.status != "draining"]
        self.ask(
            f"Drain {_told(selling)}?",
            lambda: self._set_drain(selling, True),
            drain_words(self.shared.model, selling),
        )

    async def _set_drain(self, hosts: Sequence[HostUpdate], on: bool) -> None:
        for host in hosts:
            done = f"{host.name} ({host.host}) {'is drained' if on else 'sells again'}"
            request = HostDrain(req_id=1, host=host.host, enabled=on)
            await self.shared.trade(request, done, host.host)


def _told(hosts: Sequence[HostUpdate]) -> str:
    """Return which servers are meant: three by name, more by number."""
    if len(hosts) <= 3:
        return ", ".join(f"{host.name} ({host.host})" for host in hosts)
    return f"{count_text(len(hosts), 'server')}, {hosts[0].name} to {hosts[-1].name}"
