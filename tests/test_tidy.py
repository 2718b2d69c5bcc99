"""The walls of docs/architecture.md, held by a test: purity, who imports whom, sizes, locks.

The planted violations below prove that the checker finds what it is for; the tree must have none.
"""

import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.circles import circles
from tests.tidy import Module, check_lock, check_python, check_text, is_core, module_name, read
from tests.tidy_rules import PACKAGES

ROOT = Path(__file__).parent.parent
FOLDERS = (*PACKAGES, "tests", "bench", "docs", "scenarios", "requirements", ".ci")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".tcss", ".txt", ".sh", ""}
BUILT = {"__pycache__", "build"}

# Loaded by no core, directly or through what it imports.
NEVER_LOADED = ("asyncio", "sqlite3", "websockets", "aiosqlite", "simpy", "textual", "libvirt")


def files() -> list[Path]:
    """Return every text file of the project, sorted, without what tools have made."""
    inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    every = [*(path for path in ROOT.iterdir() if path.name != ".git"), *inside]
    return sorted(
        path
        for path in every
        if path.is_file() and path.suffix in TEXT_SUFFIXES and not BUILT & set(path.parts)
    )


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def modules() -> list[Path]:
    return [path for path in files() if path.suffix == ".py"]


@cache
def everything() -> dict[str, Module]:
    """Return what is known of every module, by its path."""
    return {relative(path): read(relative(path), path.read_text("utf-8")) for path in modules()}


def test_no_module_breaks_a_rule() -> None:
    broken = [line for module in everything().values() for line in module.broken]
    assert not broken, "\n".join(broken)


def test_no_files_import_each_other_in_a_circle() -> None:
    imported = {
        module_name(path): module.imported
        for path, module in everything().items()
        if path.split("/")[0] in PACKAGES
    }
    assert not circles(imported)


def test_a_planted_circle_is_found() -> None:
    types_only = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.a import A\n"
    planted = {"p.a": "from p import b\n", "p.b": types_only, "p.c": "import p.a\n"}
    imported = {name: read("p.py", source).imported for name, source in planted.items()}
    assert circles(imported) == [["p.a", "p.b"]]


def test_no_text_file_has_trailing_white_space() -> None:
    broken = [
        line for path in files() for line in check_text(relative(path), path.read_text("utf-8"))
    ]
    assert not broken, "\n".join(broken)


def test_locks_carry_hashes_and_no_index() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert locks, "the locks are in requirements/"
    broken = [line for path in locks for line in check_lock(relative(path), path.read_text())]
    assert not broken, "\n".join(broken)


def test_packages_are_all_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["packages"]["find"]["include"]
    # The shipped scenarios are no package, but are found beside them.
    assert patterns == sorted([*(f"{package}*" for package in PACKAGES), "scenarios"])
    lacking = [
        relative(path.parent)
        for path in modules()
        if relative(path).split("/")[0] in (*PACKAGES, "tests", "bench")
        and not (path.parent / "__init__.py").exists()
    ]
    assert not lacking, "folders with modules but without __init__.py are not installed"


