"""Each law of the campaign finds what it is there for, and nothing in a story that went well."""

from typing import Any

import pytest
from msgspec.structs import replace

from exchange.wire.frames import LeaseUpdate, Notice
from tests.manager.campaign.laws import Left, Story, broken, most_units, owed_ucr

PRICE_UCR = 1_000
LEAST_UCR = 84


def lease(lease_id: str = "l-1", **changes: Any) -> LeaseUpdate:
    row = LeaseUpdate(
        *(1, 1, 1, lease_id, "t-1", "small.eu-de.flat.spot", "buy", "h-1", 1, PRICE_UCR),
        state="ended",
        start_ms=0,
        charged_ucr=LEAST_UCR,
        reason="released",
    )
    return replace(row, **changes)


def charge(lease_id: str = "l-1", **changes: Any) -> dict[str, Any]:
    row = {
        "lease_id": lease_id,
        "price_ucr": PRICE_UCR,
        "amount_ucr": LEAST_UCR,
        "before_ucr": 0,
        "sold_ms": 10_000,
        "silent_ms": 0,
        "waited_ms": 200,
        "boot_ms": 1_000,
        "minimum_ms": 291_200,
    }
    return row | changes


def story(*leases: LeaseUpdate, **changes: Any) -> Story:
    whole = Story(
        max_units=3,
        most_units=3,
        leases={one.lease_id: one for one in leases or [lease()]},
        recalled=set(),
        charges=[charge()],
        gone_ucr=LEAST_UCR,
    )
    return replace(whole, **changes)


BONDED = lease(reason="recalled", charged_ucr=3)


def test_a_story_that_went_well_breaks_no_law() -> None:
    assert broken(story(), Left()) == []
    paid = [charge(amount_ucr=3, minimum_ms=0)]
    went_well = story(BONDED, recalled={"l-1"}, charges=paid, gone_ucr=3 - 166)
    assert broken(went_well, Left()) == []


@pytest.mark.parametrize(
    ("told", "left", "said"),
    [
        (story(most_units=4), Left(), "bought 4 units of at most 3"),
        (story(), Left(servers=["hr-l-1-0"]), "orphan server in HAProxy: hr-l-1-0"),
        (story(), Left(orders=["rule/burst/1-1"]), "orphan order: rule/burst/1-1"),
        (story(), Left(vms=["v-1"]), "orphan VM: v-1"),
        (story(), Left(guests=["127.0.0.1:30000"]), "orphan guest: 127.0.0.1:30000"),
        (story(), Left(held_ucr=5), "still held: 5 ucr"),
        (story(lease(state="ending")), Left(), "l-1 has not ended: 1 units are ending"),
        (story(recalled={"l-1"}), Left(), "bond forgone: l-1 was recalled and ended as released"),
        (story(charges=[charge(sold_ms=20_000)]), Left(), "l-1 was charged 84 and owed 87"),
        (story(lease(charged_ucr=85)), Left(), "l-1 was charged 85 in charges of 84"),
        (
            story(lease(charged_ucr=3), charges=[charge(amount_ucr=3, minimum_ms=0)], gone_ucr=3),
            Left(),
            "l-1 was charged 3 of at least 84",
        ),
        (story(gone_ucr=90), Left(), "90 ucr are gone by charges of 84, bonds of 0"),
    ],
)
def test_each_law_finds_what_it_is_for(told: Story, left: Left, said: str) -> None:
    assert broken(told, left) == [said]


def test_the_most_units_at_once_are_counted_without_recalled_or_silent_ones() -> None:
    told = [lease(name, state="active") for name in ("l-1", "l-2")]
    assert most_units(told) == 2
    assert most_units([*told, lease("l-2", state="ending"), lease("l-3", state="active")]) == 2
    assert most_units([*told, lease("l-1"), lease("l-3", state="active")]) == 2
    assert most_units([*told, lease("l-3", state="active"), lease("l-1")]) == 3
    for kind, most in (("host_silent", 2), ("recall", 2), ("funds_low", 3)):
        notice = Notice(1, 1, 1, kind, "l-1")
        assert most_units([*told, notice, lease("l-3", state="active")]) == most


def test_what_is_owed_is_rounded_up_once_in_all() -> None:
    assert owed_ucr(charge(before_ucr=84)) == 0
    assert owed_ucr(charge(before_ucr=80)) == 4
