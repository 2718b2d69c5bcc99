"""An ordinary cloud image: Debian with cloud-init on a bootable disk, by Debian's own tools.

Nothing is mounted and no loop device is used, so that it works in a container: mke2fs fills the
file system from a folder, and GRUB stands between the partition table and the partition, which is
where its first sector looks for it.
"""

import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Final

PACKAGES: Final = ("linux-image-cloud-amd64", "systemd-sysv", "udev", "cloud-init", "netbase")
LEAVE_OUT: Final = ("man", "doc", "locale")
NOT_WANTED: Final = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer")
GRUB: Final = Path("/usr/lib/grub/i386-pc/boot.img")
GRUB_MODULES: Final = ("biosdisk", "part_msdos", "ext2", "linux", "boot", "minicmd")
BUILD_S: Final = 600
SECTOR: Final = 512
FIRST_SECTOR: Final = 2048
DISK_MIB: Final = 900
CACHE: Final = Path(tempfile.gettempdir()) / "headroom-cloud-disk"


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)
    assert done.returncode == 0, (command, done.stderr[-2000:])
    return done.stdout


def cloud_disk() -> Path:
    """Return the image, a qcow2; it is built once for each state of Debian's packages."""
    made = CACHE / f"{_packages_as_of()}.qcow2"
    if not made.exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        CACHE.mkdir(mode=0o700)
        with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
            _build(Path(scratch), made.with_suffix(".part"))
        made.with_suffix(".part").rename(made)
    return made


def _packages_as_of() -> str:
    """Return the version of the kernel and of cloud-init that apt knows now."""
    told = run("apt-cache", "show", "--no-all-versions", "linux-image-cloud-amd64", "cloud-init")
    versions = [line.split()[1] for line in told.splitlines() if line.startswith("Version:")]
    return "-".join(versions).replace("/", "_")


def _build(scratch: Path, target: Path) -> None:
    root, disk = scratch / "root", scratch / "disk.raw"
    without = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEAVE_OUT]
    options = (
        "--quiet",
        "--variant=minbase",
        "--format=directory",
        f"--include={','.join(PACKAGES)}",
    )
    lean = "--aptopt=Apt::Install-Recommends false"
    run("mmdebstrap", *options, *without, lean, "bookworm", str(root))
    (root / "etc/fstab").write_text("/dev/vda1 / ext4 defaults 0 1\n")
    (root / "etc/machine-id").write_text("")
    run("chroot", str(root), "systemctl", "--quiet", "enable", "systemd-networkd")
    run("chroot", str(root), "systemctl", "--quiet", "mask", *NOT_WANTED)
    _write_disk(root, scratch, disk)
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(disk), str(target))


def _write_disk(root: Path, scratch: Path, disk: Path) -> None:
    """Write partition table, GRUB and one file system made from ``root``."""
    partition, core = scratch / "part.ext4", scratch / "core.img"
    with partition.open("wb") as file:
        file.truncate(DISK_MIB << 20)
    # Features that this GRUB cannot read.
    features = "^metadata_csum_seed,^orphan_file"
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-d", str(root), str(partition))
    _make_grub(root, scratch, core)
    with disk.open("wb") as file:
        file.write(_first_sector() + core.read_bytes())
        assert file.tell() <= FIRST_SECTOR * SECTOR
    place = (f"of={disk}", "bs=1M", "seek=1", "conv=sparse,notrunc", "status=none")
    run("dd", f"if={partition}", *place)
    with disk.open("r+b") as file:
        file.truncate((DISK_MIB + 1) << 20)


def _make_grub(root: Path, scratch: Path, core: Path) -> None:
    (kernel,), (initrd,) = ([*root.glob(f"boot/{name}-*")] for name in ("vmlinuz", "initrd.img"))
    lines = (
        f"linux (hd0,msdos1)/boot/{kernel.name} root=/dev/vda1 ro console=ttyS0 no_timer_check",
        f"initrd (hd0,msdos1)/boot/{initrd.name}",
        "boot\n",
    )
    (scratch / "grub.cfg").write_text("\n".join(lines))
    made = ("-O", "i386-pc", "-p", "/", "-c", str(scratch / "grub.cfg"), "-o", str(core))
    run("grub-mkimage", *made, *GRUB_MODULES)


def _first_sector() -> bytes:
    """Return GRUB's boot code with a table of one partition."""
    entry = struct.pack(
        "<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", FIRST_SECTOR, DISK_MIB * 2048
    )
    return GRUB.read_bytes()[:446] + entry.ljust(64, b"\0") + b"\x55\xaa"
