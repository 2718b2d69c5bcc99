"""Reads the farm's load from HAProxy's own statistics of a backend. Shell."""

from typing import Final, Literal, TypeAlias

from manager.core.ports import LoadError
from manager.shell.haproxy_runtime import HaproxyError, RuntimeSocket

HaproxyMetric: TypeAlias = Literal["rate", "scur", "rtime"]
"""``rate``: requests in the last second; ``scur``: requests under way; ``rtime``: the mean time of
the last 1,024 answers in ms."""
DEFAULT_METRIC: Final[HaproxyMetric] = "rate"


class HaproxyLoad:
    """Implements `manager.core.ports.LoadSource` for ``backend`` of the HAProxy at ``runtime``."""

    def __init__(
        self, runtime: RuntimeSocket, backend: str, metric: HaproxyMetric = DEFAULT_METRIC
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
