"""Tickets work once and for ten minutes, cookies for twelve hours; names are compared whole."""

import pytest

from tui.web.gate import (
    GRANT_MS,
    GRANTS_MAX,
    TICKET_MS,
    TICKETS_MAX,
    Gate,
    authorities,
    is_wildcard,
    origin,
)


def test_a_ticket_works_once() -> None:
    gate = Gate()
    gate.issue("t", 0)
    assert gate.redeem("t", "c", 1)
    assert not gate.redeem("t", "d", 2)
    assert gate.good_until_ms("c", 2) == 1 + GRANT_MS
    assert gate.good_until_ms("d", 2) is None


@pytest.mark.parametrize(("at_ms", "good"), [(TICKET_MS - 1, True), (TICKET_MS, False)])
def test_a_ticket_works_for_ten_minutes(at_ms: int, good: bool) -> None:
    gate = Gate()
    gate.issue("t", 0)
    assert gate.redeem("t", "c", at_ms) is good


@pytest.mark.parametrize(("at_ms", "good"), [(GRANT_MS - 1, True), (GRANT_MS, False)])
def test_a_cookie_is_good_for_twelve_hours(at_ms: int, good: bool) -> None:
    gate = Gate()
    gate.issue("t", 0)
    assert gate.redeem("t", "c", 0)
    assert (gate.good_until_ms("c", at_ms) is not None) is good


@pytest.mark.parametrize("wrong", ["", "T", "t ", "c", "\ud800"])
def test_nothing_else_is_a_ticket_or_a_cookie(wrong: str) -> None:
    gate = Gate()
    gate.issue("t", 0)
    assert not gate.redeem(wrong, "c", 1)
    assert gate.good_until_ms(wrong, 1) is None
    assert gate.redeem("t", "c", 1), "a wrong one takes nothing away"


def test_both_are_bounded_and_the_oldest_go() -> None:
    gate = Gate()
    for number in range(TICKETS_MAX + 1):
        gate.issue(f"t{number}", 0)
    assert not gate.redeem("t0", "c", 1)
    assert gate.redeem("t1", "c", 1)
    for number in range(GRANTS_MAX):
        gate.issue("t", 1)
        assert gate.redeem("t", f"c{number}", 1)
    assert gate.good_until_ms("c", 2) is None
    assert gate.good_until_ms("c0", 2) is not None


EVERY = "0.0.0.0"  # noqa: S104
LOCAL = ["127.0.0.1:8760", "localhost:8760", "[::1]:8760"]
NAMES = [
    (("127.0.0.1", 8760, False, (), True), LOCAL),
    (("localhost", 80, False, (), True), ["localhost", "127.0.0.1", "[::1]"]),
    (("::1", 8760, False, (), True), ["[::1]:8760", "127.0.0.1:8760", "localhost:8760"]),
    (("10.0.0.5", 8760, True, (), False), ["10.0.0.5:8760"]),
    (("10.0.0.5", 443, True, ("Farm.Example",), False), ["farm.example", "10.0.0.5"]),
    ((EVERY, 8760, True, ("farm.example",), False), ["farm.example:8760"]),
    (("", 8760, True, ("farm.example:443",), False), ["farm.example:443"]),
    (("::", 8760, True, ("[fd00::5]",), False), ["[fd00::5]:8760"]),
]


@pytest.mark.parametrize(("given", "names"), NAMES)
def test_the_names_that_a_browser_may_send(
    given: tuple[str, int, bool, tuple[str, ...], bool], names: list[str]
) -> None:
    assert authorities(*given) == names


@pytest.mark.parametrize(
    ("host", "every"),
    [("", True), (EVERY, True), ("::", True), ("127.0.0.1", False), ("farm.example", False)],
)
def test_an_address_that_means_all(host: str, every: bool) -> None:
    assert is_wildcard(host) is every


def test_the_origin_of_our_pages() -> None:
    assert origin("farm.example", secure=True) == "https://farm.example"
    assert origin("127.0.0.1:8760", secure=False) == "http://127.0.0.1:8760"
