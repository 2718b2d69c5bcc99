"""A disk that does not take or give an image is the exchange's trouble: nobody else is blamed."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from exchange.client import put_image
from exchange.server.server import ExchangeServer
from exchange.storage.images import ImageStore
from tests import bad_paths
from tests.exchange.storage.test_images_kept import BYTES, DIGEST, images_of, put, run
from tests.exchange.support.harness import Raw, create_exchange, headroom, key_of, running

Bad = Callable[[Path], Path]
KINDS: tuple[Bad, ...] = (bad_paths.garbage, bad_paths.dangling, bad_paths.loop, bad_paths.pipe)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
@pytest.mark.parametrize("name", ["images", "images/partial"])
def test_a_place_for_images_that_is_none_is_told_at_the_start(
    tmp_path: Path, name: str, kind: Bad
) -> None:
    """(Before, it served; the first upload was told that its image was invalid.)"""
    create_exchange(tmp_path / "data")
    place = tmp_path / "data" / name
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(kind(tmp_path))
    options = ("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0")
    code, out, errors = headroom("exchange", "serve", *options)
    assert (code, out, len(errors.splitlines())) == (1, "", 1), errors
    assert str(place) in errors


def test_a_folder_nobody_may_read_is_told_at_the_start(tmp_path: Path) -> None:
    create_exchange(tmp_path / "data")
    (tmp_path / "data" / "images").mkdir(mode=0)
    with bad_paths.as_anybody(), pytest.raises(PermissionError, match="images"):
        ImageStore(tmp_path / "data").check()


def spoil(place: Path) -> None:
    """Put a file where the folder of the images is, or was."""
    if place.exists():
        place.rename(place.with_name("elsewhere"))
    place.write_text("a file")


@pytest.mark.parametrize("begun", [False, True])
def test_an_upload_that_cannot_be_stored_is_not_called_invalid(tmp_path: Path, begun: bool) -> None:
    """(Before: `image_invalid: the exchange cannot store it`.)"""

    async def main() -> None:
        async with running(tmp_path / "data") as server, await images_of(server) as images:
            await images.log_in(key_of("bob"))
            if not begun:
                spoil(tmp_path / "data" / "images")
            assert (await put(images, DIGEST, len(BYTES)))["result"] == {"offset": 0}
            if begun:
                spoil(tmp_path / "data" / "images")
            await images.connection.send(BYTES[:200_000])
            refused = await images.frame()
            assert (refused["reason"], refused["req_id"]) == ("internal", 2)
            assert "Not a directory" in refused["message"]

    run(main)


class Failing(ImageStore):
    """A disk that fails with ``number`` whenever bytes come."""

    number = errno.EIO

    def append(self, account: str, digest: str, chunks: list[bytes]) -> None:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "busy"),
        (errno.EDQUOT, "busy"),
        (errno.EMFILE, "busy"),
        (errno.ETIMEDOUT, "busy"),
        (errno.EIO, "internal"),
        (errno.EROFS, "internal"),
    ],
)
def test_what_may_pass_is_busy_and_what_will_not_is_internal(
    tmp_path: Path, number: int, reason: str
) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as server, await images_of(server) as images:
            server._images._store = Failing(tmp_path / "data")
            server._images._store.number = number
            await images.log_in(key_of("bob"))
            await put(images, DIGEST, len(BYTES))
            await images.connection.send(BYTES[:1_000])
            refused = await images.frame()
            assert (refused["reason"], refused["req_id"]) == (reason, 2)

    run(main)


async def owner(server: ExchangeServer, tmp_path: Path) -> Any:
    """Store an image and return how to open its owner's image connections."""
    images = await images_of(server)
    disk = tmp_path / "disk.raw"
    disk.write_bytes(BYTES)
    await put_image(server.url, key_of("bob"), disk, "raw")
    return images


def test_an_image_whose_bytes_are_gone_is_refused_at_once(tmp_path: Path) -> None:
    """(Before, the ack came and then nothing, and the server printed a traceback.)"""

    async def main() -> None:
        async with running(tmp_path / "data") as server, await owner(server, tmp_path) as images:
            await images.log_in(key_of("bob"))
            ImageStore(tmp_path / "data").path(DIGEST).unlink()
            refused = await images.ask("image.get", sha256=DIGEST)
            assert refused["reason"] == "internal"
            spoil(tmp_path / "data" / "images")
            refused = await images.ask("image.get", sha256=DIGEST, offset=1_000)
            assert refused["reason"] == "internal"
            end = await images.ask("image.get", sha256=DIGEST, offset=len(BYTES))
            assert end["type"] == "ack", "nothing need be read"

    run(main)


def test_a_download_that_cannot_go_on_ends_the_connection(tmp_path: Path) -> None:
    """(Before, it stood still for ever.)"""

    async def main() -> None:
        async with running(tmp_path / "data") as server, await owner(server, tmp_path) as images:
            await images.log_in(key_of("bob"))
            os.truncate(ImageStore(tmp_path / "data").path(DIGEST), 300_000)
            assert (await images.ask("image.get", sha256=DIGEST))["type"] == "ack"
            assert await ended(images) == (1011, "the image cannot be read")

    run(main)


async def ended(images: Raw) -> tuple[int | None, str | None]:
    with suppress(ConnectionClosed):
        while True:
            await images.connection.recv(decode=False)
    return images.connection.close_code, images.connection.close_reason


def test_silence_is_not_an_invalid_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept, and may be resumed. (Before: `image_invalid`.)"""
    monkeypatch.setattr("exchange.server.image_server.CHUNK_TIMEOUT_S", 0.05)

    async def main() -> None:
        async with running(tmp_path / "data") as server, await images_of(server) as images:
            await images.log_in(key_of("bob"))
            assert (await put(images, DIGEST, len(BYTES)))["result"] == {"offset": 0}
            refused = await images.frame()
            assert (refused["reason"], refused["req_id"]) == ("busy", 2)

    run(main)
