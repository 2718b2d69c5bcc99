"""The images of the library's stored VMs: from a file or folder to a digest in the store. Shell.

A stored VM names its image by path (of the library, a bundle folder, a .tar bundle, .qcow2, or a
raw disk), or by the SHA-256 of one that is in the exchange's store already. Uploading resumes
and is skipped by the exchange when it has the bytes.
"""

import asyncio
import re
import tempfile
from pathlib import Path
from typing import Final

from exchange.client import Urls, put_image
from exchange.client.images import BUNDLE_FILES, looked_at, pack_bundle
from exchange.files import require_regular, why
from exchange.keys import load_private_key
from manager.shell.stored import LibraryError, Progress, read_entry

SHA256: Final = re.compile(r"[0-9a-f]{64}")


def image_mistake(image: str, base: Path) -> str | None:
    """Say why ``image`` cannot be one, or ``None``. Paths are relative to ``base``."""
    if SHA256.fullmatch(image):
        return None
    path = base / image
    try:
        if path.is_dir():
            if (entry := read_entry(path)) is not None:
                return None if (path / entry.file).is_file() else f"{path} has no {entry.file}"
            lacking = [name for name in BUNDLE_FILES if not (path / name).is_file()]
            return f"{path} has no {lacking[0]}" if lacking else None
        require_regular(path)
    except (FileNotFoundError, ValueError):  # the latter: a null character in it
        return f"{path} is no file, folder or SHA-256"
    except OSError as error:
        return f"{path}: {why(error)}"
    except LibraryError as error:
        return str(error)
    return None


async def stored_image(
    image: str,
    base: Path,
    url: str | Urls,
    key_file: Path,
    progress: Progress = lambda done, size: None,
) -> str:
    """Return the SHA-256 of ``image``, in the exchange's store when this returns.

    Raises what `put_image` raises, `KeyFileError` and `LibraryError`.
    """
    if SHA256.fullmatch(image):
        return image
    path, key = base / image, load_private_key(key_file)
    if path.is_dir() and (entry := read_entry(path)) is not None:
        return await put_image(url, key, path / entry.file, entry.format, None, progress)
    if not path.is_dir():
        image_format, _ = looked_at(path)
        return await put_image(url, key, path, image_format, None, progress)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch) / "bundle.tar"
        await asyncio.to_thread(pack_bundle, path, bundle)
        return await put_image(url, key, bundle, "bundle", None, progress)
