"""The first program on a booted image: finds the settings, then runs the role. Shell.

Started again by systemd whenever it ends. What the console shows is written to one file; what
somebody types into the console's form is read from another.
"""

import time
from pathlib import Path
from typing import Final

from exchange import files
from hostagent.live import roles, rootfs, settings, volumes
from hostagent.live.control import TYPED, write_status
from hostagent.live.settings import Found, Settings
from hostagent.live.status import IN_MEMORY, Status, changed

CMDLINE = Path("/proc/cmdline")
SETTINGS_MAX: Final = 64 * 1024
LOOK_S: Final = 1


def main() -> None:
    """Run until SIGTERM."""
    kept = volumes.mount_state(roles.STATE)
    told_here, wrong = look()
    notes = () if kept else (IN_MEMORY[told_here.role],)
    status = Status(role=told_here.role, notes=(*wrong, *notes))
    write_status(status)
    while told_here.lacking and not roles.KEY.exists():
        write_status(
            changed(status, state="asking", why=f"not told: {', '.join(told_here.lacking)}")
        )
        time.sleep(LOOK_S)
        told_here, wrong = look()
    name = told_here.name or default_name()
    status = changed(status, name=name, url=told_here.url, state="joining")
    write_status(status)
    if told_here.role == "manager":
        roles.run_manager(status)
    roles.run_host(told_here, status)


def look() -> tuple[Settings, tuple[str, ...]]:
    """Return what counts of all places, and a line on each thing that cannot be."""
    places = [
        settings.from_cmdline(CMDLINE.read_text("utf-8", "replace")),
        from_file(TYPED),
        from_file(volumes.settings_folder() / "headroom.toml"),
        from_file(Path("/") / rootfs.BAKED),
    ]
    return settings.merged(*places), tuple(line for place in places for line in place.wrong)


def from_file(path: Path) -> Found:
    if not path.exists():
        return Found({}, [])
    try:
        text = files.read(path, SETTINGS_MAX).decode()
        return settings.from_table(files.toml(text), path.name)
    except (OSError, ValueError) as error:
        return Found({}, [f"{path}: {str(error)[:200]}"])


def default_name() -> str:
    """Return a name from the first network card's address: the same after every boot."""
    cards = sorted(Path("/sys/class/net").glob("e*/address"))
    address = cards[0].read_text().strip().replace(":", "") if cards else "000000"
    return f"live-{address[-6:]}"


if __name__ == "__main__":
    main()
