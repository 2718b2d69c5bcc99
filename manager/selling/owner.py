"""What a group asks of its hosts besides asks: thresholds of own load, the size of images, and
recalls. Pure."""

from typing import Final, TypeAlias

from exchange.units import MS_PER_MINUTE, MS_PER_SECOND
from exchange.wire.frames import ErrorReply, HostUpdate
from exchange.wire.requests import HostOffer, LeaseRecall
from exchange.wire.types import OwnerLimit
from manager.core.outgoing import Outgoing
from manager.core.refused import why
from manager.selling.due import Due
from manager.selling.group import Group, is_spot
from manager.selling.stock import Hosting

FOLLOWS_MS: Final = 5 * MS_PER_SECOND
"""A host offers by a new threshold so long after it was set; until then nothing new is asked."""
AGAIN_MS: Final = MS_PER_MINUTE
Told: TypeAlias = tuple[int | None, int | None]
"""The threshold, and the size of images."""


class Owner:
    """``told``: the threshold and the size each host was told on this connection."""

    def __init__(self, outgoing: Outgoing, due: Due) -> None:
        self._outgoing = outgoing
        self._due = due
        self._told: dict[str, Told] = {}
        self._free_ms: dict[str, int] = {}
        self._asked: dict[int, tuple[str, str]] = {}
        self._recalls: dict[str, int] = {}

    def restart(self) -> None:
        self._told.clear()
        self._asked.clear()
        self._recalls.clear()

    def limit(self, group: Group, row: HostUpdate, now_ms: int) -> None:
        """Tell a host the limits of its group, once on each connection."""
        offer = group.offer
        below_pct = offer.below_pct if offer.kind == "residual" else None
        told = below_pct, offer.image_max_mib
        before = self._told.get(row.host)
        if row.status != "live" or before == told:
            return
        self._told[row.host] = told
        if before is None or before[0] != below_pct:
            self._free_ms[row.host] = now_ms + AGAIN_MS
        lift: list[OwnerLimit] = [] if below_pct is not None else ["residual_below_pct"]
        was_mib = row.image_max_mib if before is None else before[1]
        if offer.image_max_mib is None and was_mib is not None:
            lift.append("image_max_mib")

        def request(req_id: int) -> HostOffer:
            return HostOffer(
                req_id=req_id,
                host=row.host,
                residual_below_pct=below_pct,
                lift=lift,
                image_max_mib=offer.image_max_mib,
            )

        req_id = self._outgoing.ask("sell", row.host, request)
        if req_id is not None:
            self._asked[req_id] = (row.host, "")

    def waits(self, group: Group | None, row: HostUpdate, now_ms: int) -> bool:
        """Return whether a residual host may still offer more than its threshold allows."""
        if group is None or group.offer.kind != "residual":
            return False
        free_ms = self._free_ms.get(row.host, 0)
        if now_ms < free_ms:
            self._due.mark((2, row.host), free_ms)
        return now_ms < free_ms

    def recall(self, hosting: Hosting, now_ms: int) -> None:
        """Recall what a group sold on spot here, with the exchange's notice."""
        for lease in hosting.leases.values():
            again_ms = self._recalls.get(lease.lease_id, 0)
            if not lease.mine or not is_spot(lease.symbol) or lease.recalled:
                continue
            if now_ms < again_ms:
                self._due.mark((2, lease.host), again_ms)
                continue
            self._recalls[lease.lease_id] = now_ms + AGAIN_MS
            self._recall(lease.host, lease.lease_id)

    def _recall(self, host: str, lease_id: str) -> None:
        req_id = self._outgoing.ask(
            "sell", lease_id, lambda req_id: LeaseRecall(req_id=req_id, lease_id=lease_id)
        )
        if req_id is not None:
            self._asked[req_id] = (host, lease_id)

    def answered(self, req_id: int, error: ErrorReply | None, now_ms: int) -> str | None:
        """Return the host that an answer is about, ``None`` when it is not ours."""
        asked = self._asked.pop(req_id, None)
        if asked is None:
            return None
        host, lease_id = asked
        if error is not None:
            what = f"lease {lease_id}: not recalled" if lease_id else f"{host}: no limits set"
            self._outgoing.log("not_limited", f"{what}: {why(error)}")
        if not lease_id:
            self._free_ms[host] = now_ms + (FOLLOWS_MS if error is None else AGAIN_MS)
            if error is not None:
                self._told.pop(host, None)
        return host
