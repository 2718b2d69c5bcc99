"""The checker behind `test_tidy.py`: what a module breaks, and what it imports.

A function of text, so that a test can plant a violation and see it found. The tables it applies
are in `tidy_rules.py`.
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from tests.quoted import type_only
from tests.rooms import refusal, room_of
from tests.tidy_rules import (
    CLOCK_ATTRIBUTES,
    COLUMNS_MAX,
    COMPOSERS,
    DYNAMIC_IMPORT,
    FILE_LINES_MAX,
    FUNCTION_LINES_MAX,
    HARMLESS_IMPORTLIB,
    IMPURE_BUILTINS,
    LIBVIRT,
    LIBVIRT_MODULES,
    PACKAGES,
    PURE_PARTS,
    PURE_STDLIB,
    SEEDED_HASHES,
    THIRD_PARTY,
)

Found = Iterator[tuple[int, str]]
Nodes = Sequence[ast.AST]
"""Every node of a module: the tree is walked once."""

# Written in two halves so that the checker does not find itself.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")
BARE_IGNORE = re.compile(r"#\s*(type:\s*ig" + r"nore(?!\[)|no" + r"qa(?!:\s*[A-Z]))")


class Module(NamedTuple):
    """What a module breaks, one line ``path:line: what`` each, and the dotted names it imports."""

    broken: list[str]
    imported: list[str]


def read(path: str, source: str) -> Module:
    """Read the module ``source`` at ``path`` (relative, posix). Raises `SyntaxError`."""
    nodes = tuple(ast.walk(ast.parse(source, path)))
    module = module_name(path)
    found = [*_lines(source), *_lengths(source, nodes), *type_only(nodes)]
    if module.partition(".")[0] in PACKAGES or module in COMPOSERS:
        found += [*_imports(module, nodes)]
    if is_core(module):
        found += [*_impurities(module, nodes)]
    if module.startswith("sim."):
        found += [*_shared_random(nodes)]
    return Module(
        [f"{path}:{line}: {what}" for line, what in sorted(found)],
        [name for _, name in _imported(nodes)],
    )


def check_python(path: str, source: str) -> list[str]:
    """Return every rule that the module breaks; see `Module`."""
    return read(path, source).broken


def check_text(path: str, text: str) -> list[str]:
    """Return the lines of a text file (any language) that end in white space."""
    return [
        f"{path}:{number}: trailing white space"
        for number, line in enumerate(text.split("\n"), 1)
        if line != line.rstrip()
    ]


def check_lock(path: str, text: str) -> list[str]:
    """Return what a lock file says about where packages come from, or lacks of their hashes."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if "://" in line or "index" in line or "find-links" in line or "trusted-host" in line:
            found.append(f"{path}:{number}: a lock names no package index")
        if "==" in line and not line.startswith("#") and not line.endswith("\\"):
            found.append(f"{path}:{number}: a locked package without hashes")
    return found


def module_name(path: str) -> str:
    """Return the dotted module of a relative path, such as ``exchange.model.book``."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_core(module: str) -> bool:
    """Tell whether ``module`` must be pure: no clock, file, socket, randomness or waiting."""
    room = room_of(module)
    return room is not None and room.pure


def _lines(source: str) -> Found:
    for number, line in enumerate(source.split("\n"), 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"longer than {COLUMNS_MAX} columns"
        if line != line.rstrip():
            yield number, "trailing white space"
        if UNFINISHED.search(line):
            yield number, "unfinished work"
        if BARE_IGNORE.search(line):
            yield number, "a checker silenced without naming the rule"


def _lengths(source: str, nodes: Nodes) -> Found:
    count = len(source.splitlines())
    if count > FILE_LINES_MAX:
        yield 1, f"{count} lines; split the module (at most {FILE_LINES_MAX})"
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield node.lineno, f"{node.name} has {length} lines (at most {FUNCTION_LINES_MAX})"


def _imports(module: str, nodes: Nodes) -> Found:
    for line, imported in _imported(nodes):
        what = _import_refusal(module, imported)
        if what:
            yield line, what


def _imported(nodes: Nodes) -> Found:
    """Yield (line, dotted name) of every import, also inside functions and type-checking blocks.

    ``from a import b`` yields ``a.b``: whether ``b`` is a module or a name in ``a``, the longest
    known prefix decides. A relative import yields its leading dots.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif isinstance(node, ast.Name) and node.id == "__import__":
            yield node.lineno, "importlib.__import__"


