"""The engine built with mypyc is optional: without one the benchmark says why and goes on.

What builds it for real is in `tests/e2e/test_bench_mypyc.py`, where a compiler is installed. Here
its process runs on plain copies of the exchange.
"""

import ast
import re
import shutil
from pathlib import Path

import pytest

from bench.__main__ import SECTIONS, options
from bench.build import HOT, ROOT, SOURCE, BuildError, build, compile_copy, key, lacking
from bench.compiled import Compiled
from bench.flow import Flow, Shape, make
from bench.report import BARE, FULL

SMALL = Shape("small", 2, 60, 20, 100, 200, seed=3)


@pytest.fixture(scope="module")
def flow() -> Flow:
    return make(SMALL)


def plain_copy(folder: Path, modules: tuple[str, ...] = ()) -> Compiled:
    """Return what measures an exchange of which nothing is compiled, copied to ``folder``."""
    shutil.copytree(SOURCE, folder / SOURCE.name)
    subject = Compiled(modules)
    subject.tree = folder
    return subject


def test_what_is_compiled_is_there() -> None:
    paths = {name: SOURCE / f"{name.replace('.', '/')}.py" for name in HOT}
    assert [name for name, path in paths.items() if not path.exists()] == []


def test_nothing_compiled_defines_what_msgspec_decodes() -> None:
    """A compiled class body keeps no type arguments, so a Struct there could not be read back."""
    for name in HOT:
        tree = ast.parse((SOURCE / f"{name.replace('.', '/')}.py").read_text())
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        bases = [ast.unparse(base) for node in classes for base in node.bases]
        assert not [base for base in bases if base.endswith("Struct")], name


def test_nothing_compiled_is_extended_by_source() -> None:
    """A compiled class takes no subclass that is interpreted: not the exchange's, not a test's."""
    closed = {
        f"exchange.{name}.{node.name}"
        for name in HOT
        for node in ast.walk(ast.parse((SOURCE / f"{name.replace('.', '/')}.py").read_text()))
        if isinstance(node, ast.ClassDef)
    }
    compiled = {SOURCE / f"{name.replace('.', '/')}.py" for name in HOT}
    found = [
        f"{path}: {base}"
        for folder in ("exchange", "sim", "manager", "hostagent", "tui", "bench", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path not in compiled
        for base in bases_of(path.read_text(encoding="utf-8"))
        if base in closed
    ]
    assert found == []


def bases_of(source: str) -> list[str]:
    """Return the full names of what the classes of a module extend, where it was imported."""
    names = re.findall(r"^ *class \w+\((\w+)[,)]", source, re.MULTILINE)
    return [
        f"{module}.{name}"
        for name in names
        for module in re.findall(
            rf"^from (\S+) import (?:.*\b{name}\b|\([^)]*\b{name}\b)", source, re.MULTILINE
        )
    ]


def test_a_build_is_named_after_its_sources_and_what_is_compiled(tmp_path: Path) -> None:
    source = tmp_path / "exchange"
    source.mkdir()
    (source / "book.py").write_text("A = 1\n")
    names = [key(("book",), source), key(("book",), source)]
    assert names[0] == names[1]
    names.append(key(("book", "plain"), source))
    (source / "book.py").write_text("A = 2\n")
    names.append(key(("book",), source))
    (source / "book.py").rename(source / "books.py")
    names.append(key(("book",), source))
    assert len(set(names)) == 4


def test_what_was_built_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    done = tmp_path / key(("book",), SOURCE)
    done.mkdir()
    assert build(("book",), builds=tmp_path) == done


def test_without_a_compiler_one_line_says_so(
    flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    subject = Compiled()
    subject.build(tmp_path / "builds")
    assert subject.figures(flow, 1) == []
    assert subject.notes == [
        "no figures of the engine compiled with mypyc: there is no C compiler (no-such-compiler)"
    ]
    assert not (tmp_path / "builds").exists()


def test_without_headers_of_python_nothing_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "true")
    assert lacking(tmp_path) == "there are no headers of Python (Debian: python3-dev)"
    (tmp_path / "Python.h").touch()
    assert lacking(tmp_path) is None


def test_a_build_that_fails_names_its_log(tmp_path: Path) -> None:
    """What mypyc cannot read fails before any compiler is called, so none is needed here."""
    source, log = tmp_path / "exchange", tmp_path / "build.log"
    source.mkdir()
    (source / "book.py").write_text("def\n")
    with pytest.raises(BuildError, match=r"the build failed, see .*build\.log"):
        compile_copy(("book",), source, tmp_path / "draft", log)
    assert "exchange/book.py:1: error" in log.read_text()


def test_the_process_measures_the_exchange_of_its_folder(flow: Flow, tmp_path: Path) -> None:
    subject = plain_copy(tmp_path)
    figures = subject.figures(flow, 1)
    assert subject.notes == []
    assert [figure.name.split(",")[0] for figure in figures] == [BARE, FULL]
    assert all(figure.value > 0 and figure.verdict() == "" for figure in figures)


def test_what_is_not_compiled_is_not_shown_as_if(flow: Flow, tmp_path: Path) -> None:
    subject = plain_copy(tmp_path, modules=("model.book",))
    assert subject.figures(flow, 1) == []
    assert subject.notes[0].endswith("AssertionError: model.book is not compiled")


def test_an_engine_that_ends_in_another_state_is_not_shown(flow: Flow, tmp_path: Path) -> None:
    """A planted bug, one micro-credit too much: the books are as they should be, money is not."""
    subject = plain_copy(tmp_path)
    ledger = tmp_path / "exchange" / "model" / "ledger.py"
    right = 'account.available_ucr += amount_ucr\n        self.moved.setdefault(account, "deposit"'
    text = ledger.read_text()
    assert text.count(right) == 1
    ledger.write_text(text.replace(right, right.replace("amount_ucr\n", "amount_ucr + 1\n")))
    assert subject.figures(flow, 1) == []
    assert subject.notes[0].endswith("it ends the flow 'small' in another state")


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("", list(SECTIONS)),
        ("instrument", ["1 instrument", "100 instruments", "1 instrument, thin book"]),
        ("resting", ["40,000 resting"]),
        ("alone", ["full engine alone"]),
        ("socket", ["socket"]),
    ],
)
def test_only_chooses_by_part_of_the_name(text: str, sections: list[str]) -> None:
    assert options(["--only", text]) == (sections, 7, False)


def test_only_names_the_sections_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        options(["--only", "sockets"])
    assert "'full engine alone', 'socket'" in capsys.readouterr().err
