"""Read what a person named on a command line or in a file: bounded, and never waiting for ever.

Shell. Every `OSError` from here names the path and says in one line what is wrong with it.
"""

import errno
import os
import select
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")

NESTED_MAX: Final = 50
"""Tables and lists inside each other in a file of settings."""
PIPE_TIMEOUT_S: Final = 5
"""How long a pipe, such as `<(pass show key)`, may take to say more."""


def why(error: OSError) -> str:
    """Return what is wrong without Python's number and path."""
    return error.strerror or str(error) or type(error).__name__


def read(path: Path, most: int) -> bytes:
    """Return the bytes of a file or pipe, at most ``most``. Raises `OSError`."""
    # Not to block: a named pipe that nobody writes to would be opened for ever.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        _no_directory(path, os.fstat(handle).st_mode)
        data = b""
        while len(data) <= most and (part := _part(path, handle, most + 1 - len(data))):
            data += part
    finally:
        os.close(handle)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"longer than {most} bytes", str(path))
    return data


def parsed(parse: Callable[[str], T], text: str) -> T:
    """Return ``parse(text)``, for `json.loads` and its like, which give up in ways of their own.

    Raises `ValueError`, whatever is wrong; ``str()`` is one line.
    """
    try:
        return parse(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        if type(error) is ValueError:  # not the parser's: Python's limit on digits
            raise ValueError("a number has too many digits") from None
        raise


def toml(text: str) -> dict[str, Any]:
    """Return the tables in ``text``. Raises `ValueError`; ``str()`` is one line."""
    tables = parsed(tomllib.loads, text)
    if not _shallow(tables, NESTED_MAX):
        raise ValueError("nested too deeply")
    return tables


def _shallow(value: Any, levels: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not parts or (levels > 0 and all(_shallow(part, levels - 1) for part in parts))


def require_regular(path: Path) -> None:
    """Raise `OSError` unless ``path`` is a plain file: what is read twice is no pipe or device."""
    mode = path.stat().st_mode
    _no_directory(path, mode)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


@contextmanager
def folder(path: Path) -> Iterator[None]:
    """Make the folder ``path``; if that or what follows fails, what was made here goes again."""
    made = [each for each in (path, *path.parents) if not os.path.lexists(each)]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for each in made:  # innermost first; one that holds something stays
            with suppress(OSError):
                each.rmdir()
        raise


def _part(path: Path, handle: int, most: int) -> bytes:
    if not select.select([handle], [], [], PIPE_TIMEOUT_S)[0]:
        raise TimeoutError(errno.ETIMEDOUT, "nothing was written to it", str(path))
    return os.read(handle, most)


def _no_directory(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
