"""Build the demo guest: Debian's cloud kernel and an initramfs around a static busybox.

Shell module. Everything is taken from the distribution's own signed packages by ``apt-get
download`` and unpacked by ``dpkg-deb`` inside the target directory: nothing is installed, nothing
is left elsewhere, and equal packages give equal bytes.
"""

import gzip
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from exchange import files
from hostagent.guest import guest_files

KERNEL_META = "linux-image-cloud-amd64"
BUSYBOX = "busybox-static"
DOWNLOAD_TIMEOUT_S = 300
UNPACK_TIMEOUT_S = 120


class BuildError(Exception):
    """The guest cannot be built here. ``str(error)`` is one line that says how to fix it."""


def build_guest(target: Path) -> tuple[Path, Path]:
    """Write ``target/vmlinuz`` and ``target/initrd.gz`` and return the two paths.

    Raises `BuildError`. Files that exist are replaced, each in one step.
    """
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise BuildError(f"build-guest needs a Debian system: `{tool}` is not installed")
    try:
        with (
            files.folder(target),
            tempfile.TemporaryDirectory(prefix=".build-", dir=target) as scratch,
        ):
            return _build_in(Path(scratch), target)
    except OSError as error:
        raise BuildError(f"build-guest: {error.filename or target}: {error.strerror}") from error


def _build_in(scratch: Path, target: Path) -> tuple[Path, Path]:
    kernel = _unpacked(_kernel_package(), scratch)
    busybox = _unpacked(BUSYBOX, scratch)
    image = guest_files.initramfs(_busybox_binary(busybox), _modules(kernel))
    initrd = scratch / "initrd.gz"
    initrd.write_bytes(gzip.compress(image, compresslevel=9, mtime=0))
    vmlinuz = _only(sorted((kernel / "boot").glob("vmlinuz-*")), "vmlinuz in the kernel package")
    made = (target / "vmlinuz", target / "initrd.gz")
    for source, path in zip((vmlinuz, initrd), made, strict=True):
        source.chmod(0o644)
        os.replace(source, path)
    return made


def _kernel_package() -> str:
    """Return the package that the meta package stands for, such as the newest 6.1 kernel."""
    listing = _run(["apt-cache", "depends", "--important", KERNEL_META], UNPACK_TIMEOUT_S)
    names = [line.split()[1] for line in listing.splitlines() if "Depends:" in line]
    kernels = [name for name in names if name.startswith("linux-image-")]
    if not kernels:
        raise BuildError(f"package {KERNEL_META} is unknown here; run `apt-get update` first")
    return kernels[0]


def _unpacked(package: str, scratch: Path) -> Path:
    folder = scratch / package
    folder.mkdir()
    # apt drops its rights for the download when it can; the folder must let it write.
    folder.chmod(0o755)
    _run(["apt-get", "download", "-q", package], DOWNLOAD_TIMEOUT_S, cwd=folder)
    deb = _only(sorted(folder.glob("*.deb")), f"package {package}")
    tree = folder / "tree"
    _run(["dpkg-deb", "--extract", str(deb), str(tree)], UNPACK_TIMEOUT_S)
    return tree


def _busybox_binary(tree: Path) -> bytes:
    found = [path for path in (tree / "bin/busybox", tree / "usr/bin/busybox") if path.is_file()]
    return _only(found, f"busybox in package {BUSYBOX}").read_bytes()


def _modules(tree: Path) -> dict[str, bytes]:
    wanted = set(guest_files.MODULES)
    paths = sorted((tree / "lib/modules").rglob("*.ko"))
    return {path.stem: path.read_bytes() for path in paths if path.stem in wanted}


def _only(paths: list[Path], what: str) -> Path:
    if len(paths) != 1:
        raise BuildError(f"build-guest: expected one {what}, found {len(paths)}")
    return paths[0]


def _run(command: list[str], timeout_s: int, cwd: Path | None = None) -> str:
    # A fixed locale: the output is read.
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"`{' '.join(command)}` did not end within {timeout_s} s") from error
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        hint = "; run `apt-get update` first" if command[0].startswith("apt") else ""
        raise BuildError(f"`{' '.join(command)}` failed: {said}{hint}")
    return done.stdout
