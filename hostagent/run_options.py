"""Options that `host run` shares with the commands that prepare for it. Shell."""

from pathlib import Path
from typing import Annotated, Final

import typer

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
