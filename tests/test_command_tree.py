"""All commands of `headroom`, walked: each explains itself, and the same option is the same."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import headroom
from exchange.cli import common
from exchange.cli.mounts import MOUNTS
from tests.tidy_rules import PACKAGES

ROOT = Path(__file__).parent.parent
COMMON = ROOT / "exchange" / "cli" / "common.py"
CLIENTS = {"account", "admin", "find", "image", "lease", "manager", "order", "request", "tui", "vm"}
NO_CLIENTS = {f"manager {name}" for name in ("check", "dry-run", "install-service", "vm")}
"""Besides those that ask a running Manager by its control socket."""
FLEET = {f"host {name}" for name in ("list", "approve", "drain", "offer", "recall", "token")}
HOST_CLIENTS = {"host enroll", "host run", "host install-service"} | FLEET
TALKS_TO_BOTH = {"manager run", "tui"}
"""Of the exchange and of the control socket."""
TAKES_URL = {"host build-live", "host doctor"}
"""The image will ask it, the doctor compares clocks with it; neither logs in."""
OTHERWISE = {
    *(("--json", f"sim {name}") for name in ("run", "decide", "sweep")),
    ("--role", "host build-live"),
}
"""Their contracts give --json a file (docs/decisions/0060-options-with-one-meaning.md) and --role
what a booted server is to be, host or manager; a key's role is another thing."""


@cache
def roots() -> dict[str, Any]:
    return {name: headroom.mounted(import_module(MOUNTS[name].module).app) for name in MOUNTS}


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, by its words."""
    for name, root in roots().items():
        parts = {
            part: command
            for part, command in getattr(root, "commands", {}).items()
            if not command.hidden
        }
        for part, command in parts.items():
            yield f"{name} {part}", command
        if not parts:
            yield name, root


def options() -> Iterator[tuple[str, str, Any]]:
    """Yield (option, command, its parameter)."""
    for name, command in commands():
        for param in command.params:
            for option in param.opts:
                if option.startswith("--") and option != "--help":
                    yield option, name, param


def test_the_root_help_tells_of_what_there_is() -> None:
    """Seen to fail with a command taken out of the table, and with one made up."""
    for name, root in roots().items():
        there = {part for part, each in getattr(root, "commands", {}).items() if not each.hidden}
        assert set(MOUNTS[name].parts) == there, name
        assert all(text.endswith(".") for text in MOUNTS[name].parts.values())
        if there:
            assert root.help == MOUNTS[name].help


def test_everything_has_a_help_text() -> None:
    """Seen to fail while most options of `admin` had none."""
    for name, command in commands():
        assert command.help, name
        bare = [param.opts[0] for param in command.params if not getattr(param, "help", None)]
        assert not bare, name


def test_the_same_name_is_the_same_option() -> None:
    """Seen to fail while --key read an environment variable here and none there."""
    meant: dict[str, tuple[str, Any]] = {}
    for option, command, param in options():
        if (option, command) in OTHERWISE:
            continue
        kind = (
            param.type_descriptor.annotation,
            param.is_flag,
            param.multiple,
            environment(param),
        )
        first, known = meant.setdefault(option, (command, kind))
        assert known == kind, f"{option} of {first} and of {command}"


def environment(param: Any) -> set[str]:
    """Return the variables an option reads; the operator's stands before the one all read."""
    names = [param.envvar] if isinstance(param.envvar, str) else list(param.envvar or [])
    if common.OPERATOR_KEY_ENV in names:
        assert names[0] == common.OPERATOR_KEY_ENV
    return set(names) - {common.OPERATOR_KEY_ENV}


def test_every_client_takes_url_and_key() -> None:
    """Seen to fail while `tui` and `host` took no key from the environment, `manager` nothing."""
    clients = {name for name, _ in commands() if name.split()[0] in CLIENTS} - NO_CLIENTS
    clients -= {name for option, name, _ in options() if option == "--control"} - TALKS_TO_BOTH
    for option, variable in (("--url", common.URL_ENV), ("--key", common.KEY_ENV)):
        taken = {name: param for each, name, param in options() if each == option}
        further = TAKES_URL if option == "--url" else set()
        assert set(taken) == clients | HOST_CLIENTS | further
        assert all(variable in environment(param) for param in taken.values())


def sources() -> list[Path]:
    folders = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [path for path in [*folders, ROOT / "headroom.py"] if path != COMMON]


@pytest.mark.parametrize(
    "again",
    [
        r'Option\(\s*"--(url|key|json|out)"',
        r"HEADROOM_(URL|KEY|OPERATOR_KEY)\b",
        r"^EXIT_(NOT_SO|USAGE|INTERRUPTED|TERMINATED)\b.*=",
        r"^def _?(fail|leave|usage)\(text",
        r"^DEFAULT_URL\b.*=",
    ],
)
def test_what_commands_share_is_declared_once(again: str) -> None:
    """Seen to fail on each of these in what the command lines were before."""
    pattern = re.compile(again, re.MULTILINE)
    assert pattern.search(COMMON.read_text("utf-8")), "else this looks for nothing"
    assert not [path for path in sources() if pattern.search(path.read_text("utf-8"))]
