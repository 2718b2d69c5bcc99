"""The first manager.toml passes `manager check`; the service's unit is hardened and repeatable."""

import getpass
import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from manager.shell.cli import app
from manager.shell.service_unit import NAME, SOCKET

UNIT = Path("etc/systemd/system") / NAME
BALANCERS = [
    ("--haproxy", "/run/haproxy/admin.sock"),
    ("--haproxy", "/run/haproxy/admin.sock", "--backend", "shop"),
    ("--load-url", "http://127.0.0.1:9100/load"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("HEADROOM_URL", "HEADROOM_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "web.raw").write_bytes(b"\0" * 4096)
    from exchange.cli.key import app as key_app

    assert CliRunner().invoke(key_app, ["new", str(tmp_path / "my key.pem")]).exit_code == 0
    return tmp_path


def told(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.output


def init(*words: str, code: int = 0) -> str:
    given = ("--url", "wss://x.example/v1/ws", "--key", "my key.pem", "--image", "web.raw")
    return told("init", *given, *words, code=code)


@pytest.mark.parametrize("balancer", BALANCERS)
def test_what_it_writes_passes_check(folder: Path, balancer: tuple[str, ...]) -> None:
    assert json.loads(init(*balancer, "--json")) == {"file": "manager.toml", "mistakes": []}
    assert "no mistakes" in told("check", "manager.toml")
    text = (folder / "manager.toml").read_text()
    assert text.count("#") > 10
    assert tomllib.loads(text)["rule"][0]["zones"] == ["eu-de"]


def test_words_with_quotes_stay_what_they_are(folder: Path) -> None:
    init("--load-url", 'http://x/"a"\\b', "--zone", "eu-fr")
    found = tomllib.loads((folder / "manager.toml").read_text())
    assert found["load"]["url"] == 'http://x/"a"\\b'
    assert found["rule"][0]["zones"] == ["eu-fr"]


def test_a_mistake_is_named_and_nothing_is_overwritten(folder: Path) -> None:
    out = told("init", "--url", "wss://x/", "--key", "k.pem", "--image", "no", *BALANCERS[0])
    assert "to be put right" in out and "vm[0].image: no is no file" in out
    before = (folder / "manager.toml").read_text()
    assert "exists already" in init(*BALANCERS[0], code=2)
    assert (folder / "manager.toml").read_text() == before


def test_what_no_option_tells_is_named_where_nobody_can_be_asked(folder: Path) -> None:
    assert "missing --url" in told("init", code=2)
    assert "missing --haproxy or --load-url" in init(code=2)
    assert not (folder / "manager.toml").exists()


def service(folder: Path, *words: str, code: int = 0) -> str:
    return told("install-service", *words, "--root", str(folder / "root"), code=code)


def test_the_service_is_written_once_and_taken_away(folder: Path) -> None:
    init(*BALANCERS[0])
    file = str(folder / "manager.toml")
    assert f"wrote {folder / 'root' / UNIT}" in service(folder, file, "--group", "haproxy")
    unit = (folder / "root" / UNIT).read_text()
    lines = unit.splitlines()
    assert f"ReadWritePaths={folder}" in lines and f"User={getpass.getuser()}" in lines
    assert "SupplementaryGroups=haproxy" in lines and "CapabilityBoundingSet=" in lines
    assert f"manager run --control {SOCKET} {file}" in unit
    assert "wrote" not in service(folder, file, "--group", "haproxy")
    assert "removed" in service(folder, "--uninstall")
    assert "is not installed" in service(folder, "--uninstall")


def test_a_file_with_a_mistake_makes_no_service(folder: Path) -> None:
    file = folder / "manager.toml"
    file.write_text("schema = 2")
    assert "schema: must be 1" in service(folder, str(file), code=1)
    assert "missing argument" in service(folder, code=2)
    odd = folder / "a b.toml"
    odd.write_text("")
    assert "systemd would read it otherwise" in service(folder, str(odd), code=2)
    assert not (folder / "root").exists()


def test_systemd_finds_nothing_wrong_with_the_unit(folder: Path) -> None:
    """Where there is a systemd to ask; its words are checked by the tests above."""
    init(*BALANCERS[0])
    text = service(folder, str(folder / "manager.toml"), "--print")
    assert text.startswith("[Unit]\n")
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        unit = folder / NAME
        unit.write_text(text)
        done = subprocess.run(
            [analyze, "verify", str(unit)], check=False, capture_output=True, text=True
        )
        assert "Unknown key" not in done.stderr and "Failed to parse" not in done.stderr
