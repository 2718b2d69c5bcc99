"""Which domains belong to an exchange's host."""

import pytest

from hostagent.core.owner import is_own, named, qualified


@pytest.mark.parametrize(
    ("owner", "said", "own"),
    [
        ("ab/h-1", "ab/h-1", True),
        ("ab/h-1", "ab/h-2", False),
        ("ab/h-1", "cd/h-1", False),
        ("ab/h-1", "ab/", True),
        ("ab/", "ab/h-1", True),
        ("", "ab/h-1", False),
        ("", "ab/", False),
    ],
)
def test_a_domain_is_own(owner: str, said: str, own: bool) -> None:
    assert is_own(owner, said) is own


def test_a_name_that_is_taken_gets_the_owner_behind_it() -> None:
    owner = named("0123456789abcdef", "h-3")
    assert qualified("headroom-v-1", owner) == "headroom-v-1.0123456789ab-h-3"
    assert qualified("headroom-v-1", named("a/../<b>", "")) == "headroom-v-1.a-b"
