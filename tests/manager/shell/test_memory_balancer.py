"""The balancer in memory keeps the contract that a real one keeps."""

from manager.core.ports import LoadBalancer
from manager.shell.memory_balancer import MemoryBalancer
from tests.manager.balancer_contract import LIMIT_S, NAMES, BalancerContract


class TestMemoryBalancer(BalancerContract):
    async def start(self, drain_limit_s: float = LIMIT_S) -> LoadBalancer:
        return MemoryBalancer(drain_limit_s)

    def place(self, server: str) -> tuple[str, int]:
        return "127.0.0.1", 8000 + NAMES.index(server)

    async def connect(self, balancer: LoadBalancer, backend: str) -> str | None:
        assert isinstance(balancer, MemoryBalancer)
        return balancer.connect(backend)

    async def disconnect(self, balancer: LoadBalancer, server: str) -> None:
        assert isinstance(balancer, MemoryBalancer)
        balancer.disconnect(server)
