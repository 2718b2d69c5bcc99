"""Maps each of libvirt's domain states and reasons to our own states. Pure.

The numbers are libvirt's (virDomainState and its reasons), which never change. What is not in the
table, because a later libvirt has it, is `held`: neither running nor gone by default.
"""

from typing import Final

from hostagent.core.ports import DomainState

NOSTATE, RUNNING, BLOCKED, PAUSED, SHUTDOWN, SHUTOFF, CRASHED, PMSUSPENDED = range(8)

ALWAYS: Final[dict[int, DomainState]] = {
    RUNNING: "running",
    BLOCKED: "running",
    SHUTDOWN: "running",  # on its way down: the next look shows where it ends
    PMSUSPENDED: "running",  # the guest sleeps by its own wish
    CRASHED: "crashed",
}

BY_REASON: Final[dict[int, dict[int, DomainState]]] = {
    PAUSED: {
        0: "held",
        1: "held",  # somebody's `virsh suspend`
        2: "held",  # somebody migrates it
        3: "held",  # somebody saves it
        4: "held",  # somebody dumps it
        5: "io_error",
        6: "crashed",  # its watchdog
        7: "held",
        8: "running",  # goes down
        9: "held",  # somebody takes a snapshot
        10: "crashed",  # the guest's kernel
        11: "running",  # comes up
        12: "held",
        13: "crashed",
    },
    SHUTOFF: {
        0: "crashed",
        1: "stopped",  # the guest powered off
        2: "taken",  # somebody's `virsh destroy`
        3: "crashed",
        4: "taken",  # somebody migrated it away
        5: "taken",  # somebody saved it: its memory is in a file
        6: "crashed",
        7: "taken",
        8: "crashed",
    },
}


def meaning(state: int, reason: int) -> DomainState:
    """Return what a domain in ``state`` for ``reason`` is to us."""
    if state in ALWAYS:
        return ALWAYS[state]
    return BY_REASON.get(state, {}).get(reason, "held")
