"""Readings from Prometheus' two formats: a number, or one line saying why there is none."""

import asyncio
from collections.abc import Iterable

import msgspec
import pytest

from manager.core.ports import LoadError
from manager.shell.load_prometheus import PrometheusPage, PrometheusQuery, query_url
from tests.manager.pages import page

TEXT = """# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{code="200",path="/a \\"b\\""} %d
http_requests_total{code="500",path="/"} 7
# TYPE in_flight gauge
in_flight 12.5
odd NaN
minus -1
"""


def vector(*values: object) -> bytes:
    rows = [{"metric": {}, "value": [1.5, value]} for value in values]
    data = {"resultType": "vector", "result": rows}
    return msgspec.json.encode({"status": "success", "data": data})


async def queried(body: bytes, per_s: float = 1.0) -> float:
    async with page(body) as url:
        return await PrometheusQuery(url, "", per_s).read_rps()


async def read(bodies: Iterable[str], metric: str, **labels: str) -> list[float | str]:
    """Return the reading or the trouble of each body in turn."""
    texts, said = iter(bodies), list[float | str]()
    async with page(lambda: next(texts).encode()) as url:
        source = PrometheusPage(url, metric, labels)
        for _ in bodies:
            try:
                said.append(await source.read_rps())
            except LoadError as error:
                said.append(str(error).partition(": ")[2])
    return said


def test_the_one_value_of_a_query_is_the_load() -> None:
    assert asyncio.run(queried(vector("730.25"))) == 730.25
    scalar = b'{"status":"success","data":{"resultType":"scalar","result":[1.5,"60"]}}'
    assert asyncio.run(queried(scalar, per_s=60)) == 1.0


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (vector(), "is empty"),
        (vector("1", "2"), "has several series: sum() them"),
        (vector("NaN"), "is no finite number"),
        (vector("+Inf"), "is no finite number"),
        (vector("-3"), "is negative"),
        (vector("three"), "could not convert"),
        (vector(3), "is neither a vector nor a scalar"),
        (b'{"status":"error","error":"bad_data: 1:5\\nmore"}', "is an error: bad_data: 1:5"),
        (b'{"status":"success","data":{"resultType":"string","result":[1,"3"]}}', "is neither"),
        (b'{"status":"success","data":{"resultType":"matrix","result":[]}}', "is neither"),
        (b"[]", "is neither"),
        (b"{}", "is neither"),
        (b"[" * 60_000, "not JSON"),
    ],
)
def test_what_is_no_value_is_no_figure(body: bytes, why: str) -> None:
    with pytest.raises(LoadError, match=r"\Aload http://[^\n]+\Z") as caught:
        asyncio.run(queried(body))
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://p:9090", "http://p:9090/", "http://p:9090/api/v1", "http://p:9090/api/v1/query"]
)
def test_a_query_is_put_behind_any_form_of_the_address(url: str) -> None:
    assert query_url(url, 'sum(rate(x{a="b"}[1m]))') == (
        "http://p:9090/api/v1/query?query=sum%28rate%28x%7Ba%3D%22b%22%7D%5B1m%5D%29%29"
    )
    assert query_url(url, "") == url


def test_a_gauge_is_read_as_it_is_and_a_counter_as_its_growth() -> None:
    assert asyncio.run(read([TEXT % 0], "in_flight")) == [12.5]
    first, second = asyncio.run(read([TEXT % 100, TEXT % 200], "http_requests_total"))
    assert first == "http_requests_total is a counter: its rate is known after the next reading"
    assert isinstance(second, float)
    assert second > 100


def test_labels_choose_and_a_counter_that_went_back_is_no_figure() -> None:
    said = asyncio.run(read([TEXT % 100, TEXT % 5, TEXT % 6], "http_requests_total", code="200"))
    assert said[1] == "http_requests_total went back: its rate is known after the next reading"
    assert isinstance(said[2], float)


@pytest.mark.parametrize(
    ("body", "metric", "why"),
    [
        (TEXT % 0, "nothing", "nothing is not there with these labels"),
        (TEXT % 0, "odd", "odd is no finite number"),
        (TEXT % 0, "minus", "minus is negative"),
        ("<html>{", "x", "x is on a page that is not in Prometheus' format"),
        ('x{a="b" 1\n', "x", "x is on a page that is not in Prometheus' format"),
        ("", "x", "x is not there with these labels"),
    ],
)
def test_a_page_without_the_figure(body: str, metric: str, why: str) -> None:
    assert asyncio.run(read([body], metric)) == [why]
