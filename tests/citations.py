"""Citations of a page's section, such as ``rules.md 5.3`` or ``protocol.md, "Orders"``.

They stand in docstrings and comments of the code and in the text of pages. Each must name a page in
docs/ and a heading of it: by its number, or by its words in quotes. Code that means a whole page
writes it with its folder, such as docs/metrics.md. A decision is cited by the path of its page, or
by its number.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parent.parent / "docs"
PAGE = re.compile(r"(?<![\w/.-])(?<!\]\()(docs/)?([\w-]+)\.md\b")
NUMBER = re.compile(r"(?:,| and|, and| to)? \(?(\d+(?:\.\d+)?)(?!\.?\w)")
QUOTED = re.compile(r"(?:,| and|, and|;)? ?\(?(?:\"([^\"]+)\"|``([^`]+)``)")
DECISION = re.compile(r"decisions/(\d{4}[\w-]*)|\bdecisions?\s+(\d+)")
CITES = re.compile(r"\.md\b|decision")
IN_COMMENT = re.compile(r"#.*(?:\.md\b|decision)")
"""Most files hold none, which is told much faster than the code is parsed."""
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
NOT_PAGES = frozenset({"README", "CHANGELOG", "CONTRIBUTING", "SECURITY"})


class Text(NamedTuple):
    """A docstring, a block of comments, another string of the code, or a whole page."""

    line: int
    text: str
    is_prose: bool = True
    """Other strings are looked through for paths only: they may hold anything."""


def check_citations(path: str, source: str) -> list[str]:
    """Return the citations in ``source`` that lead nowhere, each as ``path:line: what``."""
    if not CITES.search(source):
        return []
    is_code = path.endswith(".py")
    texts = python_texts(source) if is_code else [Text(1, FENCE.sub(blank, source))]
    return [
        f"{path}:{part.line + at}: {what}"
        for part in texts
        for at, what in [*wrong_pages(part, bare_is_wrong=is_code), *wrong_decisions(part)]
    ]


def blank(fence: re.Match[str]) -> str:
    """Return as many empty lines as the fence has."""
    return "\n" * fence[0].count("\n")


def python_texts(source: str) -> Iterator[Text]:
    """Yield every docstring, every other string and every block of comments."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Text(node.lineno, node.value, id(node) in prose)
    if IN_COMMENT.search(source):
        yield from comments(source)


def comments(source: str) -> Iterator[Text]:
    """Yield every block of comments on lines that follow each other."""
    found: list[Text] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, text = token.start[0], token.string.lstrip("# ")
            if found and found[-1].line + found[-1].text.count("\n") + 1 == line:
                found[-1] = Text(found[-1].line, f"{found[-1].text}\n{text}")
            else:
                found.append(Text(line, text))
    yield from found


def wrong_pages(part: Text, *, bare_is_wrong: bool) -> Iterator[tuple[int, str]]:
    """Yield (lines below the first, what is wrong) of each page that is cited."""
    for cited in PAGE.finditer(part.text):
        folder, page = cited.groups()
        if page in NOT_PAGES or not (part.is_prose or folder):
            continue
        rest = " ".join(part.text[cited.end() :].splitlines()) if part.is_prose else ""
        named = list(sections(re.sub(" +", " ", rest)))
        for what in wrong_page(page, named, needs_one=bare_is_wrong and not folder):
            yield part.text.count("\n", 0, cited.start()), what


def wrong_page(page: str, named: list[str], *, needs_one: bool) -> Iterator[str]:
    """Yield what is wrong with a citation of these sections of a page."""
    if not (DOCS / f"{page}.md").exists():
        yield f"there is no page docs/{page}.md"
        return
    yield from (f"{page}.md has no section {name!r}" for name in named if name not in known(page))
    if needs_one and not named:
        yield f"which section of {page}.md?"


def sections(rest: str) -> Iterator[str]:
    """Yield the numbers, or the words in quotes, that follow the name of a page."""
    pattern = NUMBER if NUMBER.match(rest) else QUOTED
    at = 0
    while found := pattern.match(rest, at):
        yield next(group for group in found.groups() if group).rstrip(",.")
        at = found.end()


def wrong_decisions(part: Text) -> Iterator[tuple[int, str]]:
    """Yield (lines below the first, what is wrong) of each decision that is cited."""
    for cited in DECISION.finditer(part.text):
        name = cited[1] or (cited[2].zfill(4) if part.is_prose else "")
        if name and not any(page == name or page[:4] == name for page in decisions()):
            yield part.text.count("\n", 0, cited.start()), f"there is no decision {name}"


@cache
def decisions() -> frozenset[str]:
    return frozenset(page.stem for page in (DOCS / "decisions").glob("*.md"))


@cache
def known(page: str) -> frozenset[str]:
    """Return the headings of a page in docs/, and the numbers that they begin with."""
    text = FENCE.sub("", (DOCS / f"{page}.md").read_text("utf-8"))
    headings = [heading.replace("`", "") for heading in HEADING.findall(text)]
    numbers = [heading.split()[0] for heading in headings if heading[0].isdigit()]
    return frozenset(headings + numbers)
