"""The lines of a host's log: one small function for each event, and the stages of its VMs. Pure.

The events are listed in hosts.md, "The log of a host". Of a renter's VM only ids, class and image
are told, never its console, command line or user data.
"""

from collections.abc import Mapping
from typing import Final

from exchange.log.line import Level, LogLine, line
from exchange.units import count_text
from exchange.wire.instructions import HostLimit, HostSync, VmKill, VmLaunch
from exchange.wire.types import HostLimits
from hostagent.core.offer_log import room
from hostagent.core.ports import DomainSpec, FetchImage, GuestReady, ImageFailed, Message, Out
from hostagent.core.vm import Vm

IMAGE_SHOWN: Final = 12
_LEFT_OUT: Final = "..."


# --- the agent and its connection ---


def started(version: str, url: str, hypervisor: str) -> LogLine:
    text = f"headroom {version} runs a host with {hypervisor} for {url}"
    return line("info", "started", text, version=version, url=url, hypervisor=hypervisor)


def stopped(kept: bool) -> LogLine:
    text = (
        "stopped; VMs keep running"
        if kept
        else "stopped, and its VMs with it: they were in memory only"
    )
    return line("info", "stopped", text)


def acceleration(why: str) -> LogLine:
    return line("info", "acceleration", why)


def limits(told: HostLimits) -> LogLine:
    text = f"for all VMs together {told.ports} ports, for each an image of up to"
    return line("info", "limits", f"{text} {told.image_mib} MiB")


def conversions(why_not: str) -> LogLine:
    text = "image conversions run in a control group of their own"
    if why_not:
        text = f"image conversions have limits of the process only: {why_not}"
    return line("info", "conversions", text)


def connected(url: str, account: str) -> LogLine:
    text = f"connected to {url} as a host of {account}"
    return line("info", "connected", text, url=url, account=account)


def disconnected(reason: str) -> LogLine:
    return line("warning", "disconnected", f"disconnected: {reason}", reason=reason)


def exchange_restored(owner: str) -> LogLine:
    text = "the exchange has another copy of its journal now: restored, copied or moved; "
    text += "VMs that it does not name end after a minute"
    return line("warning", "exchange_restored", text, owner=owner)


def unreachable(why: str) -> LogLine:
    return line("warning", "unreachable", f"{why}; dialing again", reason=why)


def not_let_in(url: str, why: str) -> LogLine:
    text = f"{url} is not let in yet: {why}; dialing again"
    return line("warning", "not_let_in", text, reason=why)


def listed(host: str, status: str) -> LogLine:
    """``status``: what the exchange calls this host, such as ``live`` or ``pending``."""
    if status == "pending":
        text = "the owner has not approved this host yet; it sells nothing until then"
        return line("warning", "pending", text, host=host)
    return line(
        "info", "listed", f"the exchange calls this host {status}", host=host, status=status
    )


def refused(request: str, why: str) -> LogLine:
    text = f"{request} was refused: {why}"
    return line("warning", "request_refused", text, request=request, reason=why)


def unanswered(request: str, why: str) -> LogLine:
    text = f"{request} got no answer: {why}"
    return line("info", "unanswered", text, request=request, reason=why)


def not_for_a_host(kind: str) -> LogLine:
    return line("debug", "not_for_a_host", f"{kind} is not for a host")


# --- the hypervisor ---


def file_limit(files: int) -> LogLine:
    text = f"up to {files} files and connections at a time"
    return line("info", "file_limit", text, files=files)


def swept(path: str, size: int) -> LogLine:
    text = f"removed {path}, which an agent before this one left: {size} bytes"
    return line("info", "swept", text, path=path, bytes=size)


def not_kept(path: str, why: str, risk: str) -> LogLine:
    text = f"{path}: {why}; {risk}"
    return line("warning", "not_kept", text, path=path, reason=why)


def hypervisor_lost(why: str) -> LogLine:
    text = f"the hypervisor does not answer: {why}"
    return line("error", "hypervisor_lost", text, reason=why)


def hypervisor_back() -> LogLine:
    return line("info", "hypervisor_back", "the hypervisor answers again")


def not_fenced(why: str) -> LogLine:
    text = f"guests may reach more than they should, none is started: {why}"
    return line("error", "not_fenced", text, reason=why)


def call_hangs(call: str, vm_id: str, limit_s: float) -> LogLine:
    text = f"{call}{' of ' + vm_id if vm_id else ''} did not return within {limit_s:g} s: given up"
    return line("error", "call_hangs", text, call=call, vm=vm_id)


def cut_short(after_s: float) -> LogLine:
    text = f"something did not end within {after_s:g} s: ending without it"
    return line("warning", "cut_short", text)


def effect_failed(effect: str, why: str) -> LogLine:
    return line("warning", "effect_failed", f"{effect}: {why}", effect=effect, reason=why)


