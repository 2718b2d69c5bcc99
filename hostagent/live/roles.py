"""What a booted server does for its role: join and run the agent, or run the Manager. Shell.

The role's program is started again whenever it ends; its log goes on to the system's log, and what
the log says is shown on the console.
"""

import ipaddress
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn
from urllib.parse import urlsplit

from hostagent.live import rootfs, volumes
from hostagent.live.control import FOLDER, write_status
from hostagent.live.settings import Settings
from hostagent.live.status import Status, changed, host_of, said_plainly, told, why_not_joined

STATE = Path(rootfs.STATE)
KEY = STATE / "host.pem"
LINE_MAX: Final = 16 * 1024
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2, 30
AGAIN_S: Final = 5
ENROLL_LIMIT_S: Final = 120
BALANCER_LIMIT_S: Final = 60
LOOK_S: Final = 1
COMMAND: Final = (sys.executable, "-s", "/usr/bin/headroom")


def run_host(told_here: Settings, status: Status) -> NoReturn:
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
    advertise = told_here.advertise or own_address(told_here.url)
    asked = ["--url", told_here.url, "--key", str(KEY), "--advertise", advertise]
    asked += ["--ports", told_here.ports] if told_here.ports else []
    asked += ["--state", str(STATE), "--log-format", "json"]
    status = changed(status, host=host_of(joined.read_text()), why="")
    attend(["host", "run", *asked], status)


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


def run_manager(status: Status) -> NoReturn:
    """Run HAProxy and the Manager with what the settings' volume holds."""
    config = volumes.settings_folder() / "manager.toml"
    while not config.exists():
        why = "a volume labelled HEADROOM must hold manager.toml and the key that it names"
        write_status(changed(status, state="no_config", why=why))
        time.sleep(LOOK_S)
        volumes.settings_folder()
    status = changed(status, state="joining", balancer=start_balancer(config.parent))
    write_status(status)
    attend(["manager", "run", str(config), "--log-format", "json"], status)


def start_balancer(folder: Path) -> str:
    """Start HAProxy with ``haproxy.cfg`` of the volume, else with the image's; return how it is."""
    own = folder / "haproxy.cfg"
    used = FOLDER / "haproxy.cfg"
    shutil.copyfile(own if own.exists() else Path("/") / rootfs.HAPROXY, used)
    command = ["systemctl", "restart", "headroom-balancer.service"]
    with suppress(subprocess.TimeoutExpired):
        if subprocess.run(command, check=False, timeout=BALANCER_LIMIT_S).returncode == 0:
            return f"HAProxy is ready at {rootfs.HAPROXY_SOCKET}"
    return f"HAProxy does not start with {own if own.exists() else rootfs.HAPROXY}"


def attend(words: list[str], status: Status) -> NoReturn:
    """Run the role's program for ever, until SIGTERM; keep the status by what it logs."""
    running: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, frame: FrameType | None) -> NoReturn:
        for child in running:
            child.send_signal(number)
            child.wait()
        sys.exit(0)

    signal.signal(signal.SIGTERM, pass_on)
    while True:
        child = subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE)
        running[:] = [child]
        status = follow(child, status)
        child.wait()
        status = changed(status, state="stopped", vms={})
        write_status(status)
        time.sleep(AGAIN_S)


def follow(child: subprocess.Popen[bytes], status: Status) -> Status:
    """Pass the child's log on until it ends; return the status after its last line."""
    assert child.stderr is not None
    while line := child.stderr.readline(LINE_MAX):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
        try:
            after = told(status, json.loads(line))
        except (ValueError, AttributeError):
            after = said_plainly(status, line.decode("utf-8", "replace"))
        if after != status:
            status = after
            write_status(status)
    return status


def own_address(url: str) -> str:
    """Return the address from which this server reaches the first exchange; nothing is sent."""
    target = urlsplit(url.split(",", maxsplit=1)[0]).hostname or "127.0.0.1"
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((target, 9))
        return str(ipaddress.ip_address(probe.getsockname()[0]))
    return "127.0.0.1"
