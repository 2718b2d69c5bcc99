"""What may stand at a place of a file or a message: one of a few words, or of a table's keys. Pure.

msgspec names what is wrong and its place; what would do is read from the types.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from msgspec import inspect

LISTED_MAX: Final = 40
"""More names do not fit a line that a person reads."""
_STEP: Final = re.compile(r"\.(\w+)|\[[^\]]*\]")


def choices(kind: Any, place: str) -> list[str]:
    """Return the words allowed at ``place`` (``.fault[0].kind``) of a ``kind``, in their order.

    Empty when something else than one of a few words belongs there.
    """
    found = list(_unpacked(inspect.type_info(kind)))
    for step in _STEP.finditer(place):
        name = step[1]
        tags = [one.tag for one in found if isinstance(one, inspect.StructType)]
        if name is not None and any(_is_tag(one, name) for one in found):
            return [str(tag) for tag in tags]
        found = [inner for one in found for inner in _inside(one, name)]
    return [
        str(word) for one in found if isinstance(one, inspect.LiteralType) for word in one.values
    ]


def keys(kind: Any, place: str, value: Any) -> list[str]:
    """Return the keys of the table at ``place`` of a ``kind``; ``value`` is what was written.

    Where there are tables of several kinds, those of the kind that was written.
    """
    found = list(_unpacked(inspect.type_info(kind)))
    for step in _STEP.finditer(place):
        found = [inner for one in found for inner in _inside(one, step[1])]
        value = _at(value, step)
    tables = [one for one in found if isinstance(one, inspect.StructType)]
    tagged = [one for one in tables if _has_tag(one, value)]
    return list(dict.fromkeys(key for one in tagged or tables for key in _keys_of(one)))


def there_is(known: Collection[str]) -> str:
    """Return what would do instead of a wrong name: ``there is a, b``."""
    listed = list(known)[:LISTED_MAX]
    more = [f"{len(known) - LISTED_MAX} more"] if len(known) > LISTED_MAX else []
    return f"there is {', '.join(listed + more) or 'none'}"


def _at(value: Any, step: re.Match[str]) -> Any:
    number = step[0].strip("[]")
    if isinstance(value, list) and number.isdecimal() and int(number) < len(value):
        return value[int(number)]
    return value.get(step[1]) if isinstance(value, dict) and step[1] else None


def _has_tag(one: inspect.StructType, value: Any) -> bool:
    if one.tag is None or not isinstance(value, dict):
        return False
    return bool(value.get(str(one.tag_field)) == one.tag)


def _keys_of(one: inspect.StructType) -> list[str]:
    tag = [] if one.tag is None else [str(one.tag_field)]
    return tag + [field.encode_name for field in one.fields]


def _is_tag(at: inspect.Type, name: str) -> bool:
    return isinstance(at, inspect.StructType) and at.tag is not None and at.tag_field == name


def _inside(at: inspect.Type, name: str | None) -> Iterator[inspect.Type]:
    """Yield the types of what is called ``name`` there, or of the parts of a collection."""
    match at:
        case inspect.StructType():
            for field in at.fields:
                if field.encode_name == name:
                    yield from _unpacked(field.type)
        case inspect.DictType():
            yield from _unpacked(at.value_type)
        case inspect.ListType() | inspect.VarTupleType():
            yield from _unpacked(at.item_type)
        case inspect.TupleType():
            for one in at.item_types:
                yield from _unpacked(one)
        case _:
            return


def _unpacked(at: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(at, inspect.UnionType):
        for one in at.types:
            yield from _unpacked(one)
    elif isinstance(at, inspect.Metadata):
        yield from _unpacked(at.type)
    else:
        yield at
