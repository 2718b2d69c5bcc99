"""The walks of docs/architecture.md name functions that are where they are said to be."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = "docs/architecture.md"
STEP = re.compile(r"`([\w/]+\.py)`\s+\((`\w+`(?:,\s+`\w+`)*)\)")
WALKS_LEAST = 50
"""So many steps were found when this was written: the pattern must go on finding them."""


def steps(text: str) -> list[tuple[str, str]]:
    """Return each (file, name) of ``text``, written as `` `file.py` (`name`, `name`) ``."""
    return [
        (path, name) for path, names in STEP.findall(text) for name in re.findall(r"\w+", names)
    ]


def defines(source: str, name: str) -> bool:
    """Does ``source`` define a function, class or constant of this name?"""
    pattern = rf"^\s*(?:async def|def|class) {name}\b|^{name}\b[^=\n]*="
    return re.search(pattern, source, re.MULTILINE) is not None


def lacking(text: str) -> list[tuple[str, str]]:
    return [
        (path, name)
        for path, name in steps(text)
        if not (ROOT / path).exists() or not defines((ROOT / path).read_text("utf-8"), name)
    ]


def test_every_function_of_the_walks_is_in_its_file() -> None:
    text = (ROOT / PAGE).read_text("utf-8")
    assert len(steps(text)) >= WALKS_LEAST
    assert not lacking(text)


def test_a_planted_name_is_missed() -> None:
    text = "`exchange/gateway/context.py` (`command`,\n   `unheard_of`), `exchange/gone.py` (`ack`)"
    assert lacking(text) == [
        ("exchange/gateway/context.py", "unheard_of"),
        ("exchange/gone.py", "ack"),
    ]
