"""The balancer's contract on a real HAProxy, and what only a real one can do. Run by `make e2e`."""

import asyncio
from collections.abc import Iterator

import pytest

from manager.core.ports import BalancerError, BalancerGoneError, LoadBalancer, LoadError
from manager.shell.haproxy_balancer import HaproxyBalancer
from manager.shell.haproxy_load import HaproxyLoad
from manager.shell.haproxy_runtime import RuntimeSocket
from tests.manager.balancer_contract import LIMIT_S, NAMES, BalancerContract, run
from tests.manager.haproxy import Haproxy, Named

OWN = "    server own 127.0.0.1:9\n"


class TestHaproxyBalancer(BalancerContract):
    @pytest.fixture(autouse=True)
    def rig(self) -> Iterator[None]:
        self.haproxy = Haproxy(("farm", "other"))
        self.servers = {name: Named(name) for name in NAMES}
        self.open: list[tuple[str, asyncio.StreamWriter]] = []
        yield
        self.haproxy.stop()

    async def start(self, drain_limit_s: float = LIMIT_S) -> LoadBalancer:
        for server in self.servers.values():
            await server.start()
        return HaproxyBalancer(self.haproxy.runtime, drain_limit_s)

    def place(self, server: str) -> tuple[str, int]:
        return "127.0.0.1", self.servers[server].port

    async def connect(self, balancer: LoadBalancer, backend: str) -> str | None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.haproxy.ports[backend])
        self.open.append(("", writer))
        try:
            name = (await reader.readline()).decode().strip()
        except ConnectionResetError:
            return None
        self.open[-1] = (name, writer)
        return name or None

    async def disconnect(self, balancer: LoadBalancer, server: str) -> None:
        next(writer for name, writer in self.open if name == server).close()

    async def stop(self) -> None:
        for _, writer in self.open:
            writer.close()
        for server in self.servers.values():
            await server.stop()


@pytest.fixture
def haproxy() -> Iterator[Haproxy]:
    haproxy = Haproxy(("farm", "other"), own=OWN)
    yield haproxy
    haproxy.stop()


def test_the_administrators_own_servers_are_never_told_or_touched(haproxy: Haproxy) -> None:
    async def work() -> None:
        balancer = HaproxyBalancer(haproxy.runtime)
        assert await balancer.servers() == {}
        await balancer.remove("own")
        rows = await haproxy.runtime.server_states()
        assert [row["srv_name"] for row in rows] == ["own"]

    run(work())


@pytest.mark.parametrize(
    ("server", "address", "backend"),
    [
        ("l-1-0", "127.0.0.1", "nowhere"),
        ("l-1-0 enabled\ndel server farm/own", "127.0.0.1", "farm"),
        ("l-1-0", "127.0.0.1:80 check; del server farm/own #", "farm"),
        ("l-1-0", "a.example", "farm"),
        ("l-1-0", "127.0.0.1", "farm;disable frontend to_farm"),
        ("", "127.0.0.1", "farm/x"),
    ],
)
def test_what_no_name_or_address_can_be_is_refused(
    haproxy: Haproxy, server: str, address: str, backend: str
) -> None:
    async def work() -> None:
        before = await haproxy.runtime.server_states()
        with pytest.raises(BalancerError) as caught:
            await HaproxyBalancer(haproxy.runtime).join(server, address, 80, backend)
        assert "\n" not in str(caught.value)
        assert await haproxy.runtime.server_states() == before

    run(work())


def test_a_restarted_haproxy_has_forgotten_and_takes_servers_again(haproxy: Haproxy) -> None:
    async def work() -> None:
        balancer = HaproxyBalancer(haproxy.runtime)
        await balancer.join("l-1-0", "::1", 8000, "farm")
        haproxy.kill()
        with pytest.raises(BalancerGoneError):
            await balancer.servers()
        await asyncio.to_thread(haproxy.start)
        assert await balancer.servers() == {}
        await balancer.join("l-1-0", "::1", 8000, "farm")
        assert await balancer.servers() == {"l-1-0": "ready"}

    run(work())


def test_what_somebody_set_by_hand_is_told(haproxy: Haproxy) -> None:
    async def work() -> None:
        balancer = HaproxyBalancer(haproxy.runtime)
        await balancer.join("l-1-0", "127.0.0.1", 8000, "farm")
        for state in ("maint", "drain"):
            await haproxy.runtime.do(f"set server farm/hr-l-1-0 state {state}")
            assert await balancer.servers() == {"l-1-0": "draining"}
        await balancer.join("l-1-0", "127.0.0.1", 8000, "farm")
        assert await balancer.servers() == {"l-1-0": "ready"}

    run(work())


def test_a_socket_without_the_right_says_so(haproxy: Haproxy) -> None:
    async def work() -> None:
        viewer = HaproxyBalancer(RuntimeSocket(haproxy.viewer))
        with pytest.raises(BalancerError, match="Permission denied"):
            await viewer.join("l-1-0", "127.0.0.1", 80, "farm")

    run(work())


def test_the_load_is_a_figure_of_the_backend(haproxy: Haproxy) -> None:
    async def work() -> None:
        assert await HaproxyLoad(haproxy.runtime, "farm").read_rps() == 0.0
        assert await HaproxyLoad(haproxy.runtime, "farm", "scur").read_rps() == 0.0
        with pytest.raises(LoadError, match="no backend 'nowhere'"):
            await HaproxyLoad(haproxy.runtime, "nowhere").read_rps()
        haproxy.kill()
        with pytest.raises(LoadError, match=str(haproxy.socket)):
            await HaproxyLoad(haproxy.runtime, "farm").read_rps()

    run(work())
