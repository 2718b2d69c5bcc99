"""Types that are there for the type checker alone: `if TYPE_CHECKING` and quoted annotations.

Both hide an import: the file reads as if it did not need the other, and a circle of files goes
unseen. A class may quote its own name, which it cannot say otherwise; an optional third-party
package may be imported for its types, since the program must load without it. Classes of one file
that name each other may use ``from __future__ import annotations``: that hides no import.
"""

import ast
from collections.abc import Iterator, Sequence

from tests.tidy_rules import OPTIONAL

Found = Iterator[tuple[int, str]]


def type_only(nodes: Sequence[ast.AST]) -> Found:
    """Yield (line, what) of every import for types alone and every quoted annotation.

    ``nodes``: all those of a module.
    """
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    for node in nodes:
        if isinstance(node, ast.If) and _is_guard(node) and not all(map(_is_optional, node.body)):
            yield node.lineno, "if TYPE_CHECKING: import it, or open the circle"
        for annotation in _annotations(node):
            for line, text in _strings(annotation):
                if not _may_quote(classes, line) & _names(text):
                    yield line, f"{text!r}: a quoted annotation; import the type"


def _may_quote(classes: list[ast.ClassDef], line: int) -> set[str]:
    """Return the names that may be quoted there: the class around it, optional packages."""
    around = {each.name for each in classes if each.lineno <= line <= (each.end_lineno or line)}
    return around | OPTIONAL


def _is_guard(node: ast.If) -> bool:
    return any(_last_name(part) == "TYPE_CHECKING" for part in ast.walk(node.test))


def _is_optional(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return (statement.module or "").partition(".")[0] in OPTIONAL
    return isinstance(statement, ast.Import) and all(
        alias.name.partition(".")[0] in OPTIONAL for alias in statement.names
    )


def _annotations(node: ast.AST) -> Iterator[ast.expr | None]:
    """Yield what ``node`` itself says as a type."""
    if isinstance(node, ast.arg):
        yield node.annotation
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.returns
    elif isinstance(node, ast.AnnAssign):
        yield node.annotation
        if _last_name(node.annotation) == "TypeAlias":
            yield node.value
    elif isinstance(node, ast.Call) and _last_name(node.func) == "cast":
        yield from node.args[:1]


def _strings(node: ast.AST | None) -> Found:
    """Yield (line, string) of what stands for a type, not for a value of Literal or Meta."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    elif isinstance(node, ast.Subscript) and _last_name(node.value) == "Annotated":
        yield from _strings(node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else None)
    elif isinstance(node, ast.Subscript) and _last_name(node.value) == "Literal":
        return
    elif node is not None and not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from _strings(child)


def _names(annotation: str) -> set[str]:
    tree = ast.parse(annotation, mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _last_name(node: ast.AST) -> str:
    """Return ``b`` of ``b``, ``a.b`` and ``a.b[c]``; what else it may be has no name."""
    if isinstance(node, ast.Subscript):
        return _last_name(node.value)
    return getattr(node, "attr", getattr(node, "id", ""))
