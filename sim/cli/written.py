"""Where the commands of `headroom sim` write: told before the runs whether they can. Shell.

A result is written whole or not at all, so that a full disk leaves the file that was there.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO

from exchange.cli.common import EXIT_USAGE, fail
from exchange.files import why

STDOUT: Final = Path("-")
_NO_DRAFT: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)
"""The file itself may be writable where its folder takes no other beside it."""


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path]) -> None:
    """Refuse what cannot be written, what is read here, and one file for two options.

    Before the runs, not after them. ``outputs``: by option; None and "-" are no file.
    """
    read, seen = [path for path in inputs if _plain(path)], list[tuple[str, Path]]()
    for option, out in outputs.items():
        if out is None or out == STDOUT:
            continue
        if any(_same(out, path) for path in read):
            fail(f"{option} {out}: is read here, and would be lost", EXIT_USAGE)
        for other, path in seen:
            if _same(out, path):
                fail(f"{option} {out}: {other} writes there", EXIT_USAGE)
        check_writable(option, out)
        seen.append((option, out))


def check_writable(option: str, out: Path) -> None:
    """Find out before the runs, not after them, that the result has nowhere to go."""
    there = os.path.lexists(out)
    try:
        # Not to block: a named pipe that nobody reads would be opened for ever.
        os.close(os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o666))
        if not there:
            out.unlink()
    except OSError as error:
        fail(f"{option} {out}: {why(error)}", EXIT_USAGE)


def written(option: str, out: Path | None, parts: Iterable[str]) -> Iterator[str]:
    """Write ``parts``; yield a line when it cannot, so that the other results still come out."""
    if out is None:
        return
    try:
        _write(Path(os.path.realpath(out)), parts)
    except OSError as error:
        yield f"{option} {out}: {why(error)}"


def _write(out: Path, parts: Iterable[str]) -> None:
    draft = out.with_name(f".{out.name}.{os.getpid()}.new")
    if os.path.exists(out) and not _plain(out):  # a pipe or a device: it takes what comes
        with out.open("w", encoding="utf-8") as file:
            file.writelines(parts)
        return
    try:
        with _drafted(draft, out) as drafted:
            drafted.writelines(parts)
        if drafted.name == str(draft):
            os.replace(draft, out)
    finally:
        draft.unlink(missing_ok=True)


def _drafted(draft: Path, out: Path) -> TextIO:
    """Open the draft, with the rights of what it replaces, or else the file itself."""
    try:
        file = draft.open("x", encoding="utf-8")
    except OSError as error:
        if error.errno not in _NO_DRAFT:
            raise
        return out.open("w", encoding="utf-8")
    if os.path.exists(out):
        os.chmod(draft, stat.S_IMODE(out.stat().st_mode))
    return file


def _plain(path: Path) -> bool:
    return os.path.isfile(path)  # as `Path.is_file`, but never an error


def _same(one: Path, other: Path) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return not os.path.exists(one) or _plain(one)
    return _plain(one) and os.path.exists(other) and os.path.samefile(one, other)
