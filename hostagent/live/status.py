"""The status shown on a booted host's console, computed from the agent's log lines. Pure."""

import re
import textwrap
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from exchange.log.line import clean

REASON_MAX: Final = 160
WIDTH: Final = 78
LINES_MAX: Final = 3
_STILL_LIVE: Final = re.compile(r"\b(\S+) has this hardware and is live\b")
_ENROLLED: Final = re.compile(r"\bas ([^\s,]+)")


class Status(Struct, frozen=True):
    """``state`` is a word of `STATES`, ``why`` what stands in the way; ``vms``: id to state."""

    state: str = "starting"
    role: str = ""
    name: str = ""
    host: str = ""
    url: str = ""
    account: str = ""
    accel: str = ""
    clock: str = ""
    rules: int = 0
    balancer: str = ""
    offers: str = ""
    why: str = ""
    notes: tuple[str, ...] = ()
    vms: dict[str, str] = {}


IN_MEMORY: Final = {
    "host": "state is in memory: VMs and images are gone after the next boot",
    "manager": "state is in memory: nothing is kept here from boot to boot",
}
STATES: Final = {
    "starting": "starting",
    "no_config": "waiting for manager.toml",
    "asking": "waiting: somebody must say which exchange to join",
    "joining": "joining the exchange",
    "connected": "connected, not live yet",
    "pending": "waiting: the owner must approve this host; it sells nothing until then",
    "live": "live",
    "away": "not live",
    "stopped": "the program has ended; it is started again",
}


def changed(status: Status, **fields: Any) -> Status:
    """Return ``status`` with other ``fields``."""
    return Status(**{name: getattr(status, name) for name in Status.__struct_fields__} | fields)


def told(status: Status, entry: Mapping[str, Any]) -> Status:
    """Return the status after a line of the agent's log, as `exchange.log` writes it in JSON."""
    event, text = str(entry.get("event", "")), str(entry.get("text", ""))
    if status.role == "manager":
        return _told_by_manager(status, event, text, entry)
    match event:
        case "connected":
            return changed(status, state="connected", why="", account=str(entry.get("account", "")))
        case "pending":
            return changed(status, state="pending", why="")
        case "listed":
            live = entry.get("status") == "live"
            return changed(status, state="live" if live else "connected", why="")
        case "disconnected" | "unreachable" | "not_let_in":
            return changed(status, state="away", why=text[:REASON_MAX])
        case "hypervisor_lost":
            return changed(status, why=text[:REASON_MAX])
        case "hypervisor_back":
            return changed(status, why="")
        case "clock_skewed":
            return changed(status, clock=f"{text}; until then the exchange's time counts")
        case "clock_right":
            return changed(status, clock="")
        case "acceleration":
            return changed(status, accel=text[:REASON_MAX])
        case "offer":
            what = text.removeprefix("offers ").partition(";")[0]
            return changed(status, offers=what[:REASON_MAX])
        case _ if event.startswith("vm_") and "vm" in entry:
            return changed(status, vms=_moved(status.vms, str(entry["vm"]), event))
        case _:
            return status


def _told_by_manager(status: Status, event: str, text: str, entry: Mapping[str, Any]) -> Status:
    match event:
        case "started":
            rules = entry.get("rules")
            return changed(
                status,
                state="live",
                why="",
                url=str(entry.get("url", "")),
                account=str(entry.get("account", "")),
                rules=rules if isinstance(rules, int) else 0,
            )
        case "connected":
            return changed(status, state="live", why="")
        case "disconnected":
            return changed(status, state="away", why=text[:REASON_MAX])
        case "load_back":
            return changed(status, why="")
        case "load_lost" | "load_stale":
            return changed(status, why=text[:REASON_MAX])
        case _:
            return status


def said_plainly(status: Status, line: str) -> Status:
    """Return the status after a line that is no log line: why the program cannot go on."""
    text = line.strip().removeprefix("headroom: ")
    return changed(status, why=text[:REASON_MAX]) if text else status


_ENDED: Final = ("vm_stopped", "vm_failed", "vm_not_started")
_VMS_MAX: Final = 1_000


def _moved(vms: dict[str, str], vm_id: str, event: str) -> dict[str, str]:
    if event in _ENDED or (vm_id not in vms and len(vms) >= _VMS_MAX):
        return {each: state for each, state in vms.items() if each != vm_id}
    return vms | {vm_id: event.removeprefix("vm_")}


def host_of(said: str) -> str:
    """Return the host's id out of what ``headroom host enroll`` printed; empty if it is not there.

    ``enrolled as h-1, pending``
    """
    match = _ENROLLED.search(said)
    return match[1] if match else ""


def why_not_joined(said: str) -> str:
    """Return what stands in the way, out of the line in which ``host enroll`` says it.

    A server whose state was in memory joins anew after a boot, while the exchange may still count
    what ran on it before.
    """
    match = _STILL_LIVE.search(said)
    if match is None:
        return said.removeprefix("headroom: enroll: ")
    return (
        f"{match[1]}, this server before it was booted, still counts as live; waiting until the "
        "exchange has not heard from it for 15 s. If it runs, another server has its id"
    )


def screen(status: Status, load: str) -> str:
    """Return the lines of the console. ``load``: how busy the server is, as text."""
    state = STATES.get(status.state, status.state)
    rows = [
        ("name", status.name),
        ("host", status.host),
        ("exchange", status.url),
        ("account", status.account if status.role == "manager" else ""),
        ("state", state),
        ("why", status.why),
        ("offers", status.offers),
        ("sold", _vms(len(status.vms)) if status.role == "host" else ""),
        ("rules", str(status.rules) if status.role == "manager" else ""),
        ("balancer", status.balancer),
        ("guests", status.accel.removeprefix("guests ")),
        ("load", load),
    ]
    shown = [line for label, text in rows if text for line in _wrapped(f"  {label:<10} ", text)]
    noted = (*status.notes, *((status.clock,) if status.clock else ()))
    notes = [line for note in noted for line in _wrapped("  ! ", note)]
    title = f"  Headroom {status.role}".rstrip()
    return "\n".join(["", title, "", *shown, *(["", *notes] if notes else []), ""])


def _vms(count: int) -> str:
    return "1 VM" if count == 1 else f"{count} VMs"


def _wrapped(before: str, text: str) -> list[str]:
    """Return ``text`` behind ``before``, on as many lines as fit into `WIDTH`, at most three."""
    indent = " " * len(before)
    lines = textwrap.wrap(
        clean(text), WIDTH, initial_indent=before, subsequent_indent=indent, max_lines=LINES_MAX
    )
    return lines or [before.rstrip()]
