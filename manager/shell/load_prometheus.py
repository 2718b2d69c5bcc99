"""Reads the farm's load from Prometheus: an instant query, or a page of metrics as text. Shell.

Source of both formats: Prometheus' documentation, "HTTP API" and "Exposition formats".
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from manager.core.figure import CounterRate, figure
from manager.core.ports import LoadError
from manager.shell.load_http import fetch, json_of

MAX_ANSWER: Final = 256 * 1024
MAX_PAGE: Final = 4 * 1024 * 1024
COUNTER_ENDINGS: Final = ("_total", "_count", "_sum", "_bucket")


class PrometheusQuery:
    """Implements `manager.core.ports.LoadSource`: what a query gives, which must be one number.

    ``url``: of the server, of its API, or with the whole query in it; ``query``: any PromQL.
    """

    def __init__(self, url: str, query: str, per_s: float = 1.0) -> None:
        self._url = query_url(url, query)
        self._shown = url
        self._per_s = per_s

    async def read_rps(self) -> float:
        answer = json_of(await fetch(self._url, MAX_ANSWER), self._shown)
        try:
            return _sampled(_only_value(answer)) / self._per_s
        except ValueError as error:
            raise LoadError(f"load {self._shown}: the query's result {error}") from error


class PrometheusPage:
    """Implements `manager.core.ports.LoadSource`: the sum of ``metric`` with these ``labels``.

    A counter is read as its growth per second, so it needs two readings.
    """

    def __init__(
        self, url: str, metric: str, labels: Mapping[str, str], per_s: float = 1.0
    ) -> None:
        self._url = url
        self._metric = metric
        self._labels = labels.items()
        self._per_s = per_s
        self._counter = CounterRate()

    async def read_rps(self) -> float:
        body = await fetch(self._url, MAX_PAGE)
        at_s = time.monotonic()
        try:
            counts, found = self._found(body.decode("utf-8"))
            value = figure(sum(found))
            return (self._counter.rate(value, at_s) if counts else value) / self._per_s
        except UnicodeDecodeError as error:
            raise LoadError(f"load {self._url}: not UTF-8 text") from error
        except ValueError as error:
            raise LoadError(f"load {self._url}: {self._metric} {error}") from error

    def _found(self, text: str) -> tuple[bool, list[float]]:
        """Return whether the metric is a counter, and its samples."""
        counts, values = self._metric.endswith(COUNTER_ENDINGS), []
        for kind, sample in _samples(text):
            if sample.name == self._metric and self._labels <= sample.labels.items():
                counts = counts or kind == "counter"
                values.append(sample.value)
        if not values:
            raise ValueError("is not there with these labels")
        return counts, values


def query_url(url: str, query: str) -> str:
    """Return the address that answers ``query``; an address with a query of its own stays."""
    if not query:
        return url
    base = url.rstrip("/")
    if not base.endswith("/query"):
        base += "/query" if base.endswith("/api/v1") else "/api/v1/query"
    return f"{base}?query={quote(query, safe='')}"


def _only_value(answer: Any) -> str:
    """Return the value of an answer that holds one. Raises `ValueError`."""
    match answer:
        case {"status": "success", "data": {"resultType": "scalar", "result": [_, str(value)]}}:
            return value
        case {"status": "success", "data": {"resultType": "vector", "result": list(rows)}}:
            if len(rows) != 1:
                raise ValueError("is empty" if not rows else "has several series: sum() them")
            match rows[0]:
                case {"value": [_, str(value)]}:
                    return value
                case _:
                    pass
        case {"status": "error", "error": str(why)}:
            raise ValueError(f"is an error: {why.splitlines()[0][:200] if why else 'unknown'}")
        case _:
            pass
    raise ValueError("is neither a vector nor a scalar")


def _sampled(text: str) -> float:
    try:
        return figure(float(text))
    except OverflowError as error:
        raise ValueError("is too large") from error


def _samples(text: str) -> Iterator[tuple[str, Sample]]:
    """Yield every sample with its family's type. Raises `ValueError` for what is no such page."""
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                yield family.type, sample
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ValueError("is on a page that is not in Prometheus' format") from error
