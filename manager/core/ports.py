"""The ports of the Manager's shell that have a live and a simulated version.

`LoadBalancer`: haproxy_balancer.py, and memory_balancer.py in tests and demos. `LoadSource`:
haproxy_load.py, load_prometheus.py, load_http.py. Each call is bounded in time by its
implementation; a failure is one of the exceptions, one line each.
"""

from typing import Protocol

from manager.core.messages import ServerState


class BalancerError(Exception):
    """The load balancer could not do it."""


class BalancerGoneError(BalancerError):
    """The load balancer cannot be reached, and may be back later."""


class LoadError(Exception):
    """No figure came: unreachable, or not a number."""


class LoadBalancer(Protocol):
    """Servers of the farm's backends. Every method may be repeated without harm."""

    async def join(self, server: str, address: str, port: int, backend: str) -> None:
        """Send traffic to ``server``; a draining one returns to service."""

    async def drain(self, server: str) -> None:
        """Send no new connection; return when none is left, at the latest after its limit."""

    async def remove(self, server: str) -> None:
        """Forget ``server``; one that is not there is fine."""

    async def servers(self) -> dict[str, ServerState]:
        """Return what there is, by name."""
        ...


class LoadSource(Protocol):
    """Tells the farm's load."""

    async def read_rps(self) -> float:
        """Return requests per second, never negative. Raises `LoadError`."""
        ...
