"""The file that tells scripts where a server is and which process: there while it serves. Shell."""

import errno
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from exchange import files


def announce(path: Path, url: str) -> None:
    """Write ``path`` aside and rename it, so that nobody reads half of it.

    Raises `OSError`; then nothing of it is left. What is there and no plain file is never
    replaced: a device such as /dev/null would be gone for every process.
    """
    try:
        files.require_regular(path)
    except FileNotFoundError:
        if not path.name:
            raise OSError(errno.EINVAL, "not the name of a file", str(path)) from None
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_bytes(msgspec.json.encode({"url": url, "pid": os.getpid()}))
        os.replace(draft, path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise OSError(error.errno, files.why(error), str(path)) from error


def retract(path: Path) -> None:
    """Remove ``path``: we serve no more. The file may be another server's by now."""
    with suppress(OSError, ValueError, KeyError):
        if msgspec.json.decode(path.read_bytes())["pid"] == os.getpid():
            path.unlink()
