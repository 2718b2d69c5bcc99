"""Circles of files: modules that import each other, directly or through others.

Imports inside functions and for types alone count like any other: whoever reads one file of a
circle must know them all.
"""

import ast
from collections.abc import Mapping


def circles(sources: Mapping[str, str]) -> list[list[str]]:
    """Return every group of modules that reach each other; ``sources``: dotted name -> text."""
    graph = {name: imports(name, text, sources) for name, text in sources.items()}
    reach = {name: reachable(graph, name) for name in graph}
    found = []
    seen: set[str] = set()
    for name in sorted(graph):
        group = sorted(other for other in reach[name] if name in reach[other])
        if group and name not in seen:
            seen.update(group)
            found.append(group)
    return found


def imports(name: str, text: str, known: Mapping[str, str]) -> list[str]:
    """Return the modules of ``known`` that ``name`` imports; a package only where it is named."""
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found[full if full in known else str(node.module)] = None
        elif isinstance(node, ast.Import):
            found.update(dict.fromkeys(alias.name for alias in node.names))
    return [module for module in found if module in known and module != name]


def reachable(graph: Mapping[str, list[str]], start: str) -> set[str]:
    """Return what ``start`` imports, and what that imports, and so on."""
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name]
    return found
