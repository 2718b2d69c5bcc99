"""How much an object holds: every container reachable from it, found without naming any.

A container is counted under the classes and attributes that lead to it, so a new dict somewhere
in the exchange is compared from the day it is written.
"""

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import msgspec

_PLAIN = (str, bytes, int, float, bool, type(None), type)


def sizes(root: object) -> Counter[str]:
    """Return the number of entries by path; a deque with a ``maxlen`` is bounded and left out."""
    found: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [(type(root).__name__, root)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, _PLAIN) or id(item) in seen or callable(item):
            continue
        seen.add(id(item))
        if isinstance(item, dict | list | tuple | set | frozenset | deque):
            if isinstance(item, deque) and item.maxlen is not None:
                continue
            found[path] += len(item)
            waiting += [(f"{path}[]", inner) for inner in _entries(item)]
        else:
            waiting += _attributes(item)
    return found


def _entries(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        yield from item.keys()
        yield from item.values()
    else:
        yield from item


def _attributes(item: object) -> Iterator[tuple[str, Any]]:
    """Yield what an object of ours holds; the library's own objects are theirs."""
    kind = type(item)
    if not kind.__module__.startswith(("exchange.", "tests.")):
        return
    names = dict.fromkeys(getattr(item, "__dict__", ()))
    for base in kind.__mro__:
        own = base.__dict__  # a compiled class keeps its attributes' names elsewhere
        slots = own.get("__slots__") or own.get("__mypyc_attrs__", ())
        names |= dict.fromkeys([slots] if isinstance(slots, str) else slots)
    if isinstance(item, msgspec.Struct):
        names |= dict.fromkeys(item.__struct_fields__)
    for name in names:
        if hasattr(item, name):
            yield f"{kind.__name__}.{name}", getattr(item, name)
