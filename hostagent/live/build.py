"""Build the bootable image out of Debian's packages, the locked wheels and this source. Shell.

Everything is made in a folder beside the results and moved there in the end: a build that fails
leaves its log only. Equal packages, source and settings give equal bytes.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from exchange import files
from hostagent.live import commands, menu, packages, rootfs
from hostagent.live.runner import BuildError, Runner

SOURCE = Path(__file__).parents[2]
SOURCE_PARTS = ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "headroom.py")
SOURCE_PACKAGES = ("exchange", "hostagent", "manager", "sim", "tui")
LOCK = SOURCE / "requirements" / "run.txt"
APT = Path("/etc/apt")
SOURCES = (APT / "sources.list.d" / "debian.sources", APT / "sources.list")
"""Where Debian says where its packages come from; other files may name other makers' packages."""
APT_LIMIT_S: Final = 60

EPOCH_ENV: Final = "SOURCE_DATE_EPOCH"
EPOCH: Final = 1_767_225_600
"""The time of every file, 2026-01-01, where the environment names no other."""

KERNEL, INITRD, SQUASHFS = "vmlinuz", "initrd.img", "filesystem.squashfs"
ISO, SCRIPT, LIST, SUMS = "headroom.iso", "boot.ipxe", "packages.txt", "SHA256SUMS"
RESULTS: Final = (ISO, KERNEL, INITRD, SQUASHFS, SCRIPT, LIST, SUMS)
LOG: Final = "build.log"
CACHE: Final = "cache"


class Recipe(Struct, frozen=True):
    """What is asked for. ``baked``: settings that the image starts with.

    ``cache``: where downloads are kept for the next build; None: beside the image.
    """

    baked: Mapping[str, str]
    ssh_key: str = ""
    keep_root: bool = False
    cache: Path | None = None
    quiet: bool = False


def build_live(target: Path, recipe: Recipe) -> list[Path]:
    """Write the image and its parts into ``target`` and return their paths.

    Raises `BuildError`. Results of an earlier build are replaced when all new ones are there.
    """
    _check()
    try:
        with (
            files.folder(recipe.cache or target),
            files.folder(target),
            _scratch(target) as scratch,
        ):
            log = target / LOG
            log.unlink(missing_ok=True)
            epoch = _epoch()
            runner = Runner(log, {EPOCH_ENV: str(epoch), "LC_ALL": "C"}, recipe.quiet)
            cache = recipe.cache or target / CACHE
            _make(scratch, cache.absolute(), recipe, runner, epoch)
            return _deliver(scratch, target, recipe.keep_root)
    except OSError as error:
        where = error.filename or target
        raise BuildError(f"build-live: {where}: {files.why(error)}") from error


def _check() -> None:
    if os.geteuid() != 0:
        raise BuildError("build-live: needs root, to install Debian into a folder")
    if not LOCK.exists():
        raise BuildError("build-live: needs Headroom's source: run it from a checkout")
    tools = [tool for tool in packages.TOOLS if shutil.which(tool)]
    folders = [folder for folder in packages.GRUB_FOLDERS if Path(folder).is_dir()]
    if lacking := packages.missing(tools, folders):
        raise BuildError(f"build-live: missing; run: apt-get install {' '.join(lacking)}")


def _epoch() -> int:
    told = os.environ.get(EPOCH_ENV, str(EPOCH))
    if not (told.isdecimal() and len(told) <= 10):
        raise BuildError(f"build-live: {EPOCH_ENV} {told[:40]!r}: not seconds since 1970")
    return int(told)


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".build-", dir=target))
    folder.chmod(0o755)  # apt drops its rights for downloads and must get through
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(scratch: Path, cache: Path, recipe: Recipe, runner: Runner, epoch: int) -> None:
    root, made = scratch / "root", scratch / "made"
    made.mkdir()
    wheels = _wheels(scratch, cache, runner)
    runner.end_step()
    debs = cache / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    apt_conf, ssh = scratch / "apt.conf", bool(recipe.ssh_key)
    apt_conf.write_text(commands.reach(_apt_says()))
    sources = [str(path) for path in SOURCES if path.exists() and path.read_text().strip()]
    runner.run(commands.mmdebstrap(str(root), str(debs), str(apt_conf), sources, ssh))
    runner.end_step()
    _install(root, wheels, recipe, runner)
    runner.end_step()
    _take_out(root, made)
    runner.run(commands.squash(str(root), str(made / SQUASHFS), epoch))
    runner.end_step()
    (made / SCRIPT).write_text(menu.ipxe_script())
    _iso(scratch, made, runner, epoch)
    runner.end_step()


