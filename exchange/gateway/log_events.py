"""The lines of an exchange's log: one small function for each event. Pure.

The events are listed in operations.md, "The log". A line may name addresses, accounts, hosts,
leases, and keys by their id; nothing else that a client sent gets into the log.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from exchange.gateway.notes import Note, UnknownVms
from exchange.log.line import Level, LogLine, line, shortened
from exchange.model import commands
from exchange.wire import admin_requests, frames, requests
from exchange.wire.close_codes import CLOSE_GOING_AWAY, CLOSE_NORMAL
from exchange.wire.results import Done, Refused
from exchange.wire.types import DiskLevel

SLOW_BATCH_MS: Final = 250
"""A batch that takes longer than this, its commit included, is logged."""
NO_STATUS: Final = 1005


# --- the process ---


def started(
    version: str, form: str, data: str, url: str, seq: int, replay_ms: int, snapshot: int
) -> LogLine:
    """``form``: interpreted or compiled; ``snapshot``: the row of the one used, or 0."""
    source = f"from the snapshot of row {snapshot}" if snapshot else "from the first row"
    text = f"headroom {version} ({form}) serves {data} at {url}: row {seq}, {source}"
    names: dict[str, str] = {"version": version, "form": form, "data": data, "url": url}
    rows: dict[str, int] = {"seq": seq, "replay_ms": replay_ms, "snapshot_seq": snapshot}
    return line("info", "started", f"{text}, in {replay_ms} ms", **names, **rows)


def standing_by(url: str, seq: int) -> LogLine:
    return line("info", "standing_by", f"standby at {url}: row {seq}", url=url, seq=seq)


def journal_away(why: str) -> LogLine:
    text = f"the journal cannot be read, going on as a standby: {why}"
    return line("warning", "journal_away", text, why=why)


def took_over(seq: int) -> LogLine:
    text = f"nobody serves this exchange any more: this process does, from row {seq} on"
    return line("warning", "took_over", text, seq=seq)


def stopped(code: int, why: str) -> LogLine:
    level: Level = "error" if code else "info"
    return line(
        level, "stopped", f"the exchange stops, exit code {code}: {why}", code=code, why=why
    )


def lease_awaited(owner: str, left_ms: int) -> LogLine:
    text = f"{owner or 'another process'} leads for another {left_ms} ms; waiting"
    return line("info", "leader", text, owner=owner, left_ms=left_ms)


def clock_behind(wait_ms: int) -> LogLine:
    text = f"the clock is {wait_ms} ms behind the journal's last entry: waiting for it"
    return line("warning", "clock_behind", text, ms=wait_ms)


def branch(now: str, before: str) -> LogLine:
    """``before``: "" when it was never served here."""
    if not before:
        text = f"hosts know this copy of the journal as {now}"
        return line("info", "branch", text, branch=now)
    text = f"this journal was copied, restored or moved: hosts know it as {now}, not as {before}"
    return line("warning", "branch", text, branch=now, before=before)


def quarantine(count: int) -> LogLine:
    text = f"requests that stopped the exchange before and are refused: {count}"
    return line("warning", "quarantine", text, count=count)


def slow_batch(took_ms: int, apply_ms: int, rows: int) -> LogLine:
    text = f"a batch of {rows} rows took {took_ms} ms, {apply_ms} of them before its commit"
    return line("warning", "slow_batch", text, ms=took_ms, apply_ms=apply_ms, rows=rows)


def snapshot_written(seq: int, size: int, took_ms: int) -> LogLine:
    text = f"snapshot of row {seq}: {size} bytes in {took_ms} ms"
    return line("info", "snapshot", text, seq=seq, bytes=size, ms=took_ms)


def past_unchecked(seq: int, why: str) -> LogLine:
    text = f"the rows up to {seq} are not checked: {why}"
    return line("warning", "rows_unchecked", text, seq=seq, why=why)


def sealed(first_seq: int, last_seq: int, size: int) -> LogLine:
    text = f"rows {first_seq} to {last_seq} are sealed: {size} bytes"
    return line("info", "sealed", text, first_seq=first_seq, last_seq=last_seq, bytes=size)


def seal_failed(why: str) -> LogLine:
    return line("warning", "seal_failed", f"no rows are sealed: {why}", why=why)


def snapshot_failed(why: str) -> LogLine:
    return line("warning", "snapshot_failed", f"no snapshot: {why}", why=why)


def snapshot_unused(why: str) -> LogLine:
    return line("warning", "snapshot_unused", f"snapshot not used: {why}", why=why)


def history_rebuilt(path: str) -> LogLine:
    text = f"{path}: built anew from all rows of the journal"
    return line("warning", "history_rebuilt", text, path=path)


def disk(data: str, level: DiskLevel) -> LogLine:
    text = f"{data}: free disk space: {level.replace('_', ' ')}"
    return line("info" if level == "ok" else "error", "disk", text, data=data, mark=level)


def images_swept(count: int) -> LogLine:
    return line("info", "images_swept", f"{count} images without an owner deleted", count=count)


def images_failed(why: str) -> LogLine:
    return line("warning", "images_failed", f"images: {why}", why=why)


# --- connections ---


class Who(Struct, frozen=True):
    """The owner of a connection; without a login only its ``peer`` is known."""

    peer: str
    account: str = ""
    key_id: str = ""


def opened(peer: str, number: int) -> LogLine:
    text = f"connection {number} from {peer}"
    return line("debug", "connected", text, peer=peer, connection=number)


def turned_away(peer: str, status: int) -> LogLine:
    text = f"{peer} turned away: HTTP {status}"
    return line("info", "turned_away", text, peer=peer, status=status)


def closed(number: int, who: Who, code: int, reason: str, by_us: bool) -> LogLine:
    """The connection is gone; ``by_us``: the exchange ended it, for ``reason``."""
    fields: dict[str, str | int] = {"connection": number, "peer": who.peer}
    fields |= {"account": who.account} if who.account else {}
    fields |= {"key_id": who.key_id} if who.key_id else {}
    fields["code"] = code
    name = f"connection {number} from {who.peer}"
    name += f" of {who.account}" if who.account else ""
    if not by_us or code in (CLOSE_NORMAL, CLOSE_GOING_AWAY, NO_STATUS):
        return line("debug", "disconnected", f"{name} ended, code {code}", **fields)
    return line("info", "cut", f"{name} cut: {reason}", **fields, why=reason)


# --- requests and what the exchange found out ---


class HostLog:
    """Makes lines of notes. ``name(host)`` is what its owner calls it.

    Remembers which hosts were logged as live, so that each is logged once.
    """

    def __init__(self, name: Callable[[str], str]) -> None:
        self._name = name
        self._live: dict[str, None] = {}

    def lines(self, note: Note) -> list[LogLine]:
        """Return the log lines of a note, often none."""
        reply, message = note.reply, note.message
        if isinstance(reply, Refused):
            return [_refused(note, reply)]
        host = _host_of(message, note, reply)
        if host:
            return [*self._host(host, message, note, reply), *_recalls(note)]
        return [*_operators(message), *_others(message, note, reply), *_recalls(note)]

    def _host(self, host: str, message: Any, note: Note, reply: Done) -> list[LogLine]:
        what = self._what(host, message, note, reply)
        if what is None:
            return []
        event, text, level = what
        name = self._name(host)
        return [line(level, event, f"host {name} ({host}) {text}", host=host, name=name)]

    def _what(
        self, host: str, message: Any, note: Note, reply: Done
    ) -> tuple[str, str, Level] | None:
        match message:
            case commands.HostSilent():
                self._live.pop(host, None)
                return "host_silent", "is silent", "warning"
            case UnknownVms(count=count):
                text = f"runs VMs of another copy of this exchange, which end in a minute: {count}"
                return "host_unknown_vms", text, "warning"
            case commands.HostBack():
                return "host_back", "is back", "info"
            case commands.HostLost():
                self._live.pop(host, None)
                leases = len(_notices(note, "host_lost"))
                return "host_lost", f"is lost; leases that end: {leases}", "error"
            case commands.EnrollHost():
                return "host_enrolled", f"enrolled, {reply.result['status']}", "info"
            case requests.HostApprove():
                return "host_approved", "is approved", "info"
            case requests.HostDrain():
                drains = "drains" if message.enabled else "drains no more"
                return "host_drain", drains, "info"
            case requests.HostOffer():
                room, below_pct = reply.result["offered"], reply.result["residual_below_pct"]
                most = "all it has" if room is None else f"at most {room.mvcpu} mvcpu"
                when = "" if below_pct is None else f", while its own load is below {below_pct} %"
                size = reply.result.get("image_max_mib")
                what = "" if size is None else f", images up to {size} MiB"
                return "host_limit", f"may offer {most}{when}{what}", "info"
            case requests.HostAnnounce() | requests.HostSynced():
                if reply.result["status"] == "live" and host not in self._live:
                    self._live[host] = None
                    return "host_live", "is live", "info"
            case _:
                pass
        return None


def _host_of(message: Any, note: Note, reply: Done) -> str:
    if isinstance(message, commands.EnrollHost):
        return str(reply.result["host"])
    if isinstance(message, requests.HostAnnounce | requests.HostSynced | UnknownVms):
        return note.host
    return str(getattr(message, "host", ""))


def _notices(note: Note, kind: str) -> list[frames.Notice]:
    found = [out for _, out in note.outs if isinstance(out, frames.Notice)]
    return [notice for notice in found if notice.kind == kind]


def _recalls(note: Note) -> list[LogLine]:
    """Units are recalled by their seller, or because a host has less capacity."""
    return [
        line(
            "info",
            "recall",
            f"recall of {notice.units} units of {notice.lease_id} on {notice.host}",
            lease=notice.lease_id or "",
            host=notice.host or "",
            units=notice.units or 0,
        )
        for notice in _notices(note, "recall")
    ]


def _refused(note: Note, refused: Refused) -> LogLine:
    message, reason = note.message, refused.reason
    request = str(type(message).__struct_config__.tag)
    who = {"peer": note.peer, "request": request, "reason": reason}
    if isinstance(message, requests.Auth):
        key = shortened(message.key_id)
        text = f"login refused: {note.peer}, key {key}: {reason}"
        return line("warning", "login_refused", text, **who, key_id=key)
    if isinstance(message, requests.HostEnroll):
        return line(
            "warning", "enroll_refused", f"enrollment refused: {note.peer}: {reason}", **who
        )
    level: Level = "warning" if reason == "internal" else "info"
    text = f"{request} of {note.account or note.peer} refused: {reason}"
    return line(level, "request_refused", text, **who, account=note.account)


def _operators(message: Any) -> list[LogLine]:
    match message:
        case admin_requests.AdminHalt(symbol=symbol, halted=halted):
            what, event = symbol or "all", "halt" if halted else "halt_lifted"
            text = f"trading of {what} {'is halted' if halted else 'goes on'}"
            return [line("warning", event, text, symbol=what)]
        case admin_requests.AdminKillSwitch(account=account, enabled=enabled):
            what, event = account or "all", "kill_switch" if enabled else "kill_switch_lifted"
            text = f"kill switch of {what} is {'on' if enabled else 'off'}"
            return [line("warning", event, text, account=what)]
        case admin_requests.AdminKeyRevoke(key_id=key_id):
            return [line("info", "key_revoked", f"key {key_id} revoked", key_id=key_id)]
        case admin_requests.AdminKey(key_id=key_id, account=account, role=role):
            text = f"key {key_id} of {account}, {role}"
            return [line("info", "key_added", text, key_id=key_id, account=account, role=role)]
        case admin_requests.AdminAccount(account=account):
            return [
                line("info", "account", f"account {account} opened or renamed", account=account)
            ]
        case admin_requests.AdminDeposit(account=account, amount_ucr=amount):
            text = f"deposit of {amount} ucr for {account}"
            return [line("info", "deposit", text, account=account, amount_ucr=amount)]
        case admin_requests.AdminLimits(account=account):
            return [line("info", "limits", f"limits of {account} changed", account=account)]
        case admin_requests.AdminZone(zone=zone):
            return [line("info", "zone", f"zone {zone} set", zone=zone)]
        case admin_requests.AdminInstrument(symbol=symbol):
            return [line("info", "instrument", f"instrument {symbol} set", symbol=symbol)]
        case _:
            return []


def _others(message: Any, note: Note, reply: Done) -> list[LogLine]:
    match message:
        case requests.Auth():
            role = str(reply.result["role"])
            text = f"login: {note.peer}, key {note.key_id} of {note.account}, {role}"
            who = {"peer": note.peer, "key_id": note.key_id, "account": note.account}
            return [line("debug", "login", text, **who, role=role)]
        case requests.AccountApply():
            name = str(reply.result["application"])
            text = f"application {name} for an account waits, from {note.peer}"
            return [line("info", "application", text, application=name, peer=note.peer)]
        case commands.ImageStored(account=account, sha256=sha256, size=size):
            text = f"image {sha256[:12]} of {account} stored, {size} bytes"
            return [line("info", "image_stored", text, image=sha256, account=account, bytes=size)]
        case commands.ImageDeleted(account=account, sha256=sha256):
            text = f"image {sha256[:12]} deleted by {account}"
            return [line("info", "image_deleted", text, image=sha256, account=account)]
        case _:
            return []
