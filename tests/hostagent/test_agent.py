"""The live agent against a real exchange, both as users start them, with VMs in memory."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchange.client import Client, Refused
from exchange.client.images import put_image
from exchange.keys import load_private_key, new_key
from exchange.wire.console_requests import VmConsole
from exchange.wire.frames import LeaseUpdate
from exchange.wire.requests import HostApprove, HostOffer, LeaseRelease, VmStart
from exchange.wire.types import Capacity
from tests import command
from tests.hostagent.market import (
    TOKEN,
    WAIT_S,
    Market,
    agent,
    ask_when_live,
    enroll,
    enroll_as,
    first,
    market,
    order,
    run,
    run_process,
    start,
    start_agent,
    stop,
    vm_is,
)


def within(folder: Path, story: Callable[[Market], Awaitable[None]]) -> None:
    async def main() -> None:
        async with market(folder) as here:
            await story(here)

    asyncio.run(main())


async def lease_of_two(here: Market, seller: Client, buyer: Client) -> LeaseUpdate:
    await ask_when_live(seller)
    await buyer.subscribe("account")
    await buyer.request(order("buy"))
    lease = await first(buyer, lambda event: isinstance(event, LeaseUpdate))
    assert isinstance(lease, LeaseUpdate)
    return lease


async def look_at_console(here: Market, buyer: Client, vm_id: str) -> None:
    """By the client library and by the command, whose exit code is 1 when there is none."""
    told = await buyer.request(VmConsole(req_id=1, vm_id=vm_id, lines=9))
    text = f"{vm_id} boots in memory\n{vm_id} is ready"
    assert told == {"vm_id": vm_id, "text": text}
    login = ("--url", here.url, "--key", str(here.key("buyer")))
    assert await run("vm", "console", vm_id, *login) == (0, f"{text}\n", "")
    one = await run("vm", "console", vm_id, "--lines", "1", "--json", *login)
    assert json.loads(one[1]) == {"vm_id": vm_id, "text": f"{vm_id} is ready"}
    code, out, err = await run("vm", "console", "v-99", *login)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "unknown_vm" in err


def disk(folder: Path) -> Path:
    """Make the smallest thing that may be a disk."""
    path = folder / "disk.raw"
    path.write_bytes(bytes(512))
    return path


def test_a_vm_lost_with_its_agent_is_told_and_another_takes_its_unit(tmp_path: Path) -> None:
    """Enrolled, live, launched, ready; the agent is stopped and started; the lease is released.

    (Seen to fail: an empty VM was started in its place, without a word.)
    """

    async def story(here: Market) -> None:
        async with here.client("seller") as seller, here.client("buyer") as buyer:
            assert (await enroll(here, seller))["status"] == "approved"
            key = load_private_key(here.key("buyer"))
            image = await put_image(here.url, key, disk(tmp_path), "raw")
            async with agent(here):
                lease = (await lease_of_two(here, seller, buyer)).lease_id
                request = VmStart(req_id=1, lease_id=lease, name="a", image=image, ports=[80])
                vm_id = (await buyer.request(request))["vm_id"]
                vm = await first(buyer, vm_is("running", ready=True))
                assert (vm.vm_id, vm.endpoints[0].guest_port) == (vm_id, 80)
                await look_at_console(here, buyer, vm_id)
            async with agent(here):
                # VMs in memory end with their agent, as if somebody had removed each.
                lost = await first(buyer, vm_is("failed"))
                assert (lost.vm_id, lost.reason) == (vm_id, "domain_lost")
                await buyer.request(msgspec.structs.replace(request, name="b"))
                await first(buyer, vm_is("running", ready=True))
                await buyer.request(LeaseRelease(req_id=1, lease_id=lease))
                await first(buyer, vm_is("stopped"))

    within(tmp_path, story)


def test_a_key_that_is_not_a_hosts_is_one_line_and_exit_1(tmp_path: Path) -> None:
    async def story(here: Market) -> None:
        new_key(here.key("stranger"))
        login = ("--url", here.url, "--key", str(here.key("stranger")), "--hypervisor", "memory")
        code, out, err = await run_process("host", "run", *login, "--state", str(here.folder))
        assert (code, out) == (1, "")
        assert "does not let this key in" in err.splitlines()[-1]
        assert "Traceback" not in err
        login = ("--url", here.url, "--key", str(here.key("seller")), "--hypervisor", "memory")
        code, out, err = await run_process("host", "run", *login, "--state", str(here.folder))
        assert (code, "this key is a trader's" in err) == (1, True)
        enroll = ("--token", "nobody's", "--name", "r1", "--url", here.url)
        code, out, err = await run("host", "enroll", *enroll, "--key", str(here.key("host")))
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "bad_token" in err

    within(tmp_path, story)


def test_without_an_exchange_it_keeps_dialling_until_it_is_stopped(tmp_path: Path) -> None:
    async def story() -> None:
        new_key(tmp_path / "host.pem")
        login = ("--url", "ws://127.0.0.1:9/v1/ws", "--key", str(tmp_path / "host.pem"))
        process = await start("host", "run", *login, "--hypervisor", "memory")
        assert process.stderr is not None
        async with asyncio.timeout(WAIT_S):
            while b"dialing again" not in (line := await process.stderr.readline()):
                assert line, "it must not give up"
        assert await stop(process) == 0

    asyncio.run(story())


def test_a_refused_announcement_is_named_as_the_protocol_does(tmp_path: Path) -> None:
    """(Seen to fail: ``HostAnnounce was refused``, a name that is on no page.)"""

    async def story(here: Market) -> None:
        async with here.client("seller") as seller:
            await enroll(here, seller)
        process = await start_agent(here, "host", "--classes", "odd=1000/1024/1024")
        assert process.stderr is not None
        async with asyncio.timeout(WAIT_S):
            while b" was refused" not in (line := await process.stderr.readline()):
                assert line, "the agent ended"
        assert b" host.announce was refused: " in line
        assert await stop(process) == 0

    within(tmp_path, story)


async def first_offer(process: asyncio.subprocess.Process) -> bytes:
    assert process.stderr is not None
    async with asyncio.timeout(WAIT_S):
        while b" offers " not in (line := await process.stderr.readline()):
            assert line, "the agent ended"
    return line


def test_the_owners_limit_holds_from_the_first_word_of_the_next_agent(tmp_path: Path) -> None:
    """(Seen to fail: all of the server was offered until the exchange told the limit again.)"""

    async def story(here: Market) -> None:
        async with here.client("seller") as seller:
            host = (await enroll(here, seller))["host"]
            process = await start_agent(here, "host")
            assert b"offers 4000 mvcpu" in await first_offer(process)
            limit = Capacity(mvcpu=1500, mem_mib=3000, disk_mib=20_000)
            await seller.request(HostOffer(req_id=1, host=host, offered=limit))
            assert b"offers 1500 mvcpu" in await first_offer(process)
            assert await stop(process) == 0
            process = await start_agent(here, "host")
            assert b"offers 1500 mvcpu" in await first_offer(process)
            assert await stop(process) == 0

    within(tmp_path, story)


def test_vms_in_memory_take_the_ports_asked_for_and_end_with_the_agent(tmp_path: Path) -> None:
    """(Seen to fail: port 20001 whatever ``--ports`` said, and ``VMs keep running`` at the end.)"""

    async def story(here: Market) -> None:
        async with here.client("seller") as seller, here.client("buyer") as buyer:
            await enroll(here, seller)
            process = await start_agent(here, "host", "--ports", "31000-31001")
            lease = await lease_of_two(here, seller, buyer)
            key = load_private_key(here.key("buyer"))
            image = await put_image(here.url, key, disk(tmp_path), "raw")
            wanted = VmStart(req_id=1, lease_id=lease.lease_id, name="a", image=image, ports=[80])
            # Two ports for four such VMs: the first may not take both.
            greedy = msgspec.structs.replace(wanted, ports=[80, 81])
            with pytest.raises(Refused, match=r"quota_exceeded.*1 ports"):
                await buyer.request(greedy)
            await buyer.request(wanted)
            seen = await first(buyer, vm_is("running"))
            assert [end.port for end in seen.endpoints] == [31000]
            process.terminate()
            _, err = await asyncio.wait_for(process.communicate(), WAIT_S)
            assert err.decode().endswith("stopped, and its VMs with it: they were in memory only\n")

    within(tmp_path, story)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--hypervisor", "xen:///"], 2, "not qemu:///system, test:///default or memory"),
        (["--ports", "9-1"], 2, "--ports 9-1"),
        (["--ports", "a-b"], 2, "--ports a-b"),
        (["--ports", "1-65536"], 2, "--ports 1-65536"),
        (["--key", "/nonexistent/key.pem"], 1, "/nonexistent/key.pem"),
        (["--mvcpu", "-1"], 2, "--mvcpu"),
        (["--hypervisor", "memory", "--state", "/proc/x"], 2, "--state /proc/x: /proc is no"),
        (["--hypervisor", "test:///default", "--state", __file__], 2, "is no folder that can"),
        (["--advertise", ""], 2, "--advertise ''"),
        (["--classes", "tiny=1/2"], 2, "--classes 'tiny=1/2'"),
        # (Seen to fail while what is no address was dialed for ever.)
        (["--hypervisor", "memory", "--url", "nonsense"], 1, "headroom: nonsense: not an address"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    new_key(tmp_path / "host.pem")
    login = ("--url", "ws://127.0.0.1:9/v1/ws", "--key", str(tmp_path / "host.pem"))
    found = command.run(["host", "run", *login, *arguments])
    assert found.code == code
    assert said in found.errors
    assert "Traceback" not in found.errors


async def said(process: Process, event: str) -> dict[str, Any]:
    """Return the agent's next log line of this event."""
    assert process.stderr is not None
    async with asyncio.timeout(WAIT_S):
        while line := await process.stderr.readline():
            entry = dict(json.loads(line))
            if entry["event"] == event:
                return entry
    raise AssertionError("the agent ended")


def test_it_says_that_it_waits_for_approval_and_then_that_it_is_live(tmp_path: Path) -> None:
    """(Seen to fail: after ``connected`` came refusals only, and nothing once it was approved.)"""

    async def story(here: Market) -> None:
        async with here.client("seller") as seller:
            out = await enroll_as(here, seller, "host", TOKEN, "--json", uses=2)
            assert json.loads(out)["status"] == "pending"
            process = await start_agent(here, "host", "--log-format", "json")
            assert (await said(process, "pending"))["host"] == "h-1"
            await seller.request(HostApprove(req_id=1, host="h-1"))
            while (await said(process, "listed"))["status"] != "live":
                pass
            assert await stop(process) == 0

    within(tmp_path, story)
