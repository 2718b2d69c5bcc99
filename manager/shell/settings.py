"""manager.toml as a running Manager goes by it, and how a new version is taken over. Shell."""

import asyncio
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from exchange.client import Refused, Unknown, Unreachable, Urls, urls_of
from exchange.keys import KeyFileError
from manager.core.core import Manager
from manager.core.farm import ManagerConfig
from manager.core.messages import Out
from manager.shell.config import (
    ConfigError,
    manager_config,
    on_this_machine,
    read_config,
    read_user_data,
)
from manager.shell.config_file import ConfigFile
from manager.shell.daemon import Daemon
from manager.shell.image_dir import stored_image
from manager.shell.library_use import Uploads
from manager.shell.sources import groups_of, load_of
from manager.shell.stored import LibraryError, read_entry, verify_vm

ONLY_AT_START: Final = ("exchange", "balancer")
"""Parts of the file that a running Manager does not change."""


class NeedsRestartError(Exception):
    """What was changed takes effect only at a start; one line."""


class Settings:
    """``file`` is what the Manager runs by; `urls` and `key_file` are where it is logged in."""

    def __init__(self, file: ConfigFile, url: str | Urls, key_file: Path) -> None:
        self.file = file
        self.urls = urls_of(url)
        self.key_file = key_file
        self.uploads = Uploads()
        self._images: dict[tuple[Any, ...], str] = {}

    async def core_config(self, file: ConfigFile) -> ManagerConfig:
        """Return the core's part of ``file``; images it names are in the exchange's store then.

        Raises `ConfigError`, what `stored_image` raises.
        """
        user_data = await asyncio.to_thread(read_user_data, file)
        images = {vm.name: await self._stored(vm.name, vm.image, file.base) for vm in file.vms}
        config = manager_config(file, images, user_data)
        return replace(config, loopback=all(on_this_machine(url) for url in self.urls.each()))

    async def take_over(self, file: ConfigFile, daemon: Daemon) -> None:
        """Make the running Manager go by ``file``.

        Raises `NeedsRestartError` and what `core_config` raises; nothing is changed then.
        """
        for part in ONLY_AT_START:
            if getattr(file, part) != getattr(self.file, part):
                name = part.removesuffix("s")
                raise NeedsRestartError(f"[{name}] was changed: restart the Manager for that")
        config, groups = await self.core_config(file), groups_of(file)
        load = load_of(file)
        names = [rule.name for rule in file.rules], [group.name for group in file.groups]
        if why := await daemon.claim(*names):
            raise NeedsRestartError(f"another Manager acts for one of these: {why}")

        def change(manager: Manager, now_ms: int) -> list[Out]:
            outs = manager.reconfigure(config, now_ms)
            if daemon.selling is not None:
                outs += daemon.selling.reconfigure(groups, file.hibernate, now_ms)
            return outs

        await daemon.do(change)
        if groups:
            daemon.follow_fleet()
        if file.load != self.file.load:
            daemon.read_from(load, file.load.interval_s if file.load else 1.0)
        daemon.alerting.table = file.alerts
        self.file = file

    async def reload(self, daemon: Daemon) -> ConfigFile:
        """Read the file again. Raises what `read_config` and `take_over` raise."""
        file = await asyncio.to_thread(read_config, self.file.path)
        await self.take_over(file, daemon)
        return file

    async def upload(self, name: str) -> str:
        """Hash a stored VM's image again and have it in the store; return its SHA-256."""
        image = next(vm.image for vm in self.file.vms if vm.name == name)
        return await self._upload(name, image, self.file.base)

    async def verify_all(self) -> list[str]:
        """Compare every stored VM with its hash, have it in the store; return what is wrong."""
        wrong = []
        for vm in self.file.vms:
            try:
                if read_entry(self.file.base / vm.image) is not None:
                    await asyncio.to_thread(verify_vm, self.file.base / vm.image)
                await self.upload(vm.name)
            except FAILURES as error:
                wrong.append(f"{vm.name}: {mistake(error)}")
        return wrong

    async def _stored(self, name: str, image: str, base: Path) -> str:
        """Hash and upload an image once, as long as its files keep their size and time."""
        mark = await asyncio.to_thread(_mark, image, base)
        if mark not in self._images:
            self._images[mark] = await self._upload(name, image, base)
        return self._images[mark]

    async def _upload(self, name: str, image: str, base: Path) -> str:
        with self.uploads.uploading(name) as progress:
            return await stored_image(image, base, self.urls, self.key_file, progress)


def mistake(error: Exception) -> str:
    """Return what went wrong while a file was taken over, a line or more."""
    match error:
        case Refused():
            return f"refused: {error}"
        case _:
            return str(error)


FAILURES: Final = (
    LibraryError,
    ConfigError,
    NeedsRestartError,
    KeyFileError,
    Refused,
    Unknown,
    Unreachable,
    OSError,
)
"""What `Settings.reload` may raise."""


def _mark(image: str, base: Path) -> tuple[Any, ...]:
    path = base / image
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    seen = [(file.name, file.stat()) for file in files if file.exists()]
    return (image, *((name, stat.st_size, stat.st_mtime_ns) for name, stat in seen))
