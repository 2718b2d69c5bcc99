"""The command lines of the build's tools, for a folder and a build time. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from hostagent.live import menu, packages

LEFT_OUT: Final = ("man", "doc", "info", "locale")
PLATFORMS: Final = (
    *("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux2014_x86_64"),
    *("manylinux_2_17_x86_64", "manylinux_2_5_x86_64", "manylinux1_x86_64", "any"),
)
"""What a wheel may ask of Debian 12."""
WHEELS_FOR: Final = (
    *("--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp"),
    *("--abi", "cp311", "--abi", "abi3", "--abi", "none"),
    *(word for each in PLATFORMS for word in ("--platform", each)),
)
LISTED: Final = """chroot "$1" dpkg-query -W -f '${Package}=${Version}\\n' > "$1/packages.txt\""""
VOLUME_ID: Final = "48454144"
"""The serial number of the EFI partition's FAT; a random one would differ in every build."""


def mmdebstrap(
    root: str, cache: str, apt_conf: str, sources: Sequence[str], ssh: bool
) -> list[str]:
    """Return what installs Debian into the folder ``root``.

    ``cache``: a folder that keeps downloaded packages; ``apt_conf``: a file with how to reach the
    ``sources``, which are files that say where from, none: the tool's own choice.
    """
    archives = "/var/cache/apt/archives"
    options = [
        f"--aptopt={apt_conf}",
        "--aptopt=Apt::Install-Recommends false",
        "--aptopt=Acquire::Languages none",
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT),
        "--skip=download/empty,essential/unlink",
        f'--setup-hook=mkdir -p "$1{archives}"',
        f"--setup-hook=sync-in {cache} {archives}",
        f"--customize-hook={LISTED}",
        '--customize-hook=chroot "$1" apt-get -q autoclean',
        f"--customize-hook=sync-out {archives} {cache}",
        f"--include={','.join(packages.in_image(ssh))}",
    ]
    # Mounts of its own: whatever ends the build, none is left behind.
    return [
        *("unshare", "--mount", "--propagation", "private"),
        *("mmdebstrap", "--variant=minbase", "--mode=root", "--format=directory"),
        *options,
        *(packages.SUITE, root, *sources),
    ]


APT_SAYS: Final = ("apt-config", "dump", "Acquire")
_REACH: Final = re.compile(r"Acquire::(https?|Check|Retries|Force|ftp)\S* \".*\";")


def reach(dump: str) -> str:
    """Return the lines of `APT_SAYS` on how mirrors are reached: proxies, retries, checks."""
    lines = [line for line in dump.splitlines() if _REACH.match(line)]
    return "".join(f"{line}\n" for line in lines)


def pip(python: str) -> list[str]:
    return [python, "-m", "pip", "--disable-pip-version-check", "--no-input"]


def wheels(python: str, lock: str, folder: str) -> list[str]:
    """Return what fetches the locked wheels; pip refuses whatever has another hash."""
    download = ["download", "--require-hashes", "--no-deps", *WHEELS_FOR, "--dest", folder]
    return [*pip(python), *download, "--requirement", lock]


def own_wheel(python: str, source: str, folder: str) -> list[str]:
    made = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    return [*pip(python), *made, source]


def install(python: str, target: str, folders: Sequence[str], what: Sequence[str]) -> list[str]:
    """Return what installs wheels out of ``folders`` and from nowhere else."""
    asked = ["install", "--no-index", "--no-deps", "--no-compile", "--ignore-installed"]
    links = [word for folder in folders for word in ("--find-links", folder)]
    return [*pip(python), *asked, *WHEELS_FOR, *links, "--target", target, *what]


def locked(lock: str) -> list[str]:
    """Return the words that ask `install` for what the lock names, with its hashes."""
    return ["--require-hashes", "--requirement", lock]


def compiled(root: str, folder: str) -> list[str]:
    """Return what compiles the Python files once: a booted image cannot keep what it compiles."""
    asked = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    return ["chroot", root, "/usr/bin/python3", *asked, f"/{folder}"]


def squash(root: str, image: str, epoch: int) -> list[str]:
    times = ["-mkfs-time", str(epoch), "-all-time", str(epoch)]
    packed = [
        "-comp",
        "zstd",
        "-Xcompression-level",
        "9",
        "-b",
        "256K",
        "-noappend",
        "-no-progress",
    ]
    # The tool takes times from its options or from the environment, never from both.
    tool = ["env", "-u", "SOURCE_DATE_EPOCH", "mksquashfs"]
    return [*tool, root, image, *packed, *times, "-wildcards", "-e", "boot/*", "packages.txt"]


def grub_image(kind: str, early: str, output: str) -> list[str]:
    """Return what makes GRUB's core: ``kind`` is ``i386-pc-eltorito`` or ``x86_64-efi``."""
    modules = menu.EFI_MODULES if kind == "x86_64-efi" else menu.BIOS_MODULES
    asked = ["--format", kind, "--prefix", "/boot/grub", "--config", early, "--output", output]
    return ["grub-mkimage", *asked, *modules]


def efi_partition(image: str, grub: str) -> list[list[str]]:
    """Return what makes a FAT image with GRUB where every UEFI firmware looks for it."""
    return [
        ["mformat", "-i", image, "-C", "-f", "2880", "-N", VOLUME_ID, "::"],
        ["mmd", "-i", image, "::/EFI", "::/EFI/BOOT"],
        ["mcopy", "-i", image, grub, "::/EFI/BOOT/BOOTX64.EFI"],
    ]


def iso(tree: str, efi: str, image: str, epoch: int) -> list[str]:
    """Return what makes the hybrid ISO of a tree; every time in it is ``epoch``."""
    return [
        *("xorriso", "-as", "mkisofs", "-iso-level", "3", "-rational-rock", "-V", menu.LABEL),
        *("-b", "boot/grub/bios.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"),
        *("--grub2-boot-info", "--grub2-mbr", "/usr/lib/grub/i386-pc/boot_hybrid.img"),
        *("-append_partition", "2", "0xef", efi, "-appended_part_as_gpt"),
        *("-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"),
        *("--set_all_file_dates", f"={epoch}", "-o", image, tree),
    ]
