"""Copies of a running world: nothing shared that changes, and the same run from there on.

Seen to fail: with closures taken for constants (as `copy.deepcopy` does) the copy's hosts looked
at the first world's, and a Struct copied before what it points to never ended.
"""

import gc
from collections import defaultdict, deque
from enum import Enum
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random
from types import FunctionType, ModuleType
from typing import Any

import pytest
from msgspec import Struct

from sim.run.world import World
from sim.serve.copying import CannotCopyError, copied
from tests.sim.scenes import TRADERS, loaded, scene

EVERYTHING = TRADERS + (
    '[[fault]]\nkind = "exchange_restart"\nat_s = 60\n'
    '[[fault]]\nkind = "host_crash"\nat_s = 130\nseller = "uni-lab"\nhosts = 1\nfor_s = 60\n'
)


class Ring(Struct):
    name: str
    other: Any = None


class Held(Struct, frozen=True):
    what: list[int]


class Books(dict[str, int]):
    def __init__(self, owner: str) -> None:
        super().__init__()
        self.owner = owner


def world_at(folder: Path, at_s: int) -> World:
    found = loaded(folder, scene(EVERYTHING, duration_s=300))
    world = World(found, "threshold", found.scenario.seed, leaves_out=False)
    world.begin()
    world.stage.env.run(until=world.scenario.start_ms + at_s * 1000)
    return world


def digest_of(world: World) -> str:
    world.stage.env.run(until=world.end_ms)
    return world.digest.hex()


def changeable(root: Any) -> dict[int, Any]:
    """Return what can be reached and may change, by its number."""
    found: dict[int, Any] = {}
    todo = [root]
    while todo:
        one = todo.pop()
        if id(one) not in found:
            found[id(one)] = one
            todo += _parts(one)
    changing = (list, dict, set, deque, Random)
    return {key: one for key, one in found.items() if isinstance(one, changing)}


def _parts(one: Any) -> list[Any]:
    if isinstance(one, type | ModuleType | Enum):
        return []
    if isinstance(one, FunctionType):  # not the names of its module
        return [one.__closure__, one.__defaults__]
    return gc.get_referents(one)


@pytest.mark.source
@pytest.mark.parametrize("at_s", [0, 150])
def test_a_copy_runs_as_the_world_does(tmp_path: Path, at_s: int) -> None:
    world = world_at(tmp_path, at_s)
    copy, objects = copied(world)
    again, _ = copied(copy)
    assert objects > 1000
    digests = [digest_of(one) for one in (copy, world, again)]
    assert len(set(digests)) == 1


@pytest.mark.source
def test_a_copy_of_a_world_shares_nothing_that_changes(tmp_path: Path) -> None:
    world = world_at(tmp_path, 150)
    copy, _ = copied(world)
    mine, theirs = changeable(world), changeable(copy)
    assert len(mine) > 500
    assert [one for key, one in mine.items() if key in theirs] == []


def test_what_is_copied_hangs_together_as_before() -> None:
    ring = Ring("a")
    ring.other = Ring("b", {"back": ring})
    seen: list[int] = []
    number = count(5)
    next(number)

    def add(step: int = 1) -> None:
        seen.append(step)

    books, factory, draws = Books("me"), defaultdict(list, a=[1]), Random(3)
    books["x"] = 1
    digest = sha256(b"so far")
    old: list[Any] = [ring, add, partial(add, 2), seen.append, seen, books, factory, draws]
    old += [deque([seen], maxlen=3), Held([1]), (1, (seen,)), number, digest, bytearray(b"x"), {7}]
    new, _ = copied(old)
    new[1]()
    new[2]()
    new[3](3)
    new[0].name, new[9].what[0], new[5].owner = "c", 9, "you"
    assert (seen, new[4]) == ([], [1, 2, 3])
    assert new[0].other.other["back"] is new[0]
    assert (ring.name, old[9].what, books.owner, new[5]) == ("a", [1], "me", {"x": 1})
    assert new[10][1][0] is new[8][0] is new[4]
    assert (new[7].random(), next(new[11])) == (draws.random(), next(number))
    new[12].update(b"more")
    assert digest.digest() == sha256(b"so far").digest()


def test_constants_are_shared_and_so_is_what_the_caller_says() -> None:
    both = [1]
    fixed = (1, ("a", None))
    new, objects = copied([both, fixed, Path("x")], shared=[both])
    assert new[0] is both
    assert new[1] is fixed
    assert objects == 1


def test_what_it_does_not_know_it_refuses() -> None:
    with open(__file__) as file:
        for one in ((each for each in "ab"), iter([1]), file):
            with pytest.raises(CannotCopyError):
                copied([one])