def test_what_is_no_python_is_installed_too() -> None:
    """A stylesheet outside package-data works in a checkout and is missing everywhere else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]
    left_out = [
        relative(path)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*"))
        if path.is_file() and path.suffix != ".py" and not BUILT & set(path.parts)
        if not any(
            path in (ROOT / name.replace(".", "/")).glob(pattern)
            for name, patterns in data.items()
            for pattern in patterns
        )
    ]
    assert not left_out


def test_every_pattern_of_package_data_finds_something() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]
    empty = [
        f"{name}: {pattern}"
        for name, patterns in data.items()
        for pattern in patterns
        if not any((ROOT / name.replace(".", "/")).glob(pattern))
    ]
    assert not empty


def test_every_package_says_that_it_has_types() -> None:
    assert not [package for package in PACKAGES if not (ROOT / package / "py.typed").exists()]


def test_cores_load_nothing_that_waits() -> None:
    """What the tables promise of the source holds of the running program as well."""
    cores = [name for path in modules() if is_core(name := module_name(relative(path)))]
    assert len(cores) > len(PACKAGES)
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        f"print([name for name in {NEVER_LOADED!r} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *cores],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


# Each row: where it is planted, what is planted, a part of the answer.
PLANTED = [
    ("exchange/engine/engine.py", "import time", "time: not a pure"),
    ("exchange/engine/engine.py", "def f() -> None:\n    import time", "time: not a pure"),
    ("exchange/engine/engine.py", "from time import monotonic", "time: not a pure"),
    ("exchange/engine/engine.py", "import random", "random: not a pure"),
    ("exchange/engine/engine.py", "import asyncio", "asyncio: not a pure"),
    ("exchange/engine/engine.py", "import os.path", "os: not a pure"),
    ("exchange/engine/engine.py", "import websockets", "websockets: not a dependency"),
    ("exchange/engine/engine.py", "import uuid", "uuid: not a pure"),
    ("exchange/engine/engine.py", "x = __import__('time')", "computed name"),
    ("exchange/engine/engine.py", "import importlib", "computed name"),
    ("exchange/engine/engine.py", "from importlib import resources", "computed name"),
    ("exchange/engine/engine.py", "from . import clock", "relative import"),
    ("exchange/engine/engine.py", "from .journal import Journal", "relative import"),
    ("exchange/engine/engine.py", "from exchange.storage import disk", "pure room imports a shell"),
    (
        "exchange/engine/engine.py",
        "from exchange.server.server import serve",
        "pure room imports a shell",
    ),
    (
        "exchange/engine/engine.py",
        "import exchange.server.clock as ports",
        "pure room imports a shell",
    ),
    (
        "exchange/engine/engine.py",
        "from datetime import datetime\nx = datetime.now()",
        ".now: time is",
    ),
    ("exchange/engine/engine.py", "now = datetime.now", ".now: time is"),
    ("exchange/engine/engine.py", "async def f() -> None: ...", "never waits"),
    (
        "exchange/gateway/context.py",
        "class P(Protocol):\n    async def f(self):\n        g()",
        "never waits",
    ),
    ("exchange/engine/engine.py", "x = open('f')", "open: reaches"),
    ("exchange/engine/engine.py", "x = hash('a')", "hash: reaches"),
    ("exchange/engine/engine.py", "for x in {1, 2}: f(x)", "over a set"),
    ("exchange/engine/engine.py", "x = [y for y in set(z)]", "over a set"),
    ("exchange/engine/engine.py", "x = list({y for y in z})", "over a set"),
    ("exchange/wire/new_module.py", "import socket", "socket: not a pure"),
    (
        "exchange/engine/engine.py",
        "from manager.core.rule import Rule",
        "exchange.engine does not import manager",
    ),
    (
        "exchange/wire/codec.py",
        "from exchange.model import book",
        "wire does not import exchange.m",
    ),
    ("exchange/server/server.py", "import simpy", "simpy: not a dependency"),
    ("exchange/server/server.py", "import importlib", "computed name"),
    ("exchange/server/server.py", "from sim.network.pump import P", "does not import sim"),
    ("exchange/server/server.py", "import headroom", "nothing below imports headroom"),
    ("exchange/client/client.py", "import hostagent.core", "client does not import hostagent"),
    (
        "manager/shell/daemon.py",
        "from exchange.engine.engine import Engine",
        "does not import exchange.engine",
    ),
    (
        "manager/shell/daemon.py",
        "from exchange.model import book",
        "does not import exchange.model",
    ),
    ("manager/shell/daemon.py", "import tui.app", "manager.shell does not import tui"),
    ("manager/core/rule.py", "from exchange.client import Client", "imports a shell"),
    ("manager/core/rule.py", "import time", "time: not a pure"),
    ("hostagent/agent.py", "from manager.core import Manager", "hostagent does not import manager"),
    ("hostagent/agent.py", "import libvirt", "libvirt"),
    ("hostagent/agent.py", "def f() -> None:\n    import libvirt", "libvirt"),
    ("hostagent/core/reconcile.py", "import subprocess", "subprocess: not a pure"),
    ("sim/run/world.py", "import libvirt", "libvirt"),
    ("sim/run/world.py", "import aiosqlite", "aiosqlite: not a dependency"),
    ("sim/run/world.py", "from textual.app import App", "textual: not a dependency"),
    ("sim/run/world.py", "from exchange.storage.sqlite_journal import X", "does not import"),
    ("sim/run/world.py", "import random\nx = random.random()", "own random.Random"),
    ("sim/run/world.py", "from random import choice", "own random.Random"),
    ("tui/app.py", "from hostagent.core import Agent", "tui does not import hostagent"),
    ("tui/app.py", "import simpy", "simpy: not a dependency"),
    ("tui/view/ladder.py", "from textual.widget import Widget", "textual: not a dependency"),
    ("tui/view/ladder.py", "import asyncio", "asyncio: not a pure"),
    ("tui/view/ladder.py", "from exchange.client import Client", "imports a shell"),
    ("tui/app.py", "if TYPE_CHECKING:\n    from exchange import keys", "open the circle"),
    ("tui/app.py", "if not TYPE_CHECKING and y:\n    x = 1", "open the circle"),
    ("tui/app.py", "if typing.TYPE_CHECKING:\n    x = 1", "open the circle"),
    ("tests/x.py", "if TYPE_CHECKING:\n    from exchange import keys", "open the circle"),
    ("tui/app.py", "def f(x: 'Market') -> None: ...", "quoted annotation"),
    ("tui/app.py", "def f() -> 'list[Market]': ...", "quoted annotation"),
    ("tui/app.py", "async def f(*, x: list['Market']) -> None: ...", "quoted annotation"),
    ("tui/app.py", "def f(*many: 'Market', **named: 'Market') -> None: ...", "quoted annotation"),
    ("tui/app.py", "class A:\n    x: 'B | None' = None", "quoted annotation"),
    ("tui/app.py", "x: TypeAlias = Callable[['Market'], None]", "quoted annotation"),
    ("tui/app.py", "x: Annotated['Market', Meta(gt=0)]", "quoted annotation"),
    ("tui/app.py", "y = cast('Market', x)", "quoted annotation"),
    ("bench/x.py", "class A: ...\n\n\ndef f() -> 'A': ...", "quoted annotation"),
    ("tui/app.py", "x = 1  # TO" + "DO: later", "unfinished"),
    ("tui/app.py", "raise NotImplemented" + "Error", "unfinished"),
    ("tui/app.py", "x = 1  # type: ig" + "nore", "silenced"),
    ("tui/app.py", "import os  # no" + "qa", "silenced"),
    ("tui/app.py", "x = 1 ", "trailing"),
    ("tui/app.py", "x = '" + "a" * 100 + "'", "columns"),
    ("tui/app.py", "x = 1\n" * 400, "401 lines"),
    ("tui/app.py", "def f() -> None:\n" + "    g()\n" * 50, "f has 51 lines"),
]


@pytest.mark.parametrize(("path", "source", "answer"), PLANTED)
def test_a_planted_violation_is_found(path: str, source: str, answer: str) -> None:
    found = check_python(path, source + "\n")
    assert any(answer in line for line in found), found


ALLOWED = [
    (
        "exchange/engine/engine.py",
        "from exchange.model import book, ledger\nfrom msgspec import Struct",
    ),
    ("exchange/model/instrument.py", "from datetime import UTC, datetime, timedelta"),
    ("exchange/engine/engine.py", "for x in sorted({1, 2}):\n    f(x)"),
    ("exchange/gateway/context.py", "class P(Protocol):\n    async def f(self) -> None: ..."),
    ("hostagent/core/residual.py", "class R(Struct):\n    open: bool\n    x: int = 0"),
    (
        "exchange/server/server.py",
        "import asyncio\nimport websockets\nfrom exchange.engine import Engine",
    ),
    ("manager/core/core.py", "from exchange.wire.requests import OrderPlace"),
    ("manager/shell/daemon.py", "from exchange.client import Client\nfrom exchange import keys"),
    ("hostagent/machine/libvirt_hypervisor.py", "import libvirt"),
    ("tui/app.py", "from manager.core import Manager\nfrom textual.app import App"),
    (
        "sim/run/world.py",
        "import random\nx = random.Random('1/a')\nfrom exchange.engine import Engine",
    ),
    ("headroom.py", "from importlib import import_module"),
    ("tui/app.py", "from pathlib import Path  # no" + "qa: F401"),
    ("tui/app.py", "class A:\n    def f(self, other: 'A | None') -> list['A']: ..."),
    ("tui/app.py", "x: Annotated[str, Meta(pattern='a')]\ny: Literal['b'] = 'b'"),
    (
        "hostagent/machine/libvirt_hypervisor.py",
        "if TYPE_CHECKING:\n    import libvirt\n\n\ndef f(x: 'libvirt.virDomain') -> None: ...",
    ),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert check_python(path, source + "\n") == []


def test_a_lock_with_an_address_or_without_hashes_is_found() -> None:
    for line in ("scheme://host", "--no-index", "--find-links wheels", "--trusted-host host"):
        assert check_lock("l.txt", line + "\n"), line
    assert check_lock("l.txt", "simpy==4.1.2\n")
    assert not check_lock("l.txt", "simpy==4.1.2 \\\n    --hash=sha256:00\n")
