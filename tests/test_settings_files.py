"""A file of settings that no parser can bear is one line, in every command that reads one."""

from pathlib import Path

import pytest

from exchange.keys import public_key_b64
from tests.exchange.support.harness import OPERATOR, headroom

COMMANDS = {
    "exchange init": ("exchange", "init", "--data", "{data}", "--operator-key", "{key}"),
    "manager check": ("manager", "check"),
    "sim run": ("sim", "run"),
}
UNBEARABLE = [
    ("a = " + "[" * 5_000 + "]" * 5_000, "nested too deeply"),
    ("a" + ".a" * 20_000 + " = 1", "nested too deeply"),
    ("fee_pct = " + "9" * 5_000, "a number has too many digits"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_no_parser_can_bear_is_one_line(command: str, tmp_path: Path) -> None:
    """(Before, a traceback of 1,000 calls.)"""
    values = {"data": str(tmp_path / "data"), "key": public_key_b64(OPERATOR)}
    words = [word.format(**values) for word in COMMANDS[command]]
    path = tmp_path / "settings.toml"
    for text, what in UNBEARABLE:
        path.write_text(text)
        option = ["--config"] if command == "exchange init" else []
        code, out, errors = headroom(*words, *option, str(path))
        assert (code in (1, 2), out, errors.count("\n")) == (True, "", 1), errors[-500:]
        assert what in errors
        assert str(path) in errors
    assert not (tmp_path / "data").exists()
