"""The Debian package in a fresh Debian 12: installed, upgraded, removed, purged. As root."""

import os
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from hostagent.service_unit import NAME, SETTINGS, UNIT
from tests.e2e.test_deb import ROOT, call

KEY = "etc/headroom/host.pem"
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Debian with Python and nothing more, and the package beside it."""
    root = tmp_path_factory.mktemp("debian")
    small = ("--variant=minbase", "--include=python3", "--aptopt=Apt::Install-Recommends false")
    sources = [str(SOURCES)] if SOURCES.exists() else []
    call("mmdebstrap", *small, "bookworm", str(root), *sources, PATH=os.environ["PATH"])
    [package] = (ROOT / os.environ["HEADROOM_DEB"]).glob("headroom_*_amd64.deb")
    shutil.copy(package, root / "headroom.deb")
    yield root
    shutil.rmtree(root, ignore_errors=True)


def inside(root: Path, *line: str) -> str:
    return call("chroot", str(root), *line, PATH="/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C.UTF-8")


def test_it_is_installed_upgraded_removed_and_purged(debian: Path) -> None:
    inside(debian, "dpkg", "--install", "/headroom.deb")
    assert inside(debian, "headroom", "--version") == f"headroom {metadata.version('headroom')}"
    (debian / KEY).parent.mkdir()
    inside(debian, "headroom", "key", "new", f"/{KEY}")
    inside(debian, "headroom", "host", "install-service", "--advertise", "203.0.113.7")
    state = debian / "var/lib/headroom"
    (state / "disk").touch()

    inside(debian, "dpkg", "--install", "/headroom.deb")
    assert (debian / UNIT).exists(), "an upgrade keeps the service"
    again = inside(debian, "headroom", "host", "install-service", "--advertise", "203.0.113.7")
    assert again == f"{NAME} starts with the system"

    inside(debian, "dpkg", "--remove", "headroom")
    left = [name for name in (UNIT, SETTINGS, "usr/lib/headroom") if (debian / name).exists()]
    assert (left, (state / "disk").exists(), (debian / KEY).exists()) == ([], True, True)

    inside(debian, "dpkg", "--purge", "headroom")
    assert not state.exists()
    assert not (debian / "etc/headroom").exists()
