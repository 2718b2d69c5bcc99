"""A copy of everything that can be reached from an object, to keep it as it is now. Pure.

`copy.deepcopy` cannot keep a running world: it takes functions for constants, though a call that
waits for its time holds the parts that it will change, and it cannot follow a ring of Structs.
Whatever this copier does not know it refuses, so that a copy never shares by mistake what either
of the two will change.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from copy import copy
from datetime import date, time, timedelta, tzinfo
from enum import Enum
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import PurePath
from random import Random
from types import (
    BuiltinMethodType,
    CellType,
    FunctionType,
    GetSetDescriptorType,
    MethodType,
    ModuleType,
    NoneType,
)
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct
from msgspec.structs import force_setattr

_ATOMS: Final = frozenset({NoneType, bool, int, float, str, bytes, object, range, type(...)})
_CONSTANT: Final = (
    type,
    ModuleType,
    Enum,
    PurePath,
    date,  # and so a datetime
    time,
    timedelta,
    tzinfo,
    GetSetDescriptorType,
    Ed25519PrivateKey,
    Ed25519PublicKey,
    type(msgspec.UNSET),
    msgspec.json.Encoder,
    msgspec.json.Decoder,
    msgspec.msgpack.Encoder,
    msgspec.msgpack.Decoder,
)
"""Nothing changes these."""


class CannotCopyError(TypeError):
    """Something in there can only be run, not copied: a generator, a socket."""


def copied(root: Any, shared: Iterable[Any] = ()) -> tuple[Any, int]:
    """Return a copy of ``root``, and how many objects it has of its own.

    The ``shared`` belong to both. Raises `CannotCopyError`.
    """
    copier = _Copier({id(one): one for one in shared})
    made = copier.of(root)
    while copier.unfilled:
        fill, old, new = copier.unfilled.pop()
        fill(old, new)
    return made, copier.made


class _Copier:
    """What can be part of a ring is made first and filled later: nothing here goes deep."""

    def __init__(self, known: dict[int, Any]) -> None:
        self.made = 0
        self.unfilled: list[tuple[Callable[[Any, Any], None], Any, Any]] = []
        self._known = known
        self._kept_alive: list[Any] = []
        """What exists only here has a number as long as it lives."""

    def of(self, old: Any) -> Any:
        kind = type(old)
        if kind in _ATOMS:
            return old
        number = id(old)
        if number in self._known:
            return self._known[number]
        new = self._known[number] = self._new(old, kind)
        if new is not old:
            self.made += 1
            self._kept_alive.append(old)
        return new

    def _new(self, old: Any, kind: type) -> Any:
        if make := _MAKERS.get(kind):
            return make(self, old)
        if isinstance(old, Struct):
            return self._struct(old)
        if isinstance(old, _CONSTANT):
            return old
        if isinstance(old, tuple):  # a NamedTuple
            return tuple.__new__(kind, map(self.of, old))
        makes: Any = kind.__new__
        if isinstance(old, dict) and makes is dict.__new__:
            return self._later(self._fill_instance, old, self._dict(old))
        if makes is object.__new__ and kind.__module__ != "builtins":
            return self._later(self._fill_instance, old, object.__new__(kind))
        raise CannotCopyError(f"{kind.__module__}.{kind.__qualname__}")

    def _later(self, fill: Callable[[Any, Any], None], old: Any, new: Any) -> Any:
        self.unfilled.append((fill, old, new))
        return new

    # --- what is filled later ---

    def _list(self, old: list[Any]) -> list[Any]:
        new: list[Any] = []
        return self._later(self._fill_list, old, new)  # type: ignore[no-any-return]

    def _fill_list(self, old: Iterable[Any], new: Any) -> None:
        new.extend(map(self.of, old))

    def _deque(self, old: deque[Any]) -> Any:
        return self._later(self._fill_list, old, deque[Any](maxlen=old.maxlen))

    def _set(self, old: set[Any]) -> Any:
        return self._later(lambda old, new: new.update(map(self.of, old)), old, set[Any]())

    def _dict(self, old: dict[Any, Any]) -> Any:
        kind = type(old)
        return self._later(self._fill_dict, old, kind.__new__(kind))

    def _default_dict(self, old: defaultdict[Any, Any]) -> Any:
        factory = self.of(old.default_factory)
        return self._later(self._fill_dict, old, defaultdict[Any, Any](factory))

    def _fill_dict(self, old: dict[Any, Any], new: dict[Any, Any]) -> None:
        of = self.of
        for key, value in old.items():
            new[of(key)] = of(value)

    def _struct(self, old: Struct) -> Struct:
        if not old.__struct_config__.frozen:
            return self._later(self._fill_struct, old, copy(old))  # type: ignore[no-any-return]
        values = [getattr(old, name) for name in old.__struct_fields__]
        if all(self.of(value) is value for value in values):
            return old
        new = copy(old)
        self._fill_struct(old, new)
        return new

    def _fill_struct(self, old: Struct, new: Struct) -> None:
        for name in old.__struct_fields__:
            value = getattr(old, name)
            if type(value) not in _ATOMS:
                force_setattr(new, name, self.of(value))

    def _fill_instance(self, old: Any, new: Any) -> None:
        state = old.__getstate__()
        for part in state if isinstance(state, tuple) else (state,):
            for name, value in (part or {}).items():
                object.__setattr__(new, name, self.of(value))

    def _cell(self, old: CellType) -> Any:
        return self._later(self._fill_cell, old, CellType())

    def _fill_cell(self, old: CellType, new: CellType) -> None:
        new.cell_contents = self.of(old.cell_contents)

    # --- what is made whole: no ring goes through these alone ---

    def _tuple(self, old: tuple[Any, ...]) -> tuple[Any, ...]:
        new = tuple(map(self.of, old))
        return old if all(map(_same, old, new)) else new

    def _frozenset(self, old: frozenset[Any]) -> frozenset[Any]:
        return frozenset(map(self.of, old))

    def _method(self, old: MethodType) -> Any:
        return MethodType(self.of(old.__func__), self.of(old.__self__))

    def _builtin_method(self, old: Any) -> Any:
        return old if old.__self__ is None else getattr(self.of(old.__self__), old.__name__)

    def _partial(self, old: partial[Any]) -> Any:
        return partial(self.of(old.func), *self.of(old.args), **self._whole(old.keywords))

    def _whole(self, old: dict[str, Any]) -> dict[str, Any]:
        return {name: self.of(value) for name, value in old.items()}

    def _function(self, old: FunctionType) -> FunctionType:
        if not old.__closure__ and not old.__defaults__ and not old.__kwdefaults__:
            return old
        cells = self.of(old.__closure__)
        new = FunctionType(old.__code__, old.__globals__, old.__name__, None, cells)
        new.__defaults__ = self.of(old.__defaults__)
        new.__kwdefaults__ = old.__kwdefaults__ and self._whole(old.__kwdefaults__)
        return new

    def _random(self, old: Random) -> Random:
        new = Random()
        new.setstate(old.getstate())
        return new


def _same(one: Any, other: Any) -> bool:
    return one is other


_MAKERS: Final[dict[type, Callable[[_Copier, Any], Any]]] = {
    list: _Copier._list,
    deque: _Copier._deque,
    set: _Copier._set,
    dict: _Copier._dict,
    OrderedDict: _Copier._dict,
    defaultdict: _Copier._default_dict,
    tuple: _Copier._tuple,
    frozenset: _Copier._frozenset,
    bytearray: lambda _, old: bytearray(old),
    CellType: _Copier._cell,
    MethodType: _Copier._method,
    BuiltinMethodType: _Copier._builtin_method,
    partial: _Copier._partial,
    FunctionType: _Copier._function,
    Random: _Copier._random,
    count: lambda _, old: copy(old),
    type(sha256()): lambda _, old: old.copy(),
}
