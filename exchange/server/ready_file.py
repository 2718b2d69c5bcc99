"""Tells scripts where a server listens: a line on stdout, and a file that exists while it serves.
Shell."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from exchange import files
from exchange.server.form import FORM


def announce(path: Path, url: str) -> None:
    """Write ``path`` under another name and rename it, so that nobody reads half of it.

    Raises `OSError`, and then leaves no file behind. Never replaces anything but a plain file: a
    device such as /dev/null would be gone for every process.
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
    """Remove ``path`` when the server ends, unless it belongs to another server by now."""
    with suppress(OSError, ValueError, KeyError):
        if msgspec.json.decode(path.read_bytes())["pid"] == os.getpid():
            path.unlink()


def print_url(url: str) -> None:
    """Print where the server listens, and its form. A stdout that is closed or full must not
    stop the server."""
    try:
        if sys.stdout is not None:  # None when stdout was closed before the start
            sys.stdout.write(f"headroom: serving {url} ({FORM})\n")
            sys.stdout.flush()
    except OSError:
        # Otherwise Python would write it again at exit, and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
