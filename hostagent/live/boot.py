"""The first program on a booted image: finds the settings, joins the exchange, runs the role.
Shell.

Started again by systemd whenever it ends. What the console shows is written to one file; what
somebody types into the console's form is read from another.
"""

import ipaddress
import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.parse import urlsplit

from exchange import files
from hostagent.live import rootfs, settings, volumes
from hostagent.live.control import TYPED, write_status
from hostagent.live.settings import Found, Settings
from hostagent.live.status import Status, changed, host_of, told, why_not_joined

CMDLINE = Path("/proc/cmdline")
STATE = Path(rootfs.STATE)
KEY = STATE / "host.pem"
SETTINGS_MAX: Final = 64 * 1024
LINE_MAX: Final = 16 * 1024
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2, 30
ENROLL_LIMIT_S: Final = 120
LOOK_S: Final = 1
COMMAND: Final = (sys.executable, "-s", "/usr/bin/headroom")


def main() -> None:
    """Run until the role's program ends; its exit code is ours."""
    kept = volumes.mount_state(STATE)
    notes = () if kept else ("state is in memory: VMs and images are gone after the next boot",)
    status = Status(notes=notes)
    write_status(status)
    told_here, wrong = look()
    status = changed(status, notes=(*wrong, *notes), role=told_here.role)
    while told_here.lacking and not KEY.exists():
        write_status(
            changed(status, state="asking", why=f"not told: {', '.join(told_here.lacking)}")
        )
        time.sleep(LOOK_S)
        told_here, wrong = look()
    name = told_here.name or default_name()
    status = changed(status, name=name, url=told_here.url, role=told_here.role, state="joining")
    write_status(status)
    sys.exit(run_manager(status) if told_here.role == "manager" else run_host(told_here, status))


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


def run_host(told_here: Settings, status: Status) -> int:
    joined = STATE / "joined"
    pause_s = FIRST_PAUSE_S
    while not joined.exists():
        done, said = enroll(told_here, status.name)
        if done:
            joined.write_text(said)
            break
        write_status(changed(status, why=why_not_joined(said)))
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
    return agent(told_here, changed(status, host=host_of(joined.read_text()), why=""))


def enroll(told_here: Settings, name: str) -> tuple[bool, str]:
    asked = ["--url", told_here.url, "--token", told_here.token, "--name", name, "--key", str(KEY)]
    try:
        done = subprocess.run(
            [*COMMAND, "host", "enroll", *asked],
            capture_output=True,
            text=True,
            check=False,
            timeout=ENROLL_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {ENROLL_LIMIT_S} s"
    said = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return done.returncode == 0, said[-1] if said else "no message"


def agent(told_here: Settings, status: Status) -> int:
    """Run the agent and keep the status by its log, which goes on to the system's log."""
    advertise = told_here.advertise or own_address(told_here.url)
    asked = ["--url", told_here.url, "--key", str(KEY), "--advertise", advertise]
    asked += ["--ports", told_here.ports] if told_here.ports else []
    child = subprocess.Popen(
        [*COMMAND, "host", "run", *asked, "--state", str(STATE), "--log-format", "json"],
        stderr=subprocess.PIPE,
    )

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    assert child.stderr is not None
    while line := child.stderr.readline(LINE_MAX):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
        with suppress(ValueError, AttributeError):
            after = told(status, json.loads(line))
            if after != status:
                status = after
                write_status(status)
    code = child.wait()
    write_status(changed(status, state="stopped"))
    return code


def own_address(url: str) -> str:
    """Return the address from which this server reaches the exchange; nothing is sent."""
    target = urlsplit(url).hostname or "127.0.0.1"
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((target, 9))
        return str(ipaddress.ip_address(probe.getsockname()[0]))
    return "127.0.0.1"


def run_manager(status: Status) -> int:
    """Run the Manager with ``manager.toml`` of the settings' volume."""
    config = volumes.settings_folder() / "manager.toml"
    while not config.exists():
        why = "a volume labelled HEADROOM must hold manager.toml and its key"
        write_status(changed(status, state="asking", why=why))
        time.sleep(LOOK_S)
    write_status(changed(status, state="live", why=""))
    return subprocess.call([*COMMAND, "manager", "run", str(config)])


if __name__ == "__main__":
    main()
