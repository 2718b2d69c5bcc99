"""A server of one's own: mounts, processes and a libvirtd that nobody else uses.

The program runs again in namespaces of its own (`enter`): libvirt's folders are empty file systems
there, so that its daemon may be killed, and every process ends with the program.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

LIBVIRT_FOLDERS: Final = ("/run/libvirt", "/var/lib/libvirt", "/var/log/libvirt")
MARK: Final = "HEADROOM_OWN_SERVER"
STATE: Final = Path("/var/tmp")
ANSWERS_S: Final = 30.0


def enter(module: str) -> None:
    """Go on only within the namespaces; as root. A shell is their first process, to reap."""
    if MARK in os.environ:
        return
    spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    shell = ["bash", "-c", '"$@"; exit $?', "bash"]
    again = [sys.executable, "-m", module, *sys.argv[1:]]
    inside = {**os.environ, MARK: "1"}
    sys.exit(subprocess.run([*spaces, *shell, *again], check=False, env=inside).returncode)


def mount(folder: Path, mib: int = 64) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    size = f"size={mib}m,mode=711"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "headroom", str(folder)], check=True)


class Libvirt:
    """virtlogd and a libvirtd that can be killed and started again."""

    def __init__(self, scratch: Path) -> None:
        for folder in LIBVIRT_FOLDERS:
            mount(Path(folder))
        settings = scratch / "etc-libvirt"
        subprocess.run(["cp", "-a", "/etc/libvirt", str(settings)], check=True)
        for definition in (settings / "qemu").glob("*.xml"):
            definition.unlink()
        subprocess.run(["mount", "--bind", str(settings), "/etc/libvirt"], check=True)
        self._log = (scratch / "libvirtd.log").open("ab")
        self._scratch = scratch
        self._logd = self._launched("virtlogd")
        self._daemon = self._launched("libvirtd")

    def kill(self) -> None:
        self._daemon.kill()
        self._daemon.wait()

    def send(self, number: signal.Signals) -> None:
        self._daemon.send_signal(number)

    def start(self) -> None:
        """Start the daemon; whether it answers yet is the agent's affair."""
        if self._daemon.poll() is not None:
            self._daemon = self._launched("libvirtd")

    def await_answer(self) -> None:
        deadline = time.monotonic() + ANSWERS_S
        ask = ["virsh", "--connect", "qemu:///system", "version"]
        while time.monotonic() < deadline:
            if subprocess.run(ask, capture_output=True, check=False, timeout=20).returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError("libvirtd does not answer")

    def domains(self) -> list[str]:
        command = ["virsh", "--connect", "qemu:///system", "list", "--all", "--name"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return shown.stdout.split()

    def networks(self) -> list[str]:
        command = ["virsh", "--connect", "qemu:///system", "net-list", "--all", "--name"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return shown.stdout.split()

    def _launched(self, program: str) -> subprocess.Popen[bytes]:
        command = [program, "--pid-file", str(self._scratch / f"{program}.pid")]
        return subprocess.Popen(command, stdout=self._log, stderr=self._log)


def qemus() -> dict[int, str]:
    """Return the QEMU processes here and which domain each runs."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            names = [word for word in words if word.startswith(b"guest=headroom-")]
            if names and b"qemu-system" in words[0]:
                found[int(folder.name)] = names[0].decode().split(",")[0].removeprefix("guest=")
    return found


def running(program: str) -> int:
    """Return how many processes of a name there are."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            count += path.read_text().strip() == program
        except OSError:
            continue
    return count