def _import_refusal(module: str, imported: str) -> str | None:
    """Return why ``module`` may not import ``imported``, or None when it may."""
    top = imported.partition(".")[0]
    if imported.startswith("."):
        return "relative import: the import rules must be readable"
    if top in LIBVIRT:
        return None if module in LIBVIRT_MODULES else f"only {sorted(LIBVIRT_MODULES)} know libvirt"
    if module in COMPOSERS:
        return None
    if top in DYNAMIC_IMPORT:
        harmless = any(imported.startswith(name) for name in HARMLESS_IMPORTLIB)
        return None if harmless and not is_core(module) else f"{imported}: imports by computed name"
    if top in PACKAGES:
        return refusal(module, imported)
    if top in ("headroom", "tests", "bench"):
        return f"{imported}: nothing below imports {top}"
    return None if imported.startswith(PURE_PARTS) else _outside(module, top)


def _outside(module: str, top: str) -> str | None:
    core = is_core(module)
    if top in sys.stdlib_module_names:
        return f"{top}: not a pure standard module" if core and top not in PURE_STDLIB else None
    area = "core" if core else module.partition(".")[0]
    return None if top in THIRD_PARTY[area] else f"{top}: not a dependency of {area} modules here"


def _impurities(module: str, nodes: Nodes) -> Found:
    declared = set(_declared_by_protocols(nodes))
    builtins = IMPURE_BUILTINS - _bound(nodes)
    if module in SEEDED_HASHES:
        builtins -= {"hash"}
    waits: list[int] = []
    for node in nodes:
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            if node not in declared:
                waits.append(node.lineno)
        elif isinstance(node, ast.Name) and node.id in builtins:
            yield node.lineno, f"{node.id}: reaches the world, or differs between two runs"
        elif isinstance(node, ast.Attribute) and node.attr in CLOCK_ATTRIBUTES:
            yield node.lineno, f".{node.attr}: time is an argument (now_ms)"
        yield from _set_iteration(node)
    if waits:
        yield min(waits), f"a core never waits ({len(waits)} places)"


def _declared_by_protocols(nodes: Nodes) -> Iterator[ast.AST]:
    """Yield the bodiless methods of Protocol classes: a port may say that its shell waits."""
    for node in nodes:
        if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases):
            for method in node.body:
                if isinstance(method, ast.AsyncFunctionDef) and all(
                    isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
                    for line in method.body
                ):
                    yield method


def _bound(nodes: Nodes) -> set[str]:
    """Return the names that the module gives a meaning of its own: fields, variables, arguments."""
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    return arguments | {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _set_iteration(node: ast.AST) -> Found:
    iterated: list[ast.expr] = []
    if isinstance(node, ast.For | ast.comprehension):
        iterated = [node.iter]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        iterated = node.args if node.func.id in ("list", "tuple", "iter", "enumerate") else []
    for expression in iterated:
        if _is_set(expression):
            yield expression.lineno, "iterates over a set: the order differs between runs"


def _is_set(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("set", "frozenset")
    return isinstance(node, ast.Set | ast.SetComp)


def _shared_random(nodes: Nodes) -> Found:
    """In the simulator every actor has its own seeded stream; the module's shared one has none."""
    if any(imported == "random" for _, imported in _imported(nodes)):
        for node in nodes:
            if isinstance(node, ast.Attribute) and _is_shared(ast.unparse(node)):
                yield node.lineno, f"{ast.unparse(node)}: use the actor's own random.Random"
    for line, imported in _imported(nodes):
        if _is_shared(imported):
            yield line, f"{imported}: use the actor's own random.Random"


def _is_shared(name: str) -> bool:
    return name.startswith("random.") and not name.startswith("random.Random")
