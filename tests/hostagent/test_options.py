"""The options of `headroom host run`: what is taken, and what is refused in one line."""

import asyncio
import re
from ipaddress import IPv4Address
from pathlib import Path

import msgspec
import pytest

from exchange.units import MAX_INT
from exchange.wire.types import Capacity
from hostagent import options
from hostagent.core.policy import Policy, Proxy, gid_of
from hostagent.core.rates import MIB_S_MAX, Rates
from hostagent.options import OptionError
from hostagent.setup import SetupError, check_state
from tests.hostagent.market import ask_when_live, enroll, market, start_agent, stop


def test_classes_have_the_shapes_that_are_written() -> None:
    assert options.classes("tiny=500/1024/5120, huge=16000/65536/0") == {
        "tiny": Capacity(mvcpu=500, mem_mib=1024, disk_mib=5120),
        "huge": Capacity(mvcpu=16_000, mem_mib=65_536, disk_mib=0),
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tiny",
        "tiny=",
        "tiny=1/2",
        "tiny=1/2/3/4",
        "tiny=a/2/3",
        "=1/2/3",
        "tiny=-1/2/3",
        "tiny=0/2/3",
        "tiny=1/0/3",
        "tiny=1/2/3,",
        "tiny=1/2/3,tiny=1/2/3",
        "t\ny=1/2/3",
    ],
)
def test_classes_that_are_none(text: str) -> None:
    with pytest.raises(OptionError, match="--classes"):
        options.classes(text)


@pytest.mark.parametrize(
    "text", ["203.0.113.7", "2001:db8::7", "r7.rack.example", "localhost", "r7.example."]
)
def test_an_address_that_can_be_dialled(text: str) -> None:
    assert options.address(text) == text


@pytest.mark.parametrize(
    "text", ["", " ", "0.0.0.000", "::", "a b", "http://r7", "r7:80", "-r7", "r7..x", "x" * 65]
)
def test_an_address_that_cannot(text: str) -> None:
    with pytest.raises(OptionError, match="not an address that renters can dial"):
        options.address(text)


RATES = Rates()
STATE = Path("/var/lib/headroom")


def test_what_guests_may_connect_to() -> None:
    gid = gid_of(str(STATE.resolve()))
    assert options.policy(RATES, "none", None, STATE) == Policy(RATES, gid=gid)
    assert options.policy(RATES, "all", None, STATE) == Policy(RATES, "all", gid=gid)
    proxy = Proxy(IPv4Address("10.1.2.3"), 3128)
    assert options.policy(RATES, "proxy", "10.1.2.3:3128", STATE).proxy == proxy


@pytest.mark.parametrize(
    ("outbound", "proxy", "why"),
    [
        ("some", None, "--outbound some: not none, proxy or all"),
        ("proxy", None, "belong together"),
        ("none", "10.1.2.3:3128", "belong together"),
        ("all", "10.1.2.3:3128", "belong together"),
        ("proxy", "", "--proxy : not ADDRESS:PORT"),
        ("proxy", "10.1.2.3", "--proxy 10.1.2.3: not"),
        ("proxy", "10.1.2.3:", "not ADDRESS:PORT"),
        ("proxy", "10.1.2.3:0", "not ADDRESS:PORT"),
        ("proxy", "10.1.2.3:65536", "not ADDRESS:PORT"),
        ("proxy", "10.1.2.3:+1", "not ADDRESS:PORT"),
        ("proxy", "10.1.2.3,hostfwd=:1", "not ADDRESS:PORT"),
        ("proxy", "proxy.example:3128", "with an IPv4 address"),
        ("proxy", "[::1]:3128", "with an IPv4 address"),
        ("proxy", "0.0.0.0:3128", "with an IPv4 address"),
        ("proxy", "224.0.0.1:3128", "with an IPv4 address"),
        ("proxy", "255.255.255.255:3128", "with an IPv4 address"),
    ],
)
def test_what_guests_cannot_be_allowed(outbound: str, proxy: str | None, why: str) -> None:
    with pytest.raises(OptionError, match=re.escape(why)):
        options.policy(RATES, outbound, proxy, STATE)


def test_a_state_folder_is_made_only_where_something_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    check_state(folder, kept=False)
    assert not folder.exists()
    check_state(folder, kept=True)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("text", ["/proc/x", "/proc", f"{__file__}", f"{__file__}/x"])
def test_a_state_folder_that_can_hold_nothing(text: str, kept: bool) -> None:
    with pytest.raises(SetupError, match=f"--state {text}: .* is no folder that can hold files"):
        check_state(Path(text), kept)


CLASSES = """
windows = []
instruments = [{class = "tiny", zone = "eu-de", pricing = "flat"}]
[classes.tiny]
mvcpu = 500
mem_mib = 1024
disk_mib = 4096
[[zones]]
zone = "eu-de"
country = "DE"
accel = ["simulated"]
"""


def test_a_host_serves_the_classes_of_its_operator(tmp_path: Path) -> None:
    (tmp_path / "exchange.toml").write_text(CLASSES)

    async def story() -> None:
        config = ("--config", str(tmp_path / "exchange.toml"))
        async with market(tmp_path, *config) as here, here.client("seller") as seller:
            await enroll(here, seller)
            agent = await start_agent(here, "host", "--classes", "tiny=500/1024/4096")
            try:
                await ask_when_live(seller, "tiny.eu-de.flat.spot")
            finally:
                assert await stop(agent) == 0

    asyncio.run(story())


def test_tags_are_each_once_and_in_order() -> None:
    assert options.tags(["ssd", "rack=7", "ssd"]) == ("rack=7", "ssd")
    assert options.tags([]) == ()


@pytest.mark.parametrize("texts", [["a b"], ["=7"], [""], [f"t{n}" for n in range(17)]])
def test_tags_that_are_none(texts: list[str]) -> None:
    with pytest.raises(OptionError, match="--tag"):
        options.tags(texts)


@pytest.mark.parametrize("option", ["--mvcpu", "--mem-mib", "--disk-mib"])
def test_what_the_exchange_could_not_be_told_is_refused(option: str) -> None:
    names = ("--mvcpu", "--mem-mib", "--disk-mib")
    most = [MAX_INT if name == option else None for name in names]
    assert most[names.index(option)] in msgspec.structs.astuple(options.override(*most))
    more = [MAX_INT + 1 if name == option else None for name in names]
    line = f"{option} {MAX_INT + 1}: not a whole number from 0 to {MAX_INT}"
    with pytest.raises(OptionError, match=line):
        options.override(*more)


def test_rates_that_no_vm_could_start_with_are_refused() -> None:
    assert options.rates(0, MIB_S_MAX) == Rates(0, MIB_S_MAX)
    for given, option in (((MIB_S_MAX + 1, 0), "--disk-mib-s"), ((0, 10**14), "--net-mib-s")):
        with pytest.raises(OptionError, match=f"{option} .*: not a whole number from 0 to 1000000"):
            options.rates(*given)
