"""`headroom vm console -f` against a real exchange and agent, with VMs in memory."""

import asyncio
import signal
from asyncio import StreamReader
from asyncio.subprocess import Process
from pathlib import Path

from exchange.client import Client
from exchange.client.images import put_image
from exchange.keys import load_private_key
from exchange.wire.requests import LeaseRelease, VmStart
from tests.hostagent.market import WAIT_S, Market, agent, enroll, first, run, start, vm_is
from tests.hostagent.test_agent import disk, lease_of_two, within


async def until(stream: StreamReader | None, text: str) -> None:
    """Read on until a line with ``text``; a process that ended first is an error."""
    assert stream is not None
    async with asyncio.timeout(WAIT_S):
        while text not in (line := await stream.readline()).decode():
            assert line, f"ended before {text!r}"


async def running_vm(here: Market, folder: Path, seller: Client, buyer: Client) -> tuple[str, str]:
    """Returns the ids of the lease and the VM."""
    key = load_private_key(here.key("buyer"))
    image = await put_image(here.url, key, disk(folder), "raw")
    lease = (await lease_of_two(here, seller, buyer)).lease_id
    request = VmStart(req_id=1, lease_id=lease, name="a", image=image, ports=[80])
    return lease, str((await buyer.request(request))["vm_id"])


async def follower(here: Market, vm_id: str) -> Process:
    login = ("--url", here.url, "--key", str(here.key("buyer")))
    return await start("vm", "console", vm_id, "-f", "-n", "5", *login)


def test_a_console_is_followed_to_ctrl_c_and_to_the_end_of_its_vm(tmp_path: Path) -> None:
    """Nothing lost and nothing twice; the host's silence and its return are said."""

    async def story(here: Market) -> None:
        async with here.client("seller") as seller, here.client("buyer") as buyer:
            await enroll(here, seller)
            async with agent(here) as held:
                lease, vm_id = await running_vm(here, tmp_path, seller, buyer)
                await first(buyer, vm_is("running", ready=False))
                interrupted, whole = await follower(here, vm_id), await follower(here, vm_id)
                await until(interrupted.stdout, f"{vm_id} is ready")
                interrupted.send_signal(signal.SIGINT)
                _, err = await asyncio.wait_for(interrupted.communicate(), WAIT_S)
                assert (interrupted.returncode, b"Traceback" in err) == (130, False)
                await until(whole.stdout, f"{vm_id} is ready")
                held.send_signal(signal.SIGSTOP)
                try:
                    await until(whole.stderr, "waiting")
                finally:
                    held.send_signal(signal.SIGCONT)
                await until(whole.stderr, "going on")
                await buyer.request(LeaseRelease(req_id=1, lease_id=lease))
                out, err = await asyncio.wait_for(whole.communicate(), WAIT_S)
                assert (whole.returncode, out) == (0, b"")
                assert err.decode().splitlines()[-1] == f"{vm_id} has ended"

    within(tmp_path, story)


def test_a_vm_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    async def story(here: Market) -> None:
        login = ("--url", here.url, "--key", str(here.key("buyer")))
        code, out, err = await run("vm", "console", "v-99", "--follow", *login)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "unknown_vm" in err

    within(tmp_path, story)
