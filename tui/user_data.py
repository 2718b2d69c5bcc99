"""Reads the text that a guest gets, from a file that a person named. Shell."""

from pathlib import Path
from typing import Final

from exchange import files
from exchange.wire.types import MAX_USER_DATA_CHARS
from tui.view.entry import Fault

BYTES_MAX: Final = 4 * MAX_USER_DATA_CHARS
"""No character takes more than four."""


def user_data(named: str) -> str | Fault:
    """Return the file's text, or why it cannot be taken; ``~`` is the home folder."""
    try:
        path = Path(named).expanduser()
        text = files.read(path, BYTES_MAX).decode("utf-8")
    except OSError as error:
        return Fault(f"{path}: {files.why(error)}")
    except UnicodeDecodeError:
        return Fault(f"{path}: no text in UTF-8")
    except (ValueError, RuntimeError) as error:
        return Fault(f"{named!r}: {error}")
    if not text:
        return Fault(f"{path}: nothing in it")
    if len(text) > MAX_USER_DATA_CHARS:
        return Fault(f"{path}: longer than {MAX_USER_DATA_CHARS:,} characters")
    return text
