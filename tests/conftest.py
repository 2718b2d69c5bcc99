"""Settings shared by every test.

Hypothesis has no deadline: a law is not false because the machine was busy. With CI=true its
examples are the same in every run, so that a change lands or fails for what it changes.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from exchange.log.log import LOGGER, StderrHandler

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# A Manager under test must not meet one of this user, or of another test process, at its socket.
_RUNTIME = tempfile.TemporaryDirectory(prefix="headroom-")
os.environ["XDG_RUNTIME_DIR"] = _RUNTIME.name


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A command that runs inside this process sets the log up; the next test is not to notice."""
    root = logging.getLogger()
    levels = root.level, LOGGER.level
    yield
    root.setLevel(levels[0])
    LOGGER.setLevel(levels[1])
    for handler in [each for each in root.handlers if isinstance(each, StderrHandler)]:
        root.removeHandler(handler)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder for what has sockets in it: their paths have at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="h-", dir="/tmp") as folder:
        yield Path(folder)
