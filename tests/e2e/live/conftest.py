"""The image, built once into `.make/live` and taken from there as long as nothing has changed that
goes into it. Needs root."""

import hashlib
from pathlib import Path

import pytest

from hostagent.live import build

KEPT = build.SOURCE / ".make" / "live"


def source_id() -> str:
    """Return what changes when something that goes into the image does."""
    digest = hashlib.sha256()
    for folder in build.SOURCE_PACKAGES:
        for path in sorted((build.SOURCE / folder).rglob("*.py")):
            digest.update(str(path).encode() + path.read_bytes())
    digest.update(build.LOCK.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="session")
def image() -> Path:
    stamp = KEPT / "source-id"
    if not stamp.exists() or stamp.read_text() != source_id():
        build.build_live(KEPT, build.Recipe({}))
        stamp.write_text(source_id())
    return KEPT
