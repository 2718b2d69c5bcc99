"""How much of the server's memory a VM takes: what its QEMU has in use by now. Shell module.

Read from files: libvirt would ask QEMU, and one that hangs must not keep us from looking.
"""

import os
from pathlib import Path

from exchange.units import MIB
from hostagent.machine.facts import PROC

RUN = Path("/run/libvirt/qemu")
"""Where libvirt writes the process id of each domain's QEMU."""


def held_mib(domain: str, run: Path = RUN, proc: Path = PROC) -> int | None:
    """Return the MiB in use; None when nobody can tell, such as without the rights to read it."""
    try:
        pid = int((run / f"{domain}.pid").read_text("ascii"))
        pages = int((proc / str(pid) / "statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // MIB
