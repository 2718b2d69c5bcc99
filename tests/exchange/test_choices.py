"""The words that may stand at a place are read from the types, through everything around them."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from exchange.choices import choices


class Cat(Struct, tag_field="kind", tag="cat"):
    fur: Literal["long", "short"] | None = None


class Fish(Struct, tag_field="kind", tag="fish"):
    water: Annotated[str, Meta(max_length=9)] = "sea"


class Home(Struct):
    pets: list[Cat | Fish] = []
    rooms: dict[str, list[Cat]] = {}
    pair: tuple[Literal["a", "b"], int] = ("a", 1)
    size: int = 1


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (".pets[0].kind", ["cat", "fish"]),
        (".pets[1].fur", ["long", "short"]),
        (".rooms[...][2].fur", ["long", "short"]),
        (".pair[0]", ["a", "b"]),
        (".size", []),
        (".pets[0].water", []),
        (".nowhere.at.all", []),
        ("", []),
    ],
)
def test_the_words_at_a_place(place: str, words: list[str]) -> None:
    assert choices(Home, place) == words


def test_the_place_is_the_one_that_msgspec_names() -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.convert({"rooms": {"hall": [{"kind": "cat", "fur": "blue"}]}}, Home)
    assert choices(Home, str(error.value).partition("`$")[2].rstrip("`")) == ["long", "short"]