def _apt_says() -> str:
    done = subprocess.run(
        commands.APT_SAYS, check=False, capture_output=True, text=True, timeout=APT_LIMIT_S
    )
    return done.stdout


def _wheels(scratch: Path, cache: Path, runner: Runner) -> list[str]:
    """Return the folders of the locked wheels and of our own; pip checks the hashes."""
    locked = cache / "wheels" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    if not locked.exists():
        fresh = scratch / "wheels"
        runner.run(commands.wheels(sys.executable, str(LOCK), str(fresh)))
        locked.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(fresh, locked, dirs_exist_ok=True)
    source, own = scratch / "source", scratch / "own"
    _copy_source(source)
    runner.run(commands.own_wheel(sys.executable, str(source), str(own)))
    return [str(locked), str(own)]


def _copy_source(target: Path) -> None:
    target.mkdir()
    left_out = shutil.ignore_patterns("__pycache__", "*.so")
    for name in SOURCE_PARTS:
        shutil.copy2(SOURCE / name, target / name)
    for name in SOURCE_PACKAGES:
        shutil.copytree(SOURCE / name, target / name, ignore=left_out)


def _install(root: Path, wheels: list[str], recipe: Recipe, runner: Runner) -> None:
    library = root / rootfs.LIBRARY
    for what in (commands.locked(str(LOCK)), ["headroom"]):
        runner.run(commands.install(sys.executable, str(library), wheels, what))
    shutil.rmtree(library / "bin", ignore_errors=True)
    for pattern in rootfs.REMOVED:
        for path in sorted(root.glob(pattern)):
            _remove(path)
    for name, file in rootfs.files(recipe.baked, recipe.ssh_key).items():
        _write(root / name, file)
    for name, told in rootfs.links().items():
        _remove(root / name)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(told)
    runner.run(commands.compiled(str(root), rootfs.LIBRARY))


def _write(path: Path, file: rootfs.ImageFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(path)
    path.write_text(file.text)
    path.chmod(file.mode)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _take_out(root: Path, made: Path) -> None:
    """Copy kernel, initrd and the list of packages to where the boot loaders find them."""
    for pattern, name in (("vmlinuz-*", KERNEL), ("initrd.img-*", INITRD)):
        found = sorted((root / "boot").glob(pattern))
        if len(found) != 1:
            raise BuildError(f"build-live: expected one boot/{pattern}, found {len(found)}")
        shutil.copyfile(found[0], made / name)
    os.replace(root / LIST, made / LIST)


def _iso(scratch: Path, made: Path, runner: Runner, epoch: int) -> None:
    tree = scratch / "iso"
    (tree / "live").mkdir(parents=True)
    (tree / "boot/grub").mkdir(parents=True)
    for name in (KERNEL, INITRD, SQUASHFS):
        os.link(made / name, tree / "live" / name)
    (tree / menu.MARKER.lstrip("/")).write_text("Headroom\n")
    (tree / "boot/grub/grub.cfg").write_text(menu.grub_cfg())
    early = scratch / "early.cfg"
    early.write_text(menu.EARLY)
    bios, efi, part = tree / "boot/grub/bios.img", scratch / "bootx64.efi", scratch / "efi.img"
    runner.run(commands.grub_image("i386-pc-eltorito", str(early), str(bios)))
    runner.run(commands.grub_image("x86_64-efi", str(early), str(efi)))
    for command in commands.efi_partition(str(part), str(efi)):
        runner.run(command)
    runner.run(commands.iso(str(tree), str(part), str(made / ISO), epoch))


def _deliver(scratch: Path, target: Path, keep_root: bool) -> list[Path]:
    made = scratch / "made"
    names = [name for name in RESULTS if name != SUMS]
    sums = [f"{_sha256(made / name)}  {name}\n" for name in names]
    (made / SUMS).write_text("".join(sums))
    for name in RESULTS:
        os.replace(made / name, target / name)
    if keep_root:
        _remove(target / "root")
        os.replace(scratch / "root", target / "root")
    (target / LOG).unlink()
    return [target / name for name in RESULTS]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
