"""What the tests with real VMs share: one demo guest, and folders that QEMU's user may pass."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostagent.guest.build_guest import build_guest


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo guest's ``vmlinuz`` and ``initrd.gz``."""
    folder = tmp_path_factory.mktemp("guest")
    build_guest(folder)
    return folder


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that QEMU, which runs as another user, may pass; pytest's own are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="headroom-test-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def state() -> Iterator[Path]:
    """A host's state folder."""
    with open_folder() as folder:
        yield folder
