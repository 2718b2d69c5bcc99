"""Readings of the farm's load over HTTP: a number, or one line saying why there is none."""

import asyncio

import pytest

from manager.core.ports import LoadError
from manager.shell.load_http import MAX_BODY, JsonLoad
from tests.manager.pages import page


async def served(status: int, body: bytes, field: str, per_s: float = 1.0) -> float:
    async with page(body, status=status) as url:
        return await JsonLoad(url, field, per_s).read_rps()


@pytest.mark.parametrize(
    ("body", "field", "per_s", "value"),
    [
        (b"250", "", 1.0, 250.0),
        (b'{"a": {"b": 900.5}}', "a.b", 1.0, 900.5),
        (b'{"per_5min": 600}', "per_5min", 300.0, 2.0),
    ],
)
def test_a_reading(body: bytes, field: str, per_s: float, value: float) -> None:
    assert asyncio.run(served(200, body, field, per_s)) == value


@pytest.mark.parametrize(
    ("status", "body", "field", "why"),
    [
        (503, b"1", "", "answered 503"),
        (200, b"<html>", "", "not JSON"),
        (200, b'{"a": 1}', "b", "there is no field 'b'"),
        (200, b'{"a": 1}', "a.b", "there is no field 'a.b'"),
        (200, b'{"a": "1"}', "a", "a is no number"),
        (200, b'{"a": true}', "a", "a is no number"),
        (200, b'{"a": -1}', "a", "a is negative"),
        (200, b"9" * 400, "", "the answer is too large"),
        (200, b'{"a": 1e400}', "a", "not JSON"),
        (200, b'{"a": 1' + b"0" * 400 + b"}", "a", "a is too large"),
        (200, b"[" * 60_000, "", "not JSON"),
        (200, b'{"a": NaN}', "a", "not JSON"),
        (200, b"\xff", "", "not JSON"),
        (302, b"1", "", "answered 302"),
        (200, b" " * (MAX_BODY + 1), "", f"more than {MAX_BODY} bytes"),
    ],
)
def test_no_reading(status: int, body: bytes, field: str, why: str) -> None:
    with pytest.raises(LoadError, match=r"^load http://127\.") as caught:
        asyncio.run(served(status, body, field))
    assert why in str(caught.value)


def test_nobody_listens() -> None:
    with pytest.raises(LoadError, match="Connection refused"):
        asyncio.run(JsonLoad("http://127.0.0.1:9/load", "").read_rps())
