"""Whose fault a failed qemu-img is: one table, a row for each way to fail."""

import pytest

from exchange.wire.terms import failure_fault
from hostagent.core.blame import Blame, Ended, Verb, blame

FULL = "qemu-img: error while writing at byte 0: No space left on device"
THREADS = "qemu: qemu_thread_create: Resource temporarily unavailable"
MEMORY = "qemu-img: Could not allocate buffer: Cannot allocate memory"
UNREADABLE = "qemu-img: error while reading at byte 65536: Input/output error"
NO_FORMAT = "qemu-img: Could not open '/x/disk': Image is not in qcow2 format"
NAMED = "qemu-img: Could not open '/No space left on device\n': Invalid argument"


@pytest.mark.parametrize(
    ("verb", "ended", "reads", "reason"),
    [
        ("info", Ended(1, NO_FORMAT), True, "image_invalid"),
        ("info", Ended(1, NAMED), True, "image_invalid"),
        ("info", Ended(1, NO_FORMAT), False, "host_disk"),
        ("info", Ended(1, "qemu-img: Could not open '/x': Permission denied"), True, "host_disk"),
        ("info", Ended(1, MEMORY), True, "limit"),
        ("info", Ended(127, "prlimit: failed to execute qemu-img"), True, "host_tools"),
        ("info", Ended(126, "prlimit: failed to execute qemu-img"), True, "host_tools"),
        ("info", Ended(None), True, "limit"),
        ("info", Ended(-9), True, "limit"),
        ("convert", Ended(1, FULL), True, "host_disk"),
        ("convert", Ended(1, FULL.replace("No space left on device", "?")), True, "host_disk"),
        ("convert", Ended(1, "qemu-img: x: Disk quota exceeded"), True, "host_disk"),
        ("convert", Ended(1, THREADS), True, "limit"),
        ("convert", Ended(-6, THREADS), True, "limit"),
        ("convert", Ended(134, THREADS), True, "limit"),
        ("convert", Ended(1, MEMORY), True, "limit"),
        ("convert", Ended(None), True, "limit"),
        ("convert", Ended(-24), True, "limit"),
        ("convert", Ended(1, UNREADABLE), True, "image_invalid"),
        ("convert", Ended(1, UNREADABLE), False, "host_disk"),
        ("convert", Ended(1, "qemu-img: something else"), True, "host_tools"),
        ("convert", Ended(1), True, "host_tools"),
        ("convert", Ended(127), True, "host_tools"),
    ],
)
def test_a_failure_is_charged_to_whom_it_belongs(
    verb: Verb, ended: Ended, reads: bool, reason: Blame
) -> None:
    assert blame(verb, ended, reads) == reason


def test_only_the_image_itself_is_not_its_hosts_fault() -> None:
    faults = {word: failure_fault(word) for word in ("image_invalid", "host_disk", "host_tools")}
    assert faults == {"image_invalid": "image", "host_disk": "host", "host_tools": "host"}
