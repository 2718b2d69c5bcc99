"""Circles of files: modules that import each other, directly or through others.

Imports inside functions and for types alone count like any other: whoever reads one file of a
circle must know them all.
"""

from collections.abc import Mapping, Sequence


def circles(imported: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return every group of modules that reach each other.

    ``imported``: the dotted names that each module imports, as `tests.tidy` reads them.
    """
    graph = {name: imports(name, names, imported) for name, names in imported.items()}
    reach = {name: reachable(graph, name) for name in graph}
    found = []
    seen: set[str] = set()
    for name in sorted(graph):
        group = sorted(other for other in reach[name] if name in reach[other])
        if group and name not in seen:
            seen.update(group)
            found.append(group)
    return found


def imports(name: str, imported: Sequence[str], known: Mapping[str, object]) -> list[str]:
    """Return the modules of ``known`` that ``name`` imports; a package only where it is named."""
    found = dict.fromkeys(full if full in known else full.rpartition(".")[0] for full in imported)
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
