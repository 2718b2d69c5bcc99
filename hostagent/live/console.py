"""Shows the status on a booted image's terminal, or a form when there are no settings. Shell."""

import os
import select
import sys
from pathlib import Path
from typing import Final

from hostagent.live import rootfs, settings
from hostagent.live.control import read_status, write_typed
from hostagent.live.status import screen

LOADAVG = Path("/proc/loadavg")
REFRESH_S: Final = 2
EVERY: Final = 15
"""A screen that has not changed is drawn again after so many looks."""
CLEAR: Final = "\x1b[2J\x1b[H"
ASKED: Final = ("url", "token")


def main() -> None:
    """Show the status for ever; Enter opens the form while something is lacking."""
    shown, looks = "", 0
    while True:
        status = read_status()
        text = screen(status, _load())
        if status.state == "asking" and status.role == "host":
            text += (
                "\n  Press Enter to type the exchange's URL and a token, or press e in the boot\n"
            )
            text += "  menu and add  headroom.url=wss://... headroom.token=...\n"
        if text != shown or looks % EVERY == 0:
            sys.stdout.write(CLEAR + text.replace("\n", "\r\n"))
            sys.stdout.flush()
        shown, looks = text, looks + 1
        if select.select([sys.stdin], [], [], REFRESH_S)[0]:
            if not os.read(sys.stdin.fileno(), 1024):
                return
            if status.state == "asking" and status.role == "host":
                _form()
                looks = 0


def _form() -> None:
    """Ask for what is lacking, say what cannot be, and write it where the service looks."""
    values = {key: input(f"  {key}: ").strip()[: settings.VALUE_MAX] for key in ASKED}
    found = settings.checked(values, "")
    if found.wrong or set(found.values) != set(ASKED):
        lines = found.wrong or ["both are needed"]
        input("\n".join(f"  {line}" for line in lines) + "\n  Press Enter")
        return
    write_typed(rootfs.baked_toml(found.values))


def _load() -> str:
    one, five, fifteen, *_ = LOADAVG.read_text().split()
    return f"{one} {five} {fifteen} of {os.cpu_count()} CPUs"


if __name__ == "__main__":
    main()
