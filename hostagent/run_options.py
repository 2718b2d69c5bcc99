"""Options that `host run` shares with the commands that prepare for it. Shell."""

from pathlib import Path
from typing import Annotated, Final

import typer

from exchange.wire.terms import DEFAULT_CLASSES
from hostagent import options
from hostagent.setup import Settings

STATE: Final = Path("/var/lib/headroom")

Advertise = Annotated[
    str, typer.Option("--advertise", help="The address at which renters reach this server.")
]
Ports = Annotated[str, typer.Option("--ports", help="LO-HI: the TCP ports to forward to guests.")]
Classes = Annotated[
    str | None,
    typer.Option("--classes", help="NAME=MVCPU/MEM/DISK,... where the usual four are not."),
]
State = Annotated[Path, typer.Option("--state", help="Where images, disks and consoles are kept.")]


def settled(
    *,
    hypervisor: str,
    mvcpu: int | None,
    mem_mib: int | None,
    disk_mib: int | None,
    advertise: str,
    ports: str,
    classes: str | None,
    disk_mib_s: int,
    net_mib_s: int,
    outbound: str,
    proxy: str | None,
    tag: list[str] | None,
    state: Path,
) -> Settings:
    """Return what the options of `host run` mean together; raises `OptionError`."""
    low, high = options.port_range(ports)
    return Settings(
        options.hypervisor(hypervisor),
        options.override(mvcpu, mem_mib, disk_mib),
        options.address(advertise),
        low,
        high,
        state,
        DEFAULT_CLASSES if classes is None else options.classes(classes),
        options.policy(options.rates(disk_mib_s, net_mib_s), outbound, proxy, state),
        options.tags(tag or []),
    )
