"""A real build with mypyc. It stands here because only `make e2e` installs a C compiler."""

from pathlib import Path

from bench.compiled import Compiled
from bench.flow import Shape, make


def test_a_compiled_book_ends_in_the_same_state_and_is_built_once(tmp_path: Path) -> None:
    subject = Compiled(("model.book",))
    subject.build(tmp_path)
    assert subject.notes == []
    assert subject.tree is not None
    built = subject.tree.stat().st_ino
    subject.build(tmp_path)
    assert subject.tree.stat().st_ino == built
    figures = subject.figures(make(Shape("small", 2, 400, 20, 100, 1_000)), 1)
    assert subject.notes == []
    assert len(figures) == 2
