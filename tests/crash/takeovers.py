"""A standby takes over from a leader that is killed or stopped under pipelined load, many times.

    python -m tests.crash.takeovers 30 --seed 7

Each round: a leader, a standby on the same journal, two traders with many orders in flight that
know both addresses. The leader is killed (or, with ``--hand-over``, asked to stop) after a random
number of acks; the standby serves; every unanswered order is asked again under its
``client_order_id``; a new standby is started in the place of the old leader. At the end the journal
is the witness. Prints how long it took from the signal to the first new acknowledgement.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from exchange.client import Client
from exchange.journal.replay import read_command
from exchange.storage import whereabouts
from exchange.wire.requests import AccountState
from tests.crash.test_kill9 import (
    WORKERS,
    Flow,
    Meter,
    free_port,
    keep_alive,
    setting,
    sums_to_zero,
    witness,
)
from tests.exchange.support.harness import (
    DEADLINE_S,
    ServerProcess,
    be_live,
    create_exchange,
    journal_rows,
    key_of,
    until,
)

SNAPSHOT_EVERY = 700
BACKOFF_MAX_S = 0.5


class Pair:
    """A leader and its standby, which change places at each take-over."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.ports = [free_port(), free_port()]
        self.urls = ",".join(f"ws://127.0.0.1:{port}/v1/ws" for port in self.ports)
        self.leader = self._started(0)
        self.standby: ServerProcess
        self._leads = 0

    def _started(self, which: int, *options: str) -> ServerProcess:
        port, every = self.ports[which], str(SNAPSHOT_EVERY)
        listen = ("--listen", f"127.0.0.1:{port}", "--snapshot-every", every)
        return ServerProcess(self.data_dir, *listen, *options, name=f"ready-{which}")

    async def stand_by(self) -> None:
        """Start a standby and wait until it has read the journal."""
        self.standby = self._started(1 - self._leads, "--standby")
        await until(lambda: self._stands_by() or self.standby.process.poll() is not None)
        assert self.standby.process.poll() is None, self.standby.end()

    def _stands_by(self) -> bool:
        url = whereabouts.standby(self.data_dir)
        return bool(url) and urlsplit(url).port == self.ports[1 - self._leads]

    async def end_leader(self, number: signal.Signals) -> tuple[int, str]:
        self.leader.process.send_signal(number)
        ended = await asyncio.to_thread(self.leader.end)
        self.leader, self._leads = self.standby, 1 - self._leads
        return ended


async def one_takeover(
    pair: Pair, flows: list[Flow], meter: Meter, acks: int, number: signal.Signals
) -> float:
    """Load, end the leader after ``acks`` acks; returns the seconds to the next ack."""
    meter.aim(acks)
    for flow in flows:
        flow.stopped.clear()
    workers = [asyncio.create_task(flow.work()) for flow in flows for _ in range(WORKERS)]
    await asyncio.wait_for(meter.reached.wait(), DEADLINE_S)
    now_s = asyncio.get_running_loop().time
    began_s = now_s()
    ended = asyncio.create_task(pair.end_leader(number))
    for flow in flows:
        flow.stopped.set()
    await asyncio.gather(*workers)
    await flows[0].client.place(flows[0].order())
    took_s = now_s() - began_s
    code, errors = await ended
    wanted = -signal.SIGKILL if number is signal.SIGKILL else 0
    assert (code, errors) == (wanted, "")
    await pair.leader.url()
    return took_s


async def takeovers(
    data_dir: Path, count: int, seed: str, number: signal.Signals = signal.SIGKILL
) -> list[float]:
    """Run ``count`` take-overs on one journal; returns how long each took, in seconds. Raises
    `LostError` as soon as something is missing."""
    rng = random.Random(seed)
    create_exchange(data_dir)
    pair = Pair(data_dir)
    url, found = pair.urls, []
    await setting(await pair.leader.url())
    async with (
        Client(url, key_of("alice"), backoff_max_s=BACKOFF_MAX_S) as alice,
        Client(url, key_of("bob"), codec="msgpack", backoff_max_s=BACKOFF_MAX_S) as bob,
        Client(url, key_of("host-a"), backoff_max_s=BACKOFF_MAX_S) as host_a,
        Client(url, key_of("host-b"), backoff_max_s=BACKOFF_MAX_S) as host_b,
    ):
        hosts = []
        for host in (host_a, host_b):
            await be_live(host)
            hosts.append(asyncio.create_task(keep_alive(host)))
        meter = Meter()
        flows = [Flow(alice, "alice", rng, meter), Flow(bob, "bob", rng, meter)]
        try:
            for _ in range(count):
                await pair.stand_by()
                found.append(await one_takeover(pair, flows, meter, rng.randrange(20, 400), number))
                for flow in flows:
                    await flow.settle()
            leases = (await alice.request(AccountState(req_id=1)))["leases"]
            await sums_to_zero(url)
        finally:
            for task in hosts:
                task.cancel()
            pair.leader.process.terminate()
            code, errors = pair.leader.end()
    assert (code, errors) == (0, "")
    witness(data_dir, flows)
    assert leases, "the traders dealt"
    started = Counter(type(read_command(row).message).__name__ for row in journal_rows(data_dir))
    assert started["Started"] == count + 1
    assert started["HostLost"] == 0
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Take over, many times.")
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--hand-over", action="store_true")
    given = parser.parse_args()
    number = signal.SIGTERM if given.hand_over else signal.SIGKILL
    with tempfile.TemporaryDirectory() as folder:
        run = takeovers(Path(folder) / "data", given.count, given.seed, number)
        took = sorted(asyncio.run(run))
    text = f"median {median(took):.3f} s, worst {took[-1]:.3f} s"
    sys.stdout.write(f"{len(took)} take-overs, nothing lost: {text}\n")


if __name__ == "__main__":
    main()