def not_started(spec: DomainSpec, why: str) -> LogLine:
    """Whatever a hypervisor complains of, it must not quote what the renter sent its guest."""
    for private in (spec.user_data, spec.cmdline, *spec.cmdline.split()):
        why = why.replace(private, _LEFT_OUT) if private else why
    text = f"{spec.vm_id} does not start: {why}"
    return line("warning", "vm_not_started", text, vm=spec.vm_id, reason=why)


def vm_trouble(vm_id: str, what: str, why: str) -> LogLine:
    """``what``: a word for the log; the sentence is ``why``."""
    return line("warning", what, f"{vm_id}: {why}", vm=vm_id, reason=why)


def reached_again(vm_id: str) -> LogLine:
    return line("info", "reached_again", f"{vm_id}: all its ports are open again", vm=vm_id)


def image_failed(why: str) -> LogLine:
    return line("warning", "image_failed", why, reason=why)


def guest_connection(inner_port: int, what: str) -> LogLine:
    text = f"a connection to inner port {inner_port} {what}"
    return line("debug", "guest_connection", text, inner_port=inner_port)


# --- what comes into the core and goes out of it ---


def of_message(message: Message) -> LogLine | None:
    """Return what to say of a message, None for the many that say nothing to an owner."""
    match message:
        case VmLaunch():
            text = f"told to run {message.vm_id} of {message.lease_id}, {message.class_}"
            text += f", image {message.image[:IMAGE_SHOWN]}"
            ids = {"vm": message.vm_id, "lease": message.lease_id, "image": message.image}
            return line("info", "launch", text, **ids)
        case VmKill():
            text = f"told to stop {message.vm_id}, grace {message.grace_ms} ms"
            return line("info", "kill", text, vm=message.vm_id, grace_ms=message.grace_ms)
        case HostLimit():
            most = "no limit" if message.offered is None else f"at most {room(message.offered)}"
            if message.residual_below_pct is not None:
                most += f", while its own load is below {message.residual_below_pct} %"
            if message.image_max_mib is not None:
                most += f", images up to {message.image_max_mib} MiB"
            return line("info", "limit", f"the owner's limit: {most}")
        case HostSync():
            leases, vms = len(message.leases), len(message.vms)
            what = f"{count_text(vms, 'VM')} of {count_text(leases, 'lease')}"
            text = f"told all there is to run: {what}"
            return line("info", "sync", text, vms=vms, leases=leases)
        case GuestReady():
            return line("info", "vm_ready", f"{message.vm_id} serves", vm=message.vm_id)
        case ImageFailed():
            image = message.image[:IMAGE_SHOWN]
            text = f"image {image} cannot be used: {message.reason}"
            return line("warning", "image_failed", text, image=message.image, reason=message.reason)
        case _:
            return None


def of_out(out: Out) -> LogLine | None:
    """Return what to say of what the core asks for."""
    match out:
        case FetchImage():
            text = f"fetching image {out.image[:IMAGE_SHOWN]}"
            return line("info", "image_fetch", text, image=out.image)
        case _:
            return None


class VmLog:
    """Logs each stage of every VM once. Holds as many entries as the core has VMs."""

    def __init__(self) -> None:
        self._logged: dict[str, tuple[str, bool]] = {}

    def changes(self, vms: Mapping[str, Vm], adopting: bool) -> list[LogLine]:
        """Return what changed since the last call; ``adopting``: what is new was found here."""
        lines: list[LogLine] = []
        for vm_id, vm in vms.items():
            stage = vm.state, vm.reap_ms is not None
            before = self._logged.get(vm_id)
            if stage != before:
                lines += _change(vm_id, vm, before, adopting)
                self._logged[vm_id] = stage
        for vm_id in [vm_id for vm_id in self._logged if vm_id not in vms]:
            del self._logged[vm_id]
        return lines


def _change(vm_id: str, vm: Vm, before: tuple[str, bool] | None, adopting: bool) -> list[LogLine]:
    lines: list[LogLine] = []
    if before is None and adopting:
        lines.append(line("info", "adopted", f"adopted {vm_id}, {vm.state}", vm=vm_id))
    elif before is None or before[0] != vm.state:
        why = f": {vm.reason}" if vm.reason else ""
        level: Level = "warning" if vm.state == "failed" else "info"
        text = f"{vm_id} is {vm.state}{why}"
        told = line(level, f"vm_{vm.state}", text, vm=vm_id, reason=vm.reason or "")
        lines.append(told)
    if vm.reap_ms is not None and (before is None or not before[1]) and not vm.ended:
        text = f"nobody wants {vm_id}: it will be ended"
        lines.append(line("warning", "orphan", text, vm=vm_id))
    return lines
