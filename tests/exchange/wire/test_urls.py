"""Several addresses of one exchange: which lists can be, and which address is tried next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.wire.urls import URLS_MAX, Urls, endpoint, listed, named

A, B, C = "wss://a/v1/ws", "wss://b:8750", "https://c"
THREE = f"{A},{B},{C}"


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        (A, (A,)),
        (THREE, (A, B, C)),
        (f" {A} , {B}", (A, B)),
        ("ws://a,ws://a:81", ("ws://a", "ws://a:81")),
        (",".join(f"ws://h{n}" for n in range(URLS_MAX)), tuple(f"ws://h{n}" for n in range(8))),
    ],
)
def test_a_list_is_its_addresses(text: str, urls: tuple[str, ...]) -> None:
    assert listed(text) == urls


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ": not an address like ws://HOST:PORT/v1/ws"),
        (f"{A},", f"{A},: address 2 of 2 is empty"),
        (f"{A},,{B}", f"{A},,{B}: address 2 of 3 is empty"),
        (",", ",: address 1 of 2 is empty"),
        (f"{A},ftp://b", "ftp://b: not an address like ws://HOST:PORT/v1/ws"),
        (f"{A},wss://b/other", "wss://b/other: not an address like ws://HOST:PORT/v1/ws"),
        (f"{A},wss://b:x", "wss://b:x: not an address: Port could not be cast"),
        (f"{A},{A}", f"{A}: given twice"),
        ("ws://a,ws://b,ws://A.:80/v1/ws", "ws://A.:80/v1/ws: given twice, as ws://a too"),
        ("wss://a,https://a:443/", "https://a:443/: given twice, as wss://a too"),
        ("wss://a,ws://b", "wss://a,ws://b: ws:// and wss:// together"),
        (",".join(f"ws://h{n}" for n in range(9)), "9 addresses; at most 8 can be given"),
    ],
)
def test_a_list_that_cannot_be_is_one_line(text: str, line: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - its text is what is tested
        listed(text)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("reason", "url"),
    [
        ("", ""),
        ("restarting", ""),
        ("standby", ""),
        ("wss://b/v1/ws", "wss://b/v1/ws"),
        ("handed over to wss://b/v1/ws, dial it", "wss://b/v1/ws"),
        ("standby (ws://[::1]:8750/v1/ws)", "ws://[::1]:8750/v1/ws"),
        ("http://b", ""),
    ],
)
def test_a_reason_may_name_an_address(reason: str, url: str) -> None:
    assert named(reason) == url


@pytest.mark.parametrize(
    ("go_to", "first"),
    [
        ("wss://b:8750/v1/ws", B),
        ("wss://B.:8750", B),
        ("wss://c:443/v1/ws", C),
        ("ws://b:8750/v1/ws", A),
        ("wss://b/v1/ws", A),
        ("wss://stranger/v1/ws", A),
        ("wss://b:8750.stranger/v1/ws", A),
        ("wss://b:8750@stranger/v1/ws", A),
        ("nonsense", A),
        ("", A),
    ],
)
def test_only_an_address_of_ours_is_gone_to(go_to: str, first: str) -> None:
    """(Seen to go to the stranger's with the address put in front as it came.)"""
    urls = Urls(THREE)
    urls.go_to(go_to)
    assert urls.first == first
    assert set(urls.each()) == {A, B, C}


def test_the_one_that_worked_last_is_first() -> None:
    urls = Urls(THREE)
    assert list(urls.each()) == [A, B, C]
    urls.worked(C)
    assert list(urls.each()) == [C, A, B]
    urls.failed()
    assert list(urls.each()) == [A, B, C]


@given(st.lists(st.sampled_from([A, B, C, "wss://stranger", ""]), max_size=6))
def test_each_is_tried_once_a_round_whatever_closes_say(said: list[str]) -> None:
    urls, tried = Urls(THREE), []
    for url in urls.each():
        tried.append(url)
        if said:
            urls.go_to(said.pop())
    assert sorted(tried) == sorted([A, B, C])


def test_what_an_error_is_about_is_said_where_there_are_several() -> None:
    assert Urls(A).about("hung up") == "hung up"
    assert Urls(THREE).about("hung up") == f"{A}: hung up"


def test_an_endpoint_keeps_the_host_as_it_was_given() -> None:
    assert endpoint("https://H:9/", "/v1/ws") == "wss://H:9/v1/ws"
