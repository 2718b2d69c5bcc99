"""Groups that come, go and change their hosts while the Manager runs."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.wire.requests import OrderCancel, OrderPlace
from manager.core.messages import Out, Send, Unlisten
from manager.selling.group import Group
from manager.selling.price import Relative
from tests.manager.selling.shop import Shop, group, offer, room

SOON_S = 4.9
LIMITED = {"kind": "fixed", "units": 2}


def kinds(outs: list[Out]) -> list[type]:
    return [type(out.request) for out in outs if isinstance(out, Send)]


def groups_of(shop: Shop) -> dict[str, set[str]]:
    """Return whose asks are on each host."""
    found: dict[str, set[str]] = {}
    for row in shop.market.engine.order_list("shop"):
        _, name, host, _ = row.client_order_id.split("/")
        found.setdefault(host, set()).add(name)
    return found


def test_a_new_group_sells_and_one_that_is_gone_withdraws_its_asks() -> None:
    shop = Shop(group("one", "h-1"), hosts=3)
    shop.after(2)
    assert shop.spot() == {"h-1": 4}
    assert shop.buy("b", 1) == 1
    shop.regroup(group("one", "h-1"), group("two", "h-2", **LIMITED))
    shop.after(SOON_S)
    assert shop.spot() == {"h-1": 3, "h-2": 2}
    shop.regroup(group("two", "h-2", **LIMITED))
    shop.after(SOON_S)
    assert shop.spot() == {"h-2": 2}
    assert [lease.units for lease in shop.leases()] == [1], "what is sold runs on"
    shop.regroup()
    shop.after(SOON_S)
    assert (shop.spot(), [lease.units for lease in shop.leases()]) == ({}, [1])
    shop.regroup(group("one", "*"))
    shop.after(SOON_S)
    assert shop.spot() == {"h-1": 3, "h-2": 4, "h-3": 4}


def test_a_host_that_moves_is_asked_for_only_when_the_old_ask_is_gone() -> None:
    shop = Shop(group("one", "h-1", **LIMITED), group("two", "h-2", **LIMITED), hosts=2)
    shop.after(2)
    assert groups_of(shop) == {"h-1": {"one"}, "h-2": {"two"}}
    outs = shop.regroup(group("one", "h-2", **LIMITED), group("two", "h-1", **LIMITED))
    assert kinds(outs) == [OrderCancel, OrderCancel]
    shop.after(SOON_S)
    assert groups_of(shop) == {"h-1": {"two"}, "h-2": {"one"}}
    assert shop.spot() == {"h-1": 2, "h-2": 2}


def test_a_group_with_a_limit_may_go_while_it_is_to_be_looked_at() -> None:
    shop = Shop(group("one", max_units=3), hosts=2)
    shop.after(2)
    shop.buy("b", 1)
    shop.regroup(group("two", max_units=5))
    shop.after(SOON_S)
    assert sum(shop.spot().values()) + 1 == 5
    assert groups_of(shop).keys() == {"h-1", "h-2"}


def test_a_manager_that_never_had_groups_leaves_asks_alone() -> None:
    shop = Shop(group("one"))
    shop.after(2)
    shop.groups = ()
    shop.start()
    shop.after(60)
    assert shop.spot() == {"h-1": 4}


def test_books_that_no_group_goes_by_are_not_followed_any_more() -> None:
    relative = Relative("best_ask", 0, 15_000, 30_000)
    shop = Shop(group("one", price=relative))
    shop.after(2)
    outs = shop.regroup(group("one"))
    assert len([out for out in outs if isinstance(out, Unlisten)]) == 1
    shop.after(SOON_S)
    assert len(shop.regroup(group("one", price=relative))) >= 1
    shop.after(SOON_S)
    assert [price for _, price in shop.asks().values()] == [30_000]


@pytest.mark.parametrize(
    ("tags", "hosts"),
    [
        ((), {"h-1", "h-2"}),
        (("ssd",), {"h-1", "h-2"}),
        (("ssd", "rack=7"), {"h-1"}),
        (("x",), set()),
    ],
)
def test_a_group_has_the_hosts_with_all_of_its_tags(tags: tuple[str, ...], hosts: set[str]) -> None:
    shop = Shop(Group(name="a", hosts=("h-*",), tags=tags, offer=offer()), hosts=2)
    shop.offers("h-1", room(4), ["rack=7", "ssd"])
    shop.offers("h-2", room(4), ["ssd"])
    shop.after(SOON_S)
    assert set(shop.spot()) == hosts
    shop.offers("h-1", room(4), [])
    shop.after(SOON_S)
    assert set(shop.spot()) == (hosts if not tags else hosts - {"h-1"})


CHOICES: list[dict[str, Any]] = [{}, LIMITED, {"max_units": 3}, {"kind": "share", "share": 0.5}]
some_groups = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["h-1", "h-2", "h-[12]", "h-*", "x"]),
        st.sampled_from(CHOICES),
    ),
    max_size=3,
    unique_by=lambda row: row[0],
)


def built(rows: Sequence[tuple[str, str, dict[str, Any]]]) -> tuple[Group, ...]:
    return tuple(group(name, hosts, **fields) for name, hosts, fields in rows)


@pytest.mark.parametrize("bought", [0, 3])
@settings(max_examples=25, deadline=None)
@given(stages=st.lists(some_groups, min_size=2, max_size=4))
def test_after_any_change_the_book_is_what_a_new_manager_would_make(
    bought: int, stages: list[list[tuple[str, str, dict[str, Any]]]]
) -> None:
    """At no time is a host asked for by two groups."""
    shop = Shop(group("a"), hosts=3)
    answer = shop.answer

    def checked(request: Any) -> None:
        if isinstance(request, OrderPlace):
            name = request.client_order_id.split("/")[1]
            assert groups_of(shop).get((request.hosts or [""])[0], {name}) == {name}
        answer(request)

    shop.answer = checked  # type: ignore[method-assign]
    shop.after(2)
    shop.buy("b", bought) if bought else None
    for rows in stages:
        shop.regroup(*built(rows))
        shop.after(SOON_S)
    new = Shop(*built(stages[-1]), hosts=3)
    if not bought:
        new.after(2)
        assert shop.asks() == new.asks()
    assert all(len(names) == 1 for names in groups_of(shop).values())
