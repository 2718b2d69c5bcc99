"""A QEMU that hangs (SIGSTOP) while its guest boots: its own VM's trouble and nobody else's."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from hostagent.core.ports import DestroyDomain, DomainGone, Result, WatchGuest
from hostagent.machine.machine import Machine
from tests.e2e.test_real_vm import BOOT_CODE, fetched, machine, opened, spec
from tests.e2e.wait import eventually

PROMPT_S = 25.0
"""Stop one, start and stop another; with a connection shared with the call that hangs: 33 s."""
HANGING, OTHER, LATER = "t-hangs", "t-other", "t-later"


def disk(folder: Path) -> Path:
    """A boot sector that does nothing and never ends."""
    path = folder / "disk.raw"
    path.write_bytes(BOOT_CODE.ljust(510, b"\0") + b"\x55\xaa" + bytes(1024 * 1024 - 512))
    return path


def qemu_of(vm_id: str) -> int:
    """Return the process that runs a domain."""
    command = ["pgrep", "-f", f"guest=headroom-{re.escape(vm_id)},"]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10)
    return int(found.stdout.split()[0])


async def cut(here: Machine) -> Result | None:
    """Stop it; as the core does, again and again until it is gone."""
    return await here.carry_out(DestroyDomain(HANGING))


def test_a_hanging_qemu_delays_no_other_vm_and_can_be_stopped(tmp_path: Path, state: Path) -> None:
    image = disk(tmp_path)

    async def story() -> None:
        async with opened(machine(state, image, "raw"), HANGING) as here:
            await fetched(here, spec(HANGING, image, (80,)))
            await fetched(here, spec(OTHER, image))
            qemu = await asyncio.to_thread(qemu_of, HANGING)
            os.kill(qemu, signal.SIGSTOP)
            watching = asyncio.create_task(here.carry_out(WatchGuest(HANGING)))
            try:
                # Long enough for a call to hang in QEMU's monitor.
                await asyncio.wait([watching], timeout=2)
                begun = time.monotonic()
                gone = await here.carry_out(DestroyDomain(OTHER))
                assert isinstance(gone, DomainGone)
                await fetched(here, spec(LATER, image))
                assert isinstance(await here.carry_out(DestroyDomain(LATER)), DomainGone)
                assert time.monotonic() - begun < PROMPT_S
                await eventually(lambda: cut(here), 120, "the hanging VM is gone")
                with contextlib.suppress(ProcessLookupError):
                    os.kill(qemu, 0)
                    raise AssertionError("QEMU is still there")
            finally:
                watching.cancel()
                with contextlib.suppress(ProcessLookupError):
                    os.kill(qemu, signal.SIGCONT)
                for vm_id in (OTHER, LATER):
                    await here.carry_out(DestroyDomain(vm_id))

    asyncio.run(story())
