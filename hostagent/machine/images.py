"""The host's cache of VM images, by SHA-256, and what a VM boots from. Shell module.

An image is the renter's and may be hostile. Its bytes must match its name; an archive is read
member by member, never unpacked by its own paths; a disk is accepted only when it stands for
itself, since a qcow2 with a backing file once handed out the host's files; and every disk is
copied into a flat raw file made here, so that no VM runs on bytes whose format the renter controls.
"""

import asyncio
import hashlib
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from exchange.units import MIB
from hostagent.core.ports import BootFiles, DomainSpec, ImageError
from hostagent.core.seed import seed
from hostagent.machine.disk_image import convert_disk, inspect_disk
from hostagent.machine.facts import used_bytes
from hostagent.machine.image_space import (
    NO_ROOM,
    ROOM_AGAIN_S,
    SHA256,
    ImageSpace,
    NoRoomError,
    Patience,
    free_bytes,
)

Download: TypeAlias = Callable[[str, Path], Awaitable[str]]
"""``await download(sha256, path)`` writes the image's bytes and returns its format."""

CACHE_BYTES = 4 * 1024 * MIB
"""What images that nobody waits for may take, unless the caller says otherwise."""
FETCHES_MAX = 4
CONVERSIONS_MAX = 2
MEMBER_BYTES_MAX = 512 * MIB
READ_BYTES = MIB
BUNDLE_MEMBERS = ("vmlinuz", "initrd.gz")
# tarfile lets more than its own error out of a crafted header: sizes that no integer holds, long
# names that stand for long names that stand for long names.
_BROKEN_ARCHIVE = (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError)


class ImageCache:
    """The images below ``root``: ``images/SHA256/``, and ``vms/VM/`` made of them.

    At most `FETCHES_MAX` images are fetched and `CONVERSIONS_MAX` disks made at a time.
    ``copies``: each VM has a kernel of its own. libvirt gives the files to QEMU's group and
    refuses to give one to two: guests that call out run in another than those that do not.
    ``group``: the control group that qemu-img runs in, as in `qemu_img`.
    """

    def __init__(
        self,
        root: Path,
        download: Download,
        cache_bytes: int = CACHE_BYTES,
        free: Callable[[Path], int] = free_bytes,
        copies: bool = False,
        group: Path | None = None,
    ) -> None:
        self._images = root / "images"
        self._vms = root / "vms"
        self._logs = root / "logs"
        self._download = download
        self._copies = copies
        self._group = group
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._fetches = asyncio.Semaphore(FETCHES_MAX)
        self._conversions = threading.Semaphore(CONVERSIONS_MAX)
        self._disk_bytes: dict[str, int] = {}
        self.space = ImageSpace(self._images, cache_bytes, free)
        for folder in (root, self._images, self._vms):
            folder.mkdir(parents=True, exist_ok=True)
            # QEMU runs as its own user and must pass through, but not list.
            folder.chmod(0o711)

    async def fetch(self, image: str) -> None:
        """Have ``image`` ready; callers that ask for the same one share one download."""
        if not SHA256.match(image):
            raise ImageError(f"{image[:80]!r} is not the SHA-256 of an image")
        if self._folder(image).is_dir():
            os.utime(self._folder(image))
            return
        task = self._fetching.get(image)
        if task is None:
            task = asyncio.create_task(self._fetch_new(image))
            self._fetching[image] = task
            task.add_done_callback(lambda done: self._fetching.pop(image, None))
        await asyncio.shield(task)

    def size_mib(self, image: str) -> int:
        """Return the size of what the renter stored, in whole MiB, rounded down."""
        files = [self._folder(image) / name for name in ("disk", *BUNDLE_MEMBERS)]
        return sum(file.stat().st_size for file in files if file.exists()) // MIB

    def need(self, images: frozenset[str]) -> None:
        self.space.need(images)

    def make_room(self, part: Path, size: int) -> None:
        """Set room aside for an image of ``size`` bytes and for a disk made from it.

        How large that disk is shows only once the image is here: a second try knows. Raises
        `NoRoomError`.
        """
        self.space.reserve(part, size + max(size, self._disk_bytes.get(part.stem, 0)))

    def sweep(self, vm_ids: set[str]) -> list[tuple[str, int]]:
        """Remove what an agent before us left half made, and files of VMs not among ``vm_ids``.

        Returns what was removed, with its bytes. For a start only: what is being made now looks
        the same.
        """
        half = [path for path in self._images.iterdir() if not SHA256.match(path.name)]
        of_vms = [*self._vms.iterdir(), *self._logs.glob("*.log*")]
        left = half + [path for path in of_vms if path.name.partition(".log")[0] not in vm_ids]
        sizes = [(path, used_bytes(path)) for path in left]
        for path in left:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return [(str(path), size) for path, size in sizes if not os.path.lexists(path)]

    def boot_files(self, image: str, spec: DomainSpec) -> BootFiles:
        """Return what ``spec`` boots from; blocks while a disk of its own is made."""
        folder, own = self._folder(image), self._vm_folder(spec.vm_id)
        try:
            own.mkdir(mode=0o711, exist_ok=True)
            user_data = None
            if spec.user_data:
                (own / "user-data").write_text(spec.user_data, "utf-8")
                user_data = str(own / "user-data")
            if (folder / "vmlinuz").exists():
                if self._copies:
                    folder = _copied(folder, own)
                kernel, initrd = str(folder / "vmlinuz"), str(folder / "initrd.gz")
                return BootFiles(kernel, initrd, user_data=user_data)
            os.utime(folder)
            self._make_disk(folder, own / "disk.raw", spec.shape.disk_mib)
            (own / "seed.iso").write_bytes(seed(spec))
        except OSError as error:
            raise ImageError(f"image {image[:12]}: {error.strerror}", "host_disk") from error
        finally:
            self.space.release(folder)
        disk, iso = str(own / "disk.raw"), str(own / "seed.iso")
        return BootFiles(disk=disk, user_data=user_data, seed=iso)

    def _make_disk(self, folder: Path, target: Path, disk_mib: int) -> None:
        """Make a VM's disk; when there is no room, once other VMs are up and need less."""
        patience = Patience()
        while True:
            try:
                with self._conversions:
                    self._convert(folder, target, disk_mib)
                return
            except NoRoomError as error:
                if patience.last:
                    raise
                patience.no_room(error)
            time.sleep(ROOM_AGAIN_S)

    def _convert(self, folder: Path, target: Path, disk_mib: int) -> None:
        form = (folder / "format").read_text("ascii")
        size = inspect_disk(folder / "disk", form, self._group)
        if size <= disk_mib * MIB:
            self.space.pass_on(folder, target, size)
        try:
            convert_disk(folder / "disk", form, target, disk_mib, self._group)
        finally:
            self.space.release(target)

    def forget_vm(self, vm_id: str) -> None:
        """Remove what was made for one VM."""
        shutil.rmtree(self._vm_folder(vm_id), ignore_errors=True)

    def _folder(self, image: str) -> Path:
        return self._images / image

    def _vm_folder(self, vm_id: str) -> Path:
        if Path(vm_id).name != vm_id or vm_id in (".", ".."):
            raise ImageError(f"VM id {vm_id!r} is not a plain name")
        return self._vms / vm_id

    async def _fetch_new(self, image: str) -> None:
        part = self._images / f"{image}.part"
        try:
            patience = Patience()
            while True:
                if await self._fetched(image, part, patience):
                    return
                await asyncio.sleep(ROOM_AGAIN_S)
        except OSError as error:
            line = f"image {image[:12]}: {error.strerror or error}"
            raise ImageError(line, "host_disk") from error
        finally:
            self._disk_bytes.pop(image, None)
            part.unlink(missing_ok=True)

    async def _fetched(self, image: str, part: Path, patience: Patience) -> bool:
        """Fetch it; return False when there is no room yet, but may be once other VMs are up.

        The last time no room for a disk is asked for: one too large for its class is the
        renter's fault, and `boot_files` finds that out.
        """
        last = patience.last
        if last:
            self._disk_bytes.pop(image, None)
        try:
            async with self._fetches:
                form = await self._download(image, part)
                await asyncio.to_thread(self._accept, image, form, part, last)
        except OSError as error:
            if last or error.errno not in NO_ROOM:
                raise
            patience.no_room(error)
            return False
        finally:
            self.space.release(part)
        return True

    def _accept(self, image: str, form: str, part: Path, last: bool) -> None:
        """Verify and prepare in a folder of its own, then put it in place in one step.

        From then on it holds room for a disk; without that it would take the others' room in vain.
        """
        if _sha256(part) != image:
            line = f"image {image[:12]}: the bytes do not match their SHA-256"
            raise ImageError(line, "image_unavailable")
        made = self._images / f"{image}.new"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o711)
        try:
            size = _prepare(part, form, made, self._group)
            if size and not last:
                self._disk_bytes[image] = size
                self.space.pass_on(part, self._folder(image), size)
            os.replace(made, self._folder(image))
        finally:
            shutil.rmtree(made, ignore_errors=True)
        self.space.trim(image)


