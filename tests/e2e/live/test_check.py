"""What a release needs beyond CI: the other ways to boot, the other role, a guest on a booted host,
and the same bytes from a second build. Run by `make live-check`."""

import asyncio
import contextlib
from functools import partial
from pathlib import Path

import pytest

from exchange.wire.frames import LeaseUpdate, VmUpdate
from exchange.wire.requests import VmStart
from hostagent.live import build
from tests.e2e.live.machine import (
    ADDRESS_INSIDE,
    LOOPBACK,
    Server,
    free_ports,
    powered_on,
    settings_volume,
    state_disk,
)
from tests.e2e.live.market import allow_hosts, netboot, seen_from_inside, shown, sold, told
from tests.e2e.test_chain import Running, client, exchange, found_market, headroom
from tests.e2e.wait import event, eventually, http_get

pytestmark = pytest.mark.real

GUEST_INSIDE_S = 1800.0
"""An emulated guest on an emulated host."""
GUEST_ANSWERS_S = 300.0
"""So slow a guest loses a connection now and then."""


def test_a_server_boots_from_the_network_and_sells_a_unit(image: Path, tmp_path: Path) -> None:
    asyncio.run(boot_from_the_network(image, tmp_path))


async def boot_from_the_network(image: Path, folder: Path) -> None:
    async with exchange(folder) as running, netboot(image) as script:
        await found_market(running)
        await allow_hosts(running)
        state = state_disk(folder / "state.img")
        server = Server(image, folder, "netboot", state, script_url=script)
        settings_volume(server, {"headroom.toml": told(running, [])})
        async with client(running, "buyer") as buyer:
            with powered_on(server) as power:
                await sold(running, server, power, buyer)


def test_a_guest_on_a_server_booted_by_uefi_answers(
    image: Path, guest: Path, tmp_path: Path
) -> None:
    """Also after a power cut: the host keeps its key and its images on its own partition."""
    asyncio.run(boot_and_start(image, guest, tmp_path))


async def boot_and_start(image: Path, guest: Path, folder: Path) -> None:
    async with exchange(folder) as running:
        await found_market(running)
        await allow_hosts(running)
        ports = free_ports(4)
        server = Server(image, folder, "uefi", state_disk(folder / "state.img"), ports)
        settings_volume(server, {"headroom.toml": told(running, ports)})
        login = ("--url", running.url, "--key", str(running.keys["buyer"]))
        stored = await headroom("image", "put", *login, str(guest))
        async with client(running, "buyer") as buyer:
            await buyer.subscribe("account")
            with powered_on(server) as power:
                await sold(running, server, power, buyer)
                lease = await event(buyer, lambda one: isinstance(one, LeaseUpdate), 10)
                assert isinstance(lease, LeaseUpdate)
                request = VmStart(
                    req_id=1, lease_id=lease.lease_id, name="web", image=stored, ports=[80]
                )
                await buyer.request(request)
                vm = await event(buyer, serves, GUEST_INSIDE_S)
                assert isinstance(vm, VmUpdate)
                await eventually(partial(answers, vm), GUEST_ANSWERS_S, "the guest answers")
                await shown(server, power, "  sold       1 VM")
            with powered_on(server) as power:
                await shown(server, power, "  state      live")


async def answers(vm: VmUpdate) -> bool | None:
    at = vm.endpoints[0]
    assert at.address == ADDRESS_INSIDE
    # IndexError: the connection ended before the first line of an answer.
    with contextlib.suppress(OSError, TimeoutError, IndexError):
        assert await http_get(LOOPBACK, at.port, "/healthz") == (200, "ok\n")
        return True
    return None


def serves(one: object) -> bool:
    assert not (isinstance(one, VmUpdate) and one.state == "failed"), one
    return isinstance(one, VmUpdate) and one.ready_ms is not None


MANAGER_TOML = """schema = 1
[exchange]
url = "{url}"
key = "buyer.pem"
[[vm]]
name = "web"
image = "{image}"
class = "small"
ports = [80]
backend = "farm"
[balancer]
kind = "haproxy"
socket = "/run/haproxy/admin.sock"
[load]
kind = "haproxy"
backend = "farm"
unit_rps = 250
core_units = 1
[[rule]]
name = "burst"
when = "util > 70 for 2m"
do = "buy 1"
vm = "web"
price_max = 0.10
zones = ["eu-test"]
"""


HAPROXY_CFG = b"""global
    stats socket /run/haproxy/admin.sock mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend shop
    bind :8080
    default_backend farm
backend farm
    balance roundrobin
"""


def test_a_server_boots_as_a_manager(image: Path, tmp_path: Path) -> None:
    """Its files and key come from the volume, HAProxy is ready; nothing is kept, and it says so."""
    asyncio.run(boot_a_manager(image, tmp_path))


async def boot_a_manager(image: Path, folder: Path) -> None:
    async with exchange(folder) as running:
        await found_market(running)
        server = Server(image, folder)
        settings_volume(server, manager_files(running))
        with powered_on(server) as power:
            screen = await shown(server, power, "  state      live")
    assert "  why  " not in screen
    assert "  Headroom manager" in screen
    assert f"  exchange   {seen_from_inside(running)}" in screen
    assert "  account    buyer" in screen
    assert "  rules      1" in screen
    assert "  balancer   HAProxy is ready at /run/haproxy/admin.sock" in screen
    assert "state is in memory" in screen


def manager_files(running: Running) -> dict[str, bytes]:
    toml = MANAGER_TOML.format(url=seen_from_inside(running), image="0" * 64)
    return {
        "headroom.toml": b'role = "manager"\n',
        "manager.toml": toml.encode(),
        "haproxy.cfg": HAPROXY_CFG,
        "buyer.pem": running.keys["buyer"].read_bytes(),
    }


def test_a_second_build_gives_the_same_bytes(image: Path, tmp_path: Path) -> None:
    """Everything: the boot files, the file system, the ISO."""
    again = tmp_path / "again"
    build.build_live(again, build.Recipe({}, cache=image / build.CACHE))
    assert (again / build.SUMS).read_text() == (image / build.SUMS).read_text()
