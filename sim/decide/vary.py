"""`--vary PATH=VALUES`: keys of a scenario, and the scenario with other values there. Pure.

A path goes from table to table: ``policy.static.units``, ``seller.uni-lab.price``. What has no
name has its place, from 0: ``fault.0.at_s``. ``rule.burst.when`` is the rule of that name
in every policy that has it. In ``when`` and ``do`` a number takes the place of the one there.
"""

import re
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from sim.scenario.check import mistakes
from sim.scenario.tables import Scenario

MAX_VALUES: Final = 500
NOT_VARIED: Final = ("schema", "seed", "runs")
READ_ONCE: Final = ("file", "column", "time")
_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_RANGE: Final = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::({_NUMBER}))?", re.ASCII)
_NUMBER_WORD: Final = re.compile(rf"(?<![\w.-]){_NUMBER}(?![\w.])", re.ASCII)

Setting: TypeAlias = int | float | str | bool


class VaryError(ValueError):
    """``str(error)`` is one line without the option's name."""


class Vary(NamedTuple):
    path: str
    values: list[Setting]


def parsed(text: str) -> Vary:
    """Return ``PATH=A..B:STEP`` (both ends included, STEP 1) or ``PATH=a,b,c``."""
    path, equals, values = text.partition("=")
    if not (equals and path.strip() and values.strip()):
        raise VaryError(f"{text}: is not PATH=A..B:STEP or PATH=a,b,c")
    path = path.strip()
    if path in NOT_VARIED:
        raise VaryError(f"{path}: cannot be varied; --seed and --runs say which seeds run")
    if path.rpartition(".")[2] in READ_ONCE:
        raise VaryError(f"{path}: cannot be varied; the file of a trace is read once")
    found = _values(path, values.strip())
    twice = next((value for value in found if found.count(value) > 1), None)
    if twice is not None:
        raise VaryError(f"{path}: {twice} stands twice")
    return Vary(path, found)


def varied(scenario: Scenario, settings: dict[str, Setting]) -> Scenario:
    """Return ``scenario`` with ``settings`` by path. Raises `VaryError`."""
    for path, value in settings.items():
        for whole in whole_paths(scenario, path):
            scenario = _set(scenario, whole, "", value, path)[0]
    found = mistakes(scenario)
    if found:
        told = ", ".join(f"{path}={value}" for path, value in settings.items())
        raise VaryError(f"{told}: {found[0]}")
    return scenario


def _values(path: str, text: str) -> list[Setting]:
    match = _RANGE.fullmatch(text)
    if match is None:
        if ".." in text:
            raise VaryError(f"{path}: {text} is not A..B or A..B:STEP")
        return [_setting(part.strip()) for part in text.split(",")]
    first, last = Decimal(match[1]), Decimal(match[2])
    step = Decimal(match[3] or 1)
    if first > last or step <= 0:
        raise VaryError(f"{path}: {text} does not go up")
    count = int((last - first) / step) + 1
    if count > MAX_VALUES:
        raise VaryError(f"{path}: {text} has {count} values; at most {MAX_VALUES} go")
    return [_plain(first + index * step) for index in range(count)]


def _setting(text: str) -> Setting:
    if re.fullmatch(_NUMBER, text, re.ASCII):
        return _plain(Decimal(text))
    return {"true": True, "false": False}.get(text, text)


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def whole_paths(scenario: Scenario, path: str) -> list[str]:
    """Return the paths that ``path`` stands for."""
    if not path.startswith("rule."):
        return [path]
    rest = path.removeprefix("rule.")
    rules = {
        name: [rule.name for rule in policy.rule or []] for name, policy in scenario.policy.items()
    }
    found = [
        f"policy.{name}.rule.{rest}"
        for name, names in rules.items()
        if any(rest == rule or rest.startswith(f"{rule}.") for rule in names)
    ]
    if not found:
        known = dict.fromkeys(rule for names in rules.values() for rule in names)
        raise VaryError(f"{path}: no policy has that rule; {_there_is(known)}")
    return found


def _set(node: Any, rest: str, place: str, value: Setting, path: str) -> tuple[Any, bool]:
    """Return ``node`` with the value at ``rest`` in it, and whether its type has been checked."""
    if not rest:
        return _leaf(node, value, place, path), False
    children = _children(node)
    if not children:
        raise VaryError(f"{path}: {place} is no table")
    key = _first_key(children, rest)
    if key is None and isinstance(node, list | tuple) and len(node) == 1:
        return _put(node, 0, _set(node[0], rest, place, value, path))
    if key is None:
        where = place or "the file"
        raise VaryError(f"{path}: {where} has no {rest!r}; {_there_is(children)}")
    inner = f"{place}.{key}" if place else key
    found = _set(children[key][1], rest[len(key) + 1 :], inner, value, path)
    return _put(node, children[key][0], found, path)


def _put(node: Any, key: Any, found: tuple[Any, bool], path: str = "") -> tuple[Any, bool]:
    value, checked = found
    if isinstance(node, dict):
        return {**node, key: value}, checked
    if isinstance(node, list | tuple):
        return [value if index == key else one for index, one in enumerate(node)], checked
    if not checked:
        kinds = {field.name: field.type for field in msgspec.structs.fields(node)}
        try:
            value = msgspec.convert(msgspec.to_builtins(value), kinds[key])
        except msgspec.ValidationError as error:
            text = str(error).partition(" - at ")[0].replace("`", "'")
            raise VaryError(f"{path}: {text[:1].lower()}{text[1:]}") from error
    return replace(node, **{key: value}), True


def _children(node: Any) -> dict[str, tuple[Any, Any]]:
    """Return what can be named in ``node``: its key in a path, its key in ``node``, itself."""
    if isinstance(node, Struct):
        names = zip(node.__struct_encode_fields__, node.__struct_fields__, strict=True)
        return {told: (name, getattr(node, name)) for told, name in names}
    if isinstance(node, dict):
        return {key: (key, value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return {_name_of(one, index): (index, one) for index, one in enumerate(node)}
    return {}


def _name_of(node: Any, index: int) -> str:
    return getattr(node, "name", None) or getattr(node, "account", None) or str(index)


def _first_key(children: dict[str, tuple[Any, Any]], rest: str) -> str | None:
    """Return the longest that ``rest`` begins with: names may have dots in them."""
    fits = [key for key in children if rest == key or rest.startswith(f"{key}.")]
    return max(fits, key=len, default=None)


def _leaf(now: Any, value: Setting, place: str, path: str) -> Setting:
    if isinstance(now, Struct | dict):
        raise VaryError(f"{path}: {place} is a table; {_there_is(_children(now))}")
    if isinstance(now, list | tuple):
        if len(now) == 1 and isinstance(now[0], str):
            return _leaf(now[0], value, place, path)
        raise VaryError(f"{path}: {place} is a list; {_there_is(_children(now))}")
    key = re.sub(r"\.\d+\Z", "", place).rpartition(".")[2]
    if key in ("when", "do") and isinstance(value, int | float) and isinstance(now, str):
        changed, count = _NUMBER_WORD.subn(str(value), now, count=1)
        if not count:
            raise VaryError(f"{path}: there is no number in {now!r}")
        return changed
    return value


def _there_is(known: Any) -> str:
    return f"there is {', '.join(known) or 'none'}"