def _copied(folder: Path, own: Path) -> Path:
    for name in BUNDLE_MEMBERS:
        shutil.copy(folder / name, own / name)
    return own


def _prepare(part: Path, form: str, made: Path, group: Path | None) -> int:
    """Return how large a disk made from it will be; 0 for a bundle, which needs none."""
    if form == "bundle":
        unpack_bundle(part, made)
        return 0
    if form in ("qcow2", "raw"):
        size = inspect_disk(part, form, group)
        os.replace(part, made / "disk")
        (made / "disk").chmod(0o644)
        (made / "format").write_text(form, "ascii")
        return size
    raise ImageError(f"image format {form!r} is unknown")


def unpack_bundle(part: Path, target: Path) -> None:
    """Take exactly ``vmlinuz`` and ``initrd.gz`` out of a tar archive; raises `ImageError`.

    Names decide only which of the two a member is; links, devices and every other member are
    refused, so that nothing in the archive chooses a path.
    """
    try:
        with tarfile.open(part, "r:") as archive:
            for _ in BUNDLE_MEMBERS:
                _unpack_member(archive, target)
            if archive.next() is not None:
                raise ImageError("a bundle holds vmlinuz and initrd.gz and nothing else")
    except _BROKEN_ARCHIVE as error:
        raise ImageError(f"bundle: it cannot be read: {error}") from error


def _unpack_member(archive: tarfile.TarFile, target: Path) -> None:
    member = archive.next()
    if member is None or member.name not in BUNDLE_MEMBERS or not member.isreg():
        named = member.name[:80] if member else "nothing"
        raise ImageError(f"a bundle holds the files vmlinuz and initrd.gz; found {named!r}")
    if not 0 < member.size <= MEMBER_BYTES_MAX or (target / member.name).exists():
        raise ImageError(f"bundle: {member.name} is empty, too large or there twice")
    source = archive.extractfile(member)
    assert source is not None, "a regular member has contents"
    with source, (target / member.name).open("wb") as out:
        shutil.copyfileobj(source, out, READ_BYTES)
    (target / member.name).chmod(0o644)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
