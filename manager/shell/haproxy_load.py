"""Reads the farm's load from HAProxy's own statistics of a backend. Shell."""

from typing import Final, Literal, TypeAlias

from manager.core.ports import LoadError
from manager.shell.haproxy_runtime import HaproxyError, RuntimeSocket

HaproxyMetric: TypeAlias = Literal["rate", "scur", "rtime"]
"""``rate``: requests in the last second; ``scur``: requests under way; ``rtime``: the mean time of
the last 1,024 answers in ms."""
METRICS: Final[tuple[HaproxyMetric, ...]] = ("rate", "scur", "rtime")


def haproxy_metric(name: str) -> HaproxyMetric:
    """Return the metric called ``name``, the first of `METRICS` for "". Raises `ValueError`."""
    return METRICS[0] if not name else METRICS[list[str](METRICS).index(name)]


class HaproxyLoad:
    """Implements `manager.core.ports.LoadSource` for ``backend`` of the HAProxy at ``runtime``."""

    def __init__(
        self, runtime: RuntimeSocket, backend: str, metric: HaproxyMetric = METRICS[0]
    ) -> None:
        self._runtime = runtime
        self._backend = backend
        self._metric = metric

    async def read_rps(self) -> float:
        try:
            rows = await self._runtime.statistics()
        except HaproxyError as error:
            raise LoadError(f"load: {error}") from error
        for row in rows:
            if (row["pxname"], row["svname"]) == (self._backend, "BACKEND"):
                return self._number(row.get(self._metric) or "")
        raise LoadError(f"load: haproxy {self._runtime.path} has no backend {self._backend!r}")

    def _number(self, text: str) -> float:
        if not text.isascii() or not text.isdigit():
            raise LoadError(f"load: haproxy tells no {self._metric} of {self._backend}: {text!r}")
        return float(text)
