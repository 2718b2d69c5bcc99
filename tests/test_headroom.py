"""The command line: quick and lazy, one line for every mistake, the exit codes scripts rely on."""

import json
import os
import re
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import headroom
from exchange.cli.mounts import MOUNTS

ROOT = Path(__file__).parent.parent
HEAVY = ("textual", "websockets", "libvirt", "simpy", "aiosqlite", "cryptography", "asyncio")
DEADLINE_S = 60


def run(*args: str, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *python, "headroom.py", *args],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def run_program(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.mark.parametrize("statement", ["import headroom", "import headroom; headroom.build_app()"])
def test_importing_headroom_loads_no_part_of_it(statement: str) -> None:
    program = f"{statement}; import sys; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = run_program(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_help_names_every_sub_command_and_imports_none() -> None:
    done = run("--help", python=("-X", "importtime"))
    assert done.returncode == 0
    for name, mount in MOUNTS.items():
        assert f"\u2502 {name} " in done.stdout
        assert all(f"\u2502 {name} {part} " in done.stdout for part in mount.parts)
        assert f"| {mount.module}\n" not in done.stderr


def test_version() -> None:
    assert run("--version").stdout.startswith("headroom ")


@pytest.mark.parametrize("name", MOUNTS)
def test_every_sub_command_explains_itself(name: str) -> None:
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"headroom {name}" in done.stdout
    assert "completion" not in done.stdout


@pytest.mark.parametrize("args", [["nothing"], ["key"], ["key", "new"], ["--nothing"]])
def test_wrong_usage_exits_2(args: list[str]) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


WRONG = [
    (["nothing"], "headroom: no such command 'nothing'"),
    (["--nothing"], "headroom: no such option: --nothing"),
    (["key", "nwe"], "headroom: key: no such command 'nwe'. Did you mean 'new'?"),
    (["exchange", "serve"], "headroom: exchange serve: missing option '--data' or '--journal'"),
    (["order", "list"], "headroom: order list: missing option '--key' (env var: HEADROOM_KEY);"),
    (["exchange", "serve", "--data"], "headroom: exchange: option '--data' requires an argument"),
    (
        ["exchange", "serve", "--data", "x", "--image-quota-mib", "x"],
        "headroom: exchange serve: invalid value for '--image-quota-mib'",
    ),
    (
        ["admin", "halt", "--key", "k", "--symbol", "s"],
        "headroom: admin halt: missing option '--halted' or '--no-halted'",
    ),
]


@pytest.mark.parametrize(("args", "line"), WRONG)
def test_wrong_usage_is_one_line_that_names_it(args: list[str], line: str) -> None:
    """Seen to fail with Typer's own usage, hint and box."""
    done = run(*args)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith(line)
    assert done.stderr.endswith(" --help says more\n")


def test_a_missing_package_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = ModuleNotFoundError("No module named 'libvirt'", name="libvirt")
    assert headroom.missing_package("host", error) == 1
    line = capsys.readouterr().err
    assert line == (
        "headroom host: the Python package 'libvirt' is missing; pip install 'headroom[host]'\n"
    )


def test_ctrl_c_exits_130_without_a_traceback() -> None:
    """A mounted command that is interrupted while it runs, whatever it runs."""
    program = (
        "import sys, types, typer, headroom, threading, signal, exchange.cli.mounts\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def wait() -> None:\n"
        "    print('waiting', flush=True)\n"
        "    threading.Event().wait(60)\n"
        "sys.modules['waiting'] = types.ModuleType('waiting')\n"
        "sys.modules['waiting'].app = app\n"
        "exchange.cli.mounts.MOUNTS['key'] = exchange.cli.mounts.Mount('waiting', 'Wait.', {})\n"
        "sys.argv[1:] = ['key']\n"
        "headroom.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (130, "")


@pytest.mark.parametrize("module", ["typer", "exchange.cli.key", "cryptography"])
def test_ctrl_c_while_modules_are_imported(module: str) -> None:
    """The signal comes when ``module`` is looked for; without `quiet_imports` it is a traceback."""
    program = (
        "import os, signal, sys\n"
        "class Finger:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finger())\n"
        "sys.argv[1:] = ['key', 'show', 'absent.pem']\n"
        "import headroom\n"
        "headroom.main()\n"
    )
    done = run_program(program)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_while_a_server_starts_ends_it_in_order(tmp_path: Path) -> None:
    """(Before: the journal's threads were left, and the process with them.)"""
    key, data, ready = (str(tmp_path / name) for name in ("k.pem", "data", "ready"))
    assert run("key", "new", key).returncode == 0
    assert run("exchange", "init", "--data", data, "--operator-key", key).returncode == 0
    args = ["exchange", "serve", "--data", data, "--listen", "127.0.0.1:0", "--ready-file", ready]
    program = (
        "import os, signal, sys\n"
        "import headroom\n"
        "from exchange.server.server import ExchangeServer\n"
        "inner = ExchangeServer.open\n"
        "async def interrupted(self):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    await inner(self)\n"
        "ExchangeServer.open = interrupted\n"
        f"sys.argv[1:] = {args!r}\n"
        "headroom.main()\n"
    )
    done = run_program(program)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert not Path(ready).exists()


def test_standard_output_that_is_full_is_one_line(tmp_path: Path) -> None:
    key = tmp_path / "k.pem"
    assert run("key", "new", str(key)).returncode == 0
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "headroom.py", "key", "show", str(key)],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    line = "headroom: standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_importing_headroom_leaves_ctrl_c_as_it_was() -> None:
    program = (
        "import signal, headroom\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=DEADLINE_S, check=True)


def commands(name: str) -> dict[str, Any]:
    """Return every command of a mount by its path, the mount itself under its name."""
    root = headroom.mounted(import_module(MOUNTS[name].module).app)
    below = getattr(root, "commands", {})
    return {name: root, **{f"{name} {each}": command for each, command in below.items()}}


@pytest.mark.parametrize("name", MOUNTS)
def test_help_has_no_marks_and_nothing_that_the_terminal_would_swallow(name: str) -> None:
    for path, command in commands(name).items():
        texts = [command.help or "", *(param.help or "" for param in command.params)]
        wrong = [text for text in texts if "``" in text or re.search(r"\[[a-z#/@]", text)]
        assert not wrong, path


@pytest.mark.parametrize("name", MOUNTS)
def test_every_argument_and_option_says_what_it_is_for(name: str) -> None:
    for path, command in commands(name).items():
        shown = [param for param in command.params if not getattr(param, "hidden", False)]
        assert not [param.name for param in shown if not getattr(param, "help", None)], path


@pytest.mark.parametrize("name", ["demo", "tui"])
def test_usage_names_no_sub_command_where_there_is_none(name: str) -> None:
    assert "COMMAND" not in run(name, "--help").stdout


def test_key_new_and_show(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = run("key", "new", str(path))
    assert made.returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600
    shown = run("key", "show", str(path), "--json")
    assert json.loads(shown.stdout) == {"path": str(path), "public_key": made.stdout.strip()}
    again = run("key", "new", str(path))
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"headroom: key file {path}: exists already; not overwritten\n"
    assert run("key", "show", str(path)).stdout == made.stdout
