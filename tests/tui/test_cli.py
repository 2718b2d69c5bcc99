"""`headroom tui`: what goes wrong is one line, and the settings file."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tui.config import Config, ConfigError, load_config

ROOT = Path(__file__).parent.parent.parent


def tui(folder: Path, *args: str) -> tuple[int, str]:
    """Run ``headroom tui`` with ``folder`` as the place of its settings."""
    run = subprocess.run(
        [sys.executable, "-m", "headroom", "tui", *args],
        cwd=ROOT,
        env={"XDG_CONFIG_HOME": str(folder), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return run.returncode, run.stderr


def test_no_key_file(tmp_path: Path) -> None:
    code, said = tui(tmp_path, "--key", "no-such.pem")
    assert (code, said) == (1, "headroom: key file no-such.pem: No such file or directory\n")


def test_a_file_that_is_no_key(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("hello")
    assert tui(tmp_path, "--key", str(wrong)) == (
        1,
        f"headroom: key file {wrong}: is not a PEM private key\n",
    )


def test_no_exchange_there(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code, said = tui(tmp_path, "--url", f"ws://127.0.0.1:{port}/v1/ws")
    assert code == 1
    assert said.startswith("headroom: ")
    assert str(port) in said
    assert said.count("\n") == 1


SETTINGS = [
    ('theme = "headroom-light"', Config(theme="headroom-light")),
    ('url = "wss://x/v1/ws"\nsymbol = "a.b.c.d"', Config(url="wss://x/v1/ws", symbol="a.b.c.d")),
    ("", Config()),
]


@pytest.mark.parametrize(("text", "config"), SETTINGS)
def test_settings(tmp_path: Path, text: str, config: Config) -> None:
    path = tmp_path / "tui.toml"
    path.write_text(text)
    assert load_config(path) == config


def test_no_settings_file_is_the_default(tmp_path: Path) -> None:
    assert load_config(tmp_path / "none.toml") == Config()


@pytest.mark.parametrize(
    ("text", "place"),
    [("colour = 1", "colour"), ("url = 1", "$.url"), ("= 1", "line 1"), ('theme = "x"', "theme")],
)
def test_wrong_settings_name_the_place(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "headroom" / "tui.toml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"tui\.toml"):
        load_config(path)
    code, said = tui(tmp_path)
    assert code == 2
    assert place in said
    assert said.count("\n") == 1
