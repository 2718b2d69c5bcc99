"""The Debian package: what is in it runs under Debian's Python, with nothing else of Python there.

`make deb` also installs, upgrades, removes and purges it in a fresh Debian (`clean_root`).
"""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from hostagent.service_unit import UNIT

ROOT = Path(__file__).parents[2]
BUILD_S = 300
PYTHON = "/usr/bin/python3"
"""Debian's own, for which the package is made."""


def call(*line: str, **environment: str) -> str:
    done = subprocess.run(
        line, capture_output=True, text=True, timeout=BUILD_S, env=environment or None, check=False
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = os.environ.get("HEADROOM_DEB", "")
    folder = ROOT / built if built else tmp_path_factory.mktemp("deb")
    if not built:
        call("bash", str(ROOT / ".ci" / "build-deb"), str(folder), PATH=os.environ["PATH"])
    [found] = folder.glob("headroom_*_amd64.deb")
    return found


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    call("dpkg-deb", "--raw-extract", str(package), str(folder))
    return folder


def headroom(unpacked: Path, *line: str) -> str:
    """Run the package's program with its own library and no other."""
    program = (unpacked / "usr/bin/headroom").read_text()
    assert program.startswith(f"#!{PYTHON} -s\n")
    here = program.replace("/usr/lib/headroom", str(unpacked / "usr/lib/headroom"))
    return call(PYTHON, "-I", "-B", "-c", here, *line, LC_ALL="C.UTF-8", HOME="/nonexistent")


def test_it_says_what_it_is_and_needs(package: Path) -> None:
    fields = call("dpkg-deb", "--field", str(package), "Package", "Version", "Depends")
    assert fields.splitlines() == [
        "Package: headroom",
        f"Version: {metadata.version('headroom')}",
        "Depends: python3 (>= 3.11), python3 (<< 3.12)",
    ]


def test_it_runs_without_anything_beside_it(unpacked: Path, tmp_path: Path) -> None:
    assert headroom(unpacked, "--version") == f"headroom {metadata.version('headroom')}"
    headroom(unpacked, "key", "new", str(tmp_path / "host.pem"))
    told = ("--key", str(tmp_path / "host.pem"), "--root", str(tmp_path / "root"))
    headroom(unpacked, "host", "install-service", *told)
    assert "ExecStart=/usr/bin/" in (tmp_path / "root" / UNIT).read_text()


def test_nothing_of_the_build_is_left_in_it(unpacked: Path) -> None:
    """No compiled file, no path of this machine, nothing outside its own folders."""
    files = [path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()]
    homes = ("DEBIAN", "usr/bin/headroom", "usr/lib/headroom", "usr/share/doc/headroom")
    assert not [path for path in files if not str(path).startswith(homes)]
    assert not [path for path in files if path.suffix == ".pyc"]
    told = [path for path in files if path.parent.name.endswith("dist-info")]
    texts = [path for path in told if str(ROOT).encode() in (unpacked / path).read_bytes()]
    assert told and not texts


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Seen to fail with a misspelt setting."""
    call(sys.executable, "-m", "headroom", "key", "new", str(tmp_path / "host.pem"))
    told = ("--key", str(tmp_path / "host.pem"), "--root", str(tmp_path))
    call(sys.executable, "-m", "headroom", "host", "install-service", *told)
    unit = str(tmp_path / UNIT)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    call("systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", unit)
