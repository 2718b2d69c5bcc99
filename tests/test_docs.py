"""The documentation tells the truth: links resolve, commands and options exist, examples run."""

import doctest
import itertools
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from exchange.cli.mounts import MOUNTS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE_COMMAND = re.compile(r"`(headroom [^`]+|make [a-z][^`]*)`")
BLOCK_COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?((?:headroom|make) .*)$", re.MULTILINE)


def page_ids(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_the_pages_a_reader_needs_exist() -> None:
    names = {page_ids(page) for page in PAGES}
    assert {"README.md", "CHANGELOG.md", "docs/architecture.md"} <= names


def test_the_newest_release_of_the_changelog_is_this_version() -> None:
    """Above it stands only what is not released yet."""
    headings = re.findall(
        r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert headings[:2] == ["Unreleased", metadata.version("headroom")]


@pytest.mark.parametrize("page", PAGES, ids=page_ids)
def test_links_resolve(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    broken = [target for target in LINK.findall(text) if not resolves(page, target)]
    assert not broken


def resolves(page: Path, target: str) -> bool:
    """Tell whether a relative link leads to a file and, with a fragment, to one of its headings."""
    if target.startswith(("https://", "http://", "mailto:")):
        return True
    name, _, fragment = target.partition("#")
    path = page.parent / name if name else page
    return path.exists() and (not fragment or fragment in anchors(path))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings as common Markdown renderers make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_ids)
def test_named_files_exist(page: Path) -> None:
    named = re.findall(r"`((?:[a-z_.]+/)+[\w.-]*)`", page.read_text("utf-8"))
    assert not [name for name in named if not (ROOT / name).exists()]


def commands_in(text: str) -> Iterator[str]:
    """Yield every `headroom ...` and `make ...` line of the fences and of inline code."""
    for block in FENCE.findall(text):
        for command in BLOCK_COMMAND.findall(block.replace("\\\n", " ")):
            yield re.split(r"\s(?:#|&|\|)(?:\s|$)", command)[0]
    yield from INLINE_COMMAND.findall(FENCE.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=page_ids)
def test_commands_and_options_exist(page: Path) -> None:
    wrong = [
        f"{command}: {why}"
        for command in commands_in(page.read_text("utf-8"))
        if (why := not_so(command))
    ]
    assert not wrong, "\n".join(wrong)


def not_so(command: str) -> str | None:
    """Return what is wrong with a documented command line, or None.

    ``headroom exchange init|serve`` stands for two command lines, which both must exist.
    """
    words = shlex.split(re.sub(r"[\[\]]", " ", command))
    choices = [word.split("|") if word.islower() else [word] for word in words]
    return next(filter(None, map(wrong_line, itertools.product(*choices))), None)


def wrong_line(words: tuple[str, ...]) -> str | None:
    program, *rest = words
    if program == "make":
        unknown = [word for word in rest if word not in make_targets() and "=" not in word]
        return f"no such make target: {unknown}" if unknown else None
    if not rest or rest[0].startswith("-"):
        return None
    if rest[0] not in MOUNTS:
        return f"no such sub-command: {rest[0]}"
    return wrong_in(sub_command(rest[0]), rest[1:])


def wrong_in(command: Any, words: list[str]) -> str | None:
    """Follow ``words`` down the command's groups, then look for the options they name."""
    while words and hasattr(command, "commands"):
        if words[0].startswith("-") or not words[0].islower():
            break
        if words[0] not in command.commands:
            return f"no such command: {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    known = {"--help"}.union(*({*param.opts, *param.secondary_opts} for param in command.params))
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    return f"no such option: {sorted(options - known)}" if options - known else None


@cache
def sub_command(name: str) -> Any:
    return get_command(import_module(MOUNTS[name].module).app)


@cache
def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_wrong_commands_are_found() -> None:
    """The check itself: each of these is a mistake that a page could contain."""
    assert not_so("headroom kee new PATH")
    assert not_so("headroom key renew PATH")
    assert not_so("headroom key new PATH --jason")
    assert not_so("headroom key new|renew PATH")
    assert not_so("make tests")
    assert not_so("headroom key new PATH [--json]") is None
    assert not_so("headroom exchange|host --help") is None
    assert not_so("make test") is None


@pytest.mark.parametrize("page", PAGES, ids=page_ids)
def test_examples_run(page: Path) -> None:
    assert doctest.testfile(str(page), module_relative=False).failed == 0


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=page_ids)
def test_decisions_have_their_three_parts(page: Path) -> None:
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
    headings = re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE)
    assert headings[:3] == ["Context", "Choice", "What it costs"]


def test_decision_numbers_are_unique() -> None:
    numbers = [page.name[:4] for page in (ROOT / "docs" / "decisions").glob("*.md")]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    "script",
    [*sorted((ROOT / ".ci").iterdir()), *sorted((ROOT / "packaging").glob("p*"))],
    ids=lambda path: path.name,
)
def test_scripts_parse(script: Path) -> None:
    done = subprocess.run(
        ["bash", "-n", str(script)], capture_output=True, text=True, timeout=10, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
