"""Reads the text that a guest gets, from a file that a person named. Shell."""

from pathlib import Path

from exchange.cli import stored_image
from exchange.wire.types import MAX_USER_DATA_CHARS
from tui.view.entry import Fault


def user_data(named: str) -> str | Fault:
    """Return the file's text, or why it cannot be taken; ``~`` is the home folder."""
    try:
        path = Path(named).expanduser()
        text = stored_image.user_data(path)
    except (stored_image.NoSuchImage, RuntimeError) as error:
        return Fault(str(error))
    if not text:
        return Fault(f"{path}: nothing in it")
    if len(text) > MAX_USER_DATA_CHARS:
        return Fault(f"{path}: longer than {MAX_USER_DATA_CHARS:,} characters")
    return text
