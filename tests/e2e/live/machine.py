"""An emulated server without an operating system, booted from the image in one of three ways."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from tests.e2e.live.png import corner

Way: TypeAlias = Literal["bios", "uefi", "netboot"]
HOST_SEEN_FROM_INSIDE: Final = "10.0.2.2"
ADDRESS_INSIDE: Final = "10.0.2.15"
LOOPBACK: Final = "127.0.0.1"
"""Where this machine's ports are that lead to the server's own address."""
OVMF: Final = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS: Final = "/usr/share/OVMF/OVMF_VARS_4M.fd"
STATE_BYTES: Final = 32 << 30
MAINBOARD: Final = "5b1c6f0e-8a57-4d52-9b5e-2f7f0a6f3c11"
CPU: Final = "max,-erms"
"""Everything that QEMU emulates, but not the byte-wise copying that makes its kernel crawl."""


class Server(Struct, frozen=True):
    """``ports``: TCP ports that lead to the same ports inside."""

    image: Path
    folder: Path
    way: Way = "bios"
    state: Path | None = None
    ports: Sequence[int] = ()
    script_url: str = ""

    @property
    def serial(self) -> Path:
        return self.folder / "serial.log"

    def console(self) -> str:
        """Return all that the serial port has shown since the power came on."""
        return self.serial.read_text(errors="replace") if self.serial.exists() else ""

    @property
    def settings(self) -> Path:
        return self.folder / "settings.img"

    @property
    def monitor(self) -> Path:
        return self.folder / "monitor"


def settings_volume(server: Server, contents: Mapping[str, bytes]) -> None:
    """Make the server's FAT volume labelled HEADROOM with these files."""
    volume = ["-i", str(server.settings)]
    made = [["mformat", *volume, "-C", "-f", "1440", "-v", "HEADROOM", "::"]]
    for name, data in contents.items():
        (server.folder / name).write_bytes(data)
        made.append(["mcopy", *volume, str(server.folder / name), f"::/{name}"])
    for each in made:
        subprocess.run(each, check=True, timeout=60)


def state_disk(path: Path) -> Path:
    """Make a disk labelled headroom-state. It is sparse: what is not written takes no room."""
    with path.open("wb") as file:
        file.truncate(STATE_BYTES)
    made = ["mkfs.ext4", "-q", "-F", "-L", "headroom-state", str(path)]
    subprocess.run(made, check=True, timeout=60)
    return path


def free_ports(count: int) -> list[int]:
    """Return ports in a row that nobody listens on now."""
    for first in range(32_100, 32_900, count):
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in range(first, first + count):
                listener = held.enter_context(socket.socket())
                listener.bind(("127.0.0.1", port))
            return list(range(first, first + count))
    raise AssertionError("no free ports")


def command(server: Server) -> list[str]:
    """Return QEMU's command line."""
    netboot = server.way == "netboot"
    card = "virtio-net-pci,netdev=net" + (",bootindex=0" if netboot else "")
    network = "user,id=net" + (f",bootfile={server.script_url}" if netboot else "")
    network += "".join(f",hostfwd=tcp:{LOOPBACK}:{port}-:{port}" for port in server.ports)
    disks = [f"file={server.settings},format=raw,if=virtio,readonly=on"]
    if server.state:
        disks.append(f"file={server.state},format=raw,if=virtio,cache=unsafe")
    return [
        *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", CPU),
        *("-smp", "2", "-m", "4096", "-uuid", MAINBOARD, "-display", "none", "-no-reboot"),
        *("-serial", f"file:{server.serial}", "-vga", "std"),
        *("-monitor", f"unix:{server.monitor},server,nowait"),
        *("-netdev", network, "-device", card),
        *(word for disk in disks for word in ("-drive", disk)),
        *(() if netboot else ("-boot", "d", "-cdrom", str(server.image / "headroom.iso"))),
        *(_firmware(server.serial) if server.way == "uefi" else ()),
    ]


def _firmware(serial: Path) -> list[str]:
    own = serial.with_suffix(".vars")
    own.write_bytes(Path(OVMF_VARS).read_bytes())
    code = f"if=pflash,format=raw,unit=0,file={OVMF},readonly=on"
    return ["-drive", code, "-drive", f"if=pflash,format=raw,unit=1,file={own}"]


def take_picture(server: Server, target: Path) -> None:
    """Write the upper left corner of the server's screen as a PNG file."""
    fresh = server.folder / "screen.ppm"
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.connect(str(server.monitor))
        monitor.settimeout(30)
        prompts = 0
        for words in (f"screendump {fresh}\n", "info version\n"):
            monitor.sendall(words.encode())
        while prompts < 3 and (said := monitor.recv(65_536)):
            prompts += said.count(b"(qemu) ")
    target.write_bytes(corner(fresh.read_bytes()))


@contextlib.contextmanager
def powered_on(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends, then pull its plug; show its console if it fails."""
    server.serial.unlink(missing_ok=True)
    running = subprocess.Popen(command(server), stdin=subprocess.DEVNULL)
    try:
        yield running
    except BaseException:
        print(server.console()[-4_000:])
        raise
    finally:
        running.kill()
        running.wait(30)
