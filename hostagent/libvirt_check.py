"""The doctor's look at the system's libvirt, which may be missing, away or hang. Shell module."""

import asyncio
from pathlib import Path
from typing import Final

from hostagent.check import Check
from hostagent.core.ports import HypervisorError
from hostagent.machine.calls import EVERYBODY, Calls, HangsError

SYSTEM_URI: Final = "qemu:///system"
ANSWERS_S: Final = 20.0
NAME: Final = "libvirt"
PACKAGE: Final = (
    "apt-get install libvirt-dev pkg-config gcc python3-dev; pip install 'headroom[host]'; "
    "with Headroom's Debian package: apt-get install python3-libvirt"
)
START: Final = (
    "apt-get install libvirt-daemon-system; systemctl start libvirtd "
    "(without systemd: virtlogd -d; libvirtd -d), and run as root or in group libvirt"
)
RESTART: Final = "systemctl restart libvirtd: VMs run on meanwhile"


def libvirt(uri: str = SYSTEM_URI, answers_s: float = ANSWERS_S) -> Check:
    """Open it as the agent would."""
    try:
        from hostagent.machine.libvirt_hypervisor import LibvirtHypervisor
    except ModuleNotFoundError:
        return Check(NAME, False, True, "the Python package is not installed", PACKAGE)

    def look() -> int:
        hypervisor = LibvirtHypervisor(uri, "qemu", Path("/nonexistent"), lambda: 0)
        count = len(hypervisor.observe())
        hypervisor.close()
        return count

    try:
        count = asyncio.run(Calls({"observe": answers_s}).call("observe", EVERYBODY, look))
    except HangsError:
        found = f"libvirtd hangs: no answer within {answers_s:g} s"
        return Check(NAME, False, True, found, RESTART)
    except HypervisorError as error:
        return Check(NAME, False, True, str(error), START)
    return Check(NAME, True, True, f"{uri} answers; {count} of our VMs here")
