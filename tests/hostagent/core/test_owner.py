"""Which domains belong to an exchange's host."""

import pytest

from hostagent.core.owner import born, is_own, is_restored, joined, named, names


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
        ("ab/h-1/b1", "ab/h-1/b1", True),
        ("ab/h-1/b2", "ab/h-1/b1", False),
        ("ab/h-1/b2 b1", "ab/h-1/b1", True),
        ("ab/h-1/b2 b1", "ab/h-1/b3", False),
        ("ab/h-1/b2 b1", "ab/h-2/b1", False),
        ("ab/h-1/b1", "ab/h-1", True),
        ("ab/h-1", "ab/h-1/b1", True),
    ],
)
def test_a_domain_is_own(owner: str, said: str, own: bool) -> None:
    assert is_own(owner, said) is own


@pytest.mark.parametrize(
    ("now", "before", "owner", "restored"),
    [
        ("ab/h-1/b1", "", "ab/h-1/b1", False),
        ("ab/h-1/b1", "ab/h-1", "ab/h-1/b1", False),
        ("ab/h-1/b1", "ab/h-1/b1", "ab/h-1/b1", False),
        ("ab/h-1/b2", "ab/h-1/b1", "ab/h-1/b2 b1", True),
        ("ab/h-1/b1", "ab/h-1/b2 b1", "ab/h-1/b1 b2", True),
        ("ab/h-1", "ab/h-1/b2 b1", "ab/h-1/b2 b1", False),
        ("cd/h-1/b1", "ab/h-1/b2 b1", "cd/h-1/b1", False),
        ("ab/h-2/b1", "ab/h-1/b2 b1", "ab/h-2/b1", False),
    ],
)
def test_an_agent_keeps_what_it_has_served(
    now: str, before: str, owner: str, restored: bool
) -> None:
    """After a restore its VMs are still its own; those of another copy's agent never are."""
    assert joined(now, before) == owner
    assert is_restored(owner, before) is restored
    assert born(owner) in (now, owner.partition(" ")[0])


def test_what_an_agent_has_served_is_bounded() -> None:
    owner = ""
    for number in range(100):
        owner = joined(named("ab", "h-1", f"b{number}"), owner)
    assert owner.startswith("ab/h-1/b99 b98 ")
    assert len(owner.split()) == 16


def test_a_name_that_is_taken_gets_the_owner_behind_it() -> None:
    owner = named("0123456789abcdef", "h-3")
    assert names("headroom-v-1", owner) == ["headroom-v-1", "headroom-v-1.0123456789ab-h-3"]
    assert names("headroom-v-1", named("a/../<b>", ""))[1:] == [
        "headroom-v-1.a--b",
        "headroom-v-1.a",
    ]
    assert names("headroom-v-1", "") == ["headroom-v-1"]
    assert names("n", "ab/h-1/0123456789abcdef b1") == [
        *("n", "n.ab-h-1-01234567", "n.ab-h-1-b1", "n.ab-h-1"),
    ]
