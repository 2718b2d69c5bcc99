"""What an accepted command about a host does to the naive exchange, and whether it was in time.

Heartbeats are not commands, so the book-keeper cannot know when a host was heard last; but what a
`HostSilent` says of it must agree with the rules. Written from rules.md 5.11, 6.2, 6.3.
"""

from typing import Final

from exchange.model.commands import Command, EnrollHost, HostBack, HostLost, HostSilent
from exchange.wire.requests import (
    HostAnnounce,
    HostApprove,
    HostDrain,
    HostOffer,
    HostSynced,
    HostToken,
)
from exchange.wire.types import Capacity
from sim.oracle.exchange import Oracle
from sim.oracle.hosts import Host, Need

SILENT_MS: Final = 15_000
SLACK_MS: Final = 1_000
"""A silence or a loss is noticed before it is that late."""


def room(told: Capacity) -> Need:
    return (told.mvcpu, told.mem_mib, told.disk_mib)


def token(oracle: Oracle, command: Command, asked: HostToken) -> None:
    oracle.tokens[asked.token_sha256] = (command.account, asked.zone, asked.uses == 1)


def enroll(oracle: Oracle, command: Command, asked: EnrollHost) -> None:
    """The same hardware of an account stays the host it was."""
    owner, zone, at_once = oracle.tokens[asked.token_sha256]
    known = [
        h for h in oracle.hosts.values() if (h.owner, h.hardware) == (owner, asked.hardware_id)
    ]
    number = len(oracle.hosts) + 1
    host = known[0] if known else Host(f"h-{number}", number, owner, zone, asked.hardware_id)
    oracle.hosts[host.name] = host
    if at_once and host.state == "pending":
        host.state = "syncing"


def approve(oracle: Oracle, command: Command, asked: HostApprove) -> None:
    oracle.hosts[asked.host].state = "syncing"


def announce(oracle: Oracle, command: Command, asked: HostAnnounce) -> None:
    """What it has and offers; asks that it can no longer back are withdrawn."""
    host = oracle.hosts[command.host]
    host.capacity, host.offer, host.announced = room(asked.capacity), room(asked.offered), True
    limits = asked.limits
    host.others = (None, None) if limits is None else (limits.ports, limits.image_mib)
    host.boot_told = asked.boot_id
    host.classes, host.paused = list(asked.classes), asked.paused is not None
    go_live(oracle, host)
    for order in [o for o in oracle.live if host.name in o.slots]:
        if host.paused or order.asked.symbol.partition(".")[0] not in host.classes:
            oracle.finish(order, "canceled", "capacity_shrunk")
    oracle.shrink_to_offer(host.name)


def go_live(oracle: Oracle, host: Host) -> None:
    """Back, heard out and its offer known."""
    if host.state == "syncing" and host.synced and host.announced:
        host.state, host.live_ms = "live", oracle.now_ms


def offer(oracle: Oracle, command: Command, asked: HostOffer) -> None:
    """The owner sets a limit, or lifts it; without ``lift``, whatever is not named is lifted."""
    host = oracle.hosts[asked.host]
    every = ["offered", "image_max_mib"] if asked.lift is None else asked.lift
    if asked.offered is not None or "offered" in every:
        host.limit = None if asked.offered is None else room(asked.offered)
    if asked.image_max_mib is not None or "image_max_mib" in (asked.lift or ()):
        host.image_max_mib = asked.image_max_mib
    oracle.shrink_to_offer(host.name)


def drain(oracle: Oracle, command: Command, asked: HostDrain) -> None:
    host = oracle.hosts[asked.host]
    host.draining = asked.enabled
    if host.draining:
        oracle.withdraw_asks(host.name, "capacity_shrunk")


def silent(oracle: Oracle, command: Command, said: HostSilent) -> None:
    host = oracle.hosts[said.host]
    if host.synced:
        host.boot = host.boot_told
    host.state, host.synced, host.announced = "silent", False, False
    host.silent_ms = said.since_ms
    oracle.withdraw_asks(host.name, "host_silent")
    oracle.silence(host.name, said.since_ms)


def silent_faults(oracle: Oracle, command: Command, said: HostSilent) -> list[str]:
    """Silent after 15 s, neither before nor long after."""
    for_ms = oracle.now_ms - said.since_ms
    if SILENT_MS <= for_ms < SILENT_MS + SLACK_MS:
        return []
    return [f"silent after {for_ms} ms, not {SILENT_MS}"]


def back(oracle: Oracle, command: Command, said: HostBack) -> None:
    host = oracle.hosts[said.host]
    host.heard_ms, host.state = oracle.now_ms, "syncing"


def lost(oracle: Oracle, command: Command, said: HostLost) -> None:
    oracle.hosts[said.host].state = "lost"
    oracle.lose(said.host)


def lost_at_ms(oracle: Oracle, host: Host) -> int:
    """When a silent host is given up. An exchange that starts gives it all its time again."""
    return max(host.silent_ms, oracle.started_ms) + oracle.lost_after_ms[host.zone]


def lost_faults(oracle: Oracle, command: Command, said: HostLost) -> list[str]:
    host = oracle.hosts[said.host]
    late_ms = oracle.now_ms - lost_at_ms(oracle, host)
    return [] if 0 <= late_ms < SLACK_MS else [f"given up {late_ms} ms after it should be"]


def synced(oracle: Oracle, command: Command, said: HostSynced) -> None:
    """It tells what it runs. The boot it had before proves that its VMs ran."""
    host = oracle.hosts[command.host]
    oracle.heard_out(host.name, ran=said.boot_id == host.boot)
    runs = [vm.vm_id for vm in said.vms]
    for vm in [vm for vm in oracle.vms.values() if vm.lease.host == host.name]:
        if vm.state == "stopping" and f"v-{vm.number}" not in runs:
            oracle.gone(vm, "stopped")
    host.synced = True
    go_live(oracle, host)
