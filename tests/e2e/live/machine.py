"""An emulated server without an operating system, booted from the image in one of three ways."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

Way: TypeAlias = Literal["bios", "uefi", "netboot"]
HOST_SEEN_FROM_INSIDE: Final = "10.0.2.2"
OVMF: Final = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS: Final = "/usr/share/OVMF/OVMF_VARS_4M.fd"
STATE_BYTES: Final = 32 << 30
MAINBOARD: Final = "5b1c6f0e-8a57-4d52-9b5e-2f7f0a6f3c11"


def settings_volume(path: Path, text: str) -> Path:
    """Make a FAT volume labelled HEADROOM that holds ``headroom.toml``."""
    told = path.with_suffix(".toml")
    told.write_text(text)
    for command in (
        ["mformat", "-i", str(path), "-C", "-f", "1440", "-v", "HEADROOM", "::"],
        ["mcopy", "-i", str(path), str(told), "::/headroom.toml"],
    ):
        subprocess.run(command, check=True, timeout=60)
    return path


def state_disk(path: Path) -> Path:
    """Make a disk labelled headroom-state. It is sparse: what is not written takes no room."""
    with path.open("wb") as file:
        file.truncate(STATE_BYTES)
    made = ["mkfs.ext4", "-q", "-F", "-L", "headroom-state", str(path)]
    subprocess.run(made, check=True, timeout=60)
    return path


class Disks(NamedTuple):
    settings: Path
    state: Path


def command(way: Way, image: Path, disks: Disks, serial: Path, script_url: str) -> list[str]:
    """Return QEMU's command line; ``script_url``: where a network boot begins."""
    card = "virtio-net-pci,netdev=net" + (",bootindex=0" if way == "netboot" else "")
    network = "user,id=net" + (f",bootfile={script_url}" if way == "netboot" else "")
    return [
        *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"),
        *("-smp", "2", "-m", "4096", "-uuid", MAINBOARD, "-display", "none", "-no-reboot"),
        *("-serial", f"file:{serial}", "-monitor", "none"),
        *("-netdev", network, "-device", card),
        *("-drive", f"file={disks.settings},format=raw,if=virtio,readonly=on"),
        *("-drive", f"file={disks.state},format=raw,if=virtio,cache=unsafe"),
        *(("-boot", "d", "-cdrom", str(image / "headroom.iso")) if way != "netboot" else ()),
        *(_firmware(serial) if way == "uefi" else ()),
    ]


def _firmware(serial: Path) -> list[str]:
    own = serial.with_suffix(".vars")
    own.write_bytes(Path(OVMF_VARS).read_bytes())
    code = f"if=pflash,format=raw,unit=0,file={OVMF},readonly=on"
    return ["-drive", code, "-drive", f"if=pflash,format=raw,unit=1,file={own}"]


@contextlib.contextmanager
def powered_on(arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends, then pull its plug."""
    server = subprocess.Popen(arguments, stdin=subprocess.DEVNULL)
    try:
        yield server
    finally:
        server.kill()
        server.wait(30)
