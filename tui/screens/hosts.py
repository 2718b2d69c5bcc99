"""F5, Hosts: the account's servers by group: what they offer, sold and earn; an owner's acts."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from exchange.units import count_text
from exchange.wire.frames import HostUpdate
from exchange.wire.requests import HostApprove, HostDrain, HostToken
from tui.actions import Action
from tui.screens.backing import pick_hosts
from tui.screens.base import Deed
from tui.screens.form import fill
from tui.screens.lists import ListScreen
from tui.screens.offer import OfferScreen
from tui.screens.token import TokenScreen
from tui.view import choices
from tui.view.backing import market_of
from tui.view.connection import explanation
from tui.view.farm import STALE
from tui.view.form import Values
from tui.view.host_rows import (
    HOST_COLUMNS,
    PART_COLUMNS,
    drain_words,
    group_at,
    host_rows,
    hosts_of,
    part_rows,
)
from tui.view.owner import NO_GROUP, SECONDS_PER_HOUR, no_wizard, token_form, token_lines
from tui.view.table import ListView, Row

ASK_AGAIN_MS: Final = 2_000
SECRET_BYTES: Final = 24


class HostsScreen(ListScreen):
    """Above the fleet, below what is asked for and sold on the row at its cursor."""

    NEEDS = "key"
    LISTS = ("hosts", "on")
    ACTIONS = (
        Action(
            "hosts_offer",
            "Offer wizard",
            "Set what the group at the cursor sells, after a preview of its asks.",
            "Trade",
            ("w",),
            "Offer",
        ),
        Action(
            "hosts_token",
            "Make a token",
            "Make a secret with which servers enroll; it is shown once.",
            "Trade",
            ("t",),
            "Token",
        ),
        Action(
            "hosts_approve",
            "Approve",
            "Let in the server at the cursor, or all of its group that wait.",
            "Trade",
            ("a",),
            "Approve",
        ),
        Action(
            "hosts_sell",
            "Sell of these servers",
            "Begin a sell on Market of the server at the cursor, or of its group's; mark which.",
            "Trade",
            ("s",),
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
        return {
            "hosts_offer": self._offer,
            "hosts_token": self._token,
            "hosts_approve": self._approve,
            "hosts_sell": self._sell,
            "hosts_drain": self._drain,
        }

    # --- acts ---

    def meant(self) -> list[HostUpdate]:
        """Return the servers that an act is about."""
        above = self.views["hosts"].row
        return hosts_of(self.shared.model, self.shared.farm, above.key) if above else []

    def _offer(self) -> None:
        farm, above = self.shared.farm, self.views["hosts"].row
        if farm.phase != "up" or not farm.groups:
            self.notify(no_wizard(farm), markup=False, severity="warning")
            return
        group = group_at(farm, above.key) if above else None
        if above is not None and group is None:
            self.notify(NO_GROUP, severity="warning")
            return
        self.app.push_screen(OfferScreen(self.shared, (group or farm.groups[0]).name))

    def _token(self) -> None:
        zones = sorted({item.zone for item in self.shared.model.instruments.values()})
        fill(self, token_form(zones), lambda values: self.run_deed(lambda: self._made(values)))

    async def _made(self, values: Values) -> None:
        secret = secrets.token_hex(SECRET_BYTES)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        uses, hours = int(values["uses"]), int(values["hours"])
        request = HostToken(
            req_id=1,
            zone=values["zone"],
            token_sha256=digest,
            uses=uses,
            ttl_s=hours * SECONDS_PER_HOUR,
        )
        answer = await self.shared.trade(request, f"A token for {count_text(uses, 'server')}")
        if answer.ok:
            url = getattr(self.shared.session.link, "url", "")
            self.app.push_screen(TokenScreen(token_lines(url, secret, uses, hours), secret))

    async def _sell(self) -> None:
        desk, hosts = self.shared.desk, self.meant()
        symbol = market_of(self.shared.model, hosts, desk.symbol)

        def picked(marked: tuple[str, ...]) -> None:
            self.run_deed(lambda: self._sell_of(symbol, marked))

        await pick_hosts(self, symbol, [host.host for host in hosts], picked)

    async def _sell_of(self, symbol: str, marked: tuple[str, ...]) -> None:
        """Go to Market with a sell begun, which only ``marked`` may back."""
        desk = self.shared.desk
        await self.app.run_action("app.go('market')")
        await self.shared.session.show(symbol)
        desk.deal("sell")
        desk.choose(lambda ticket: choices.hosts(ticket, marked))

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
