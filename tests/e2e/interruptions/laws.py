"""What holds after every interruption, judged from facts: no I/O here, so that each law can be
shown to find what it is there for."""

from typing import Final

from msgspec import Struct

from exchange.wire.terms import BOND_TO_BUYER

PRICE_UCR: Final = 120_000
LEAST_UCR: Final = PRICE_UCR // 12
"""Five minutes, which every released unit owes."""
ASKED_LATE_UCR: Final = PRICE_UCR * 3 // 3600
"""Billing begins with the purchase; ours ask for the VM within three seconds."""
GUILTY: Final = frozenset(
    {("qemu_killed", "start"), ("disk_full", "start"), ("qemu_killed", "run")}
)
"""(what happened, in which phase) for which the host may pay: its QEMU died, its disk was full."""
LOSES: Final = frozenset({"qemu_killed", "disk_full"})
"""What may cost a VM that was to run."""


class Left(Struct):
    """What is on the server when no VM is wanted: each list is to be empty."""

    domains: list[str]
    qemus: list[str]
    disks: list[str]
    consoles: list[str]
    parts: list[str]
    networks: list[str]
    ports: list[str]
    conversions: int = 0


class Story(Struct):
    """One VM's life as its buyer was told it, and what was done to it."""

    what: str
    phase: str
    vm_states: list[str]
    vm_reason: str | None
    lease_reason: str | None
    charged_ucr: int

    @property
    def ran(self) -> bool:
        return "running" in self.vm_states


def broken(story: Story, left: Left) -> list[str]:
    """Return the laws that do not hold, each with what breaks it."""
    found = [
        f"orphan {kind}: {', '.join(names)}"
        for kind, names in (
            ("domain", left.domains),
            ("process", left.qemus),
            ("disk", left.disks),
            ("console", left.consoles),
            ("part of an image", left.parts),
            ("network", left.networks),
            ("port", left.ports),
        )
        if names
    ]
    if left.conversions:
        found.append(f"orphan conversion: {left.conversions}")
    return found + _of_the_buyer(story)


def _of_the_buyer(story: Story) -> list[str]:
    found = []
    if not {"stopped", "failed"} & set(story.vm_states[-1:]) or story.lease_reason is None:
        found.append(f"has not ended: VM {story.vm_states}, lease {story.lease_reason}")
    if story.what not in LOSES and "failed" in story.vm_states:
        found.append(f"VM lost: {story.vm_reason}")
    if story.lease_reason in BOND_TO_BUYER and (story.what, story.phase) not in GUILTY:
        found.append(f"bond of an innocent: {story.lease_reason}, {story.vm_reason}")
    most = ASKED_LATE_UCR if story.lease_reason in BOND_TO_BUYER and not story.ran else LEAST_UCR
    if story.charged_ucr > most:
        found.append(f"billed {story.charged_ucr} of at most {most}: VM {story.vm_states}")
    return found
