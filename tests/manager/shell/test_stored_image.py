"""An image of the library goes into the store of a live exchange, and tells how far it is."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exchange.client.images import CHUNK_BYTES
from manager.control.frames import VmRow
from manager.control.requests import VmSettings
from manager.shell.config import read_config
from manager.shell.image_dir import stored_image
from manager.shell.settings import Settings
from manager.shell.stored import import_vm
from tests.exchange.server.test_server import play
from tests.exchange.support.harness import key_of
from tests.manager.shell.calm import CALM

CONFIG = f"""
schema = 1
[[vm]]
name = "web"
image = "disk.raw"
class = "small"
ports = [80]
{CALM}"""
CHUNKS = 3


def raw(folder: Path) -> str:
    (folder / "disk.raw").write_bytes(b"\7" * (CHUNKS * CHUNK_BYTES))
    return "disk.raw"


def entry(folder: Path) -> str:
    import_vm(folder / "library", "web", folder / raw(folder), VmSettings())
    return "library/web"


def bundle(folder: Path) -> str:
    (folder / "guest").mkdir()
    (folder / "guest" / "vmlinuz").write_bytes(b"\7" * (CHUNKS * CHUNK_BYTES))
    (folder / "guest" / "initrd.gz").write_bytes(b"disk")
    return "guest"


def key_file(folder: Path) -> Path:
    path = folder / "bob.pem"
    path.write_bytes(key_of("bob").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.mark.parametrize("kind", [raw, entry, bundle])
def test_each_chunk_is_told(tmp_path: Path, kind: Callable[[Path], str]) -> None:
    """(Seen to fail for each kind with its progress dropped.)"""
    told: list[tuple[int, int]] = []

    async def scene(url: str) -> None:
        image, key = kind(tmp_path), key_file(tmp_path)
        digest = await stored_image(image, tmp_path, url, key, lambda *at: told.append(at))
        done, size = [at[0] for at in told], told[0][1]
        assert size >= CHUNKS * CHUNK_BYTES
        assert {at[1] for at in told} == {size}
        assert done == [*range(0, size, CHUNK_BYTES), size]
        told.clear()
        again = await stored_image(image, tmp_path, url, key, lambda *at: told.append(at))
        assert (again, told) == (digest, [(size, size)]), "the store has it: nothing is sent"

    play(tmp_path, scene)


def test_a_manager_shows_how_far_its_upload_is(tmp_path: Path) -> None:
    """(Seen to fail with the progress dropped on its way.)"""

    async def scene(url: str) -> None:
        (tmp_path / "manager.toml").write_text(CONFIG)
        raw(tmp_path)
        settings = Settings(read_config(tmp_path / "manager.toml"), url, key_file(tmp_path))
        shown: set[int | None] = set()
        uploading = asyncio.create_task(settings.upload("web"))
        while not uploading.done():
            await asyncio.sleep(0)
            shown.add(settings.uploads.rows([VmRow("web", "small")])[0].upload_percent)
        assert len(await uploading) == 64
        assert {33, 66, 100} <= shown

    play(tmp_path, scene)
