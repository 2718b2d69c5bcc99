"""The exchange built with mypyc from the same source: to be measured, never required.

What is compiled are the modules of the wheel that `make dist-compiled` builds. Modules that define
what msgspec decodes are not among them, because a compiled class body keeps no type arguments in
its annotations; both kinds work together.

A build lies in a folder named after all it was made from, so that it is made once.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parent.parent
SOURCE: Final = ROOT / "exchange"
BUILDS: Final = ROOT / "build" / "mypyc"
"""Ignored by git, removed by `make clean`."""
MODULES: Final = ROOT / "packaging" / "compiled" / "modules.txt"
HOT: Final = tuple(
    path.removeprefix("exchange/").removesuffix(".py").replace("/", ".")
    for path in MODULES.read_text().split()
)
TIMEOUT_S: Final = 900


class BuildError(Exception):
    """There is no compiled engine to measure; the text says why."""


def build(modules: tuple[str, ...] = HOT, source: Path = SOURCE, builds: Path = BUILDS) -> Path:
    """Return a folder with the package ``source``, its ``modules`` compiled, now or before."""
    done = builds / key(modules, source)
    if done.exists():
        return done
    missing = lacking()
    if missing is not None:
        raise BuildError(missing)
    try:
        builds.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="draft-", dir=builds) as draft:
            compile_copy(modules, source, Path(draft), builds / "build.log")
            for other in builds.iterdir():
                if other.is_dir() and not other.name.startswith("draft-"):
                    shutil.rmtree(other)  # of sources that are no more
            (Path(draft) / "tree").rename(done)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"the build failed: {error}") from error
    return done


def key(modules: tuple[str, ...], source: Path) -> str:
    """Return the name of the build: a hash of the sources and of what compiles them."""
    made_from = [version("mypy"), f"{sysconfig.get_config_var('SOABI')}", *modules]
    for path in sorted(source.rglob("*.py")):
        made_from += [path.relative_to(source).as_posix(), sha256(path.read_bytes()).hexdigest()]
    return sha256("\n".join(made_from).encode()).hexdigest()[:16]


def lacking(headers: Path | None = None) -> str | None:
    """Return what a build lacks on this machine, None when nothing."""
    if find_spec("mypyc") is None:
        return "mypyc is not installed"
    compiler = shlex.split(os.environ.get("CC") or f"{sysconfig.get_config_var('CC')}")[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    headers = headers or Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").exists():
        return "there are no headers of Python (Debian: python3-dev)"
    return None


def compile_copy(modules: tuple[str, ...], source: Path, draft: Path, log: Path) -> None:
    """Copy and compile in ``draft``; the result is its folder ``tree``."""
    tree = draft / "tree"
    shutil.copytree(source, tree / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    files = [f"{source.name}/{name.replace('.', '/')}.py" for name in modules]
    with log.open("w") as told:
        code = subprocess.run(
            # An empty --config-file: this project's own, found from here, is for checking it all.
            [sys.executable, "-m", "mypyc", "--config-file=", *files],
            cwd=tree,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        ).returncode
    if code:
        raise BuildError(f"the build failed, see {os.path.relpath(log)}")
    for by_product in ("build", ".mypy_cache"):
        shutil.rmtree(tree / by_product, ignore_errors=True)
