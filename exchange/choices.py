"""What may stand at a place of a file or a message that takes one of a few words. Pure.

msgspec names the wrong word and its place; the words that would do are read from the types.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import inspect

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
