"""python -m tests.e2e.interruptions [COUNT] [--seed S] [--only KIND...]: interrupt, and check.

As root, on a machine with QEMU and libvirt; the machine's own libvirtd is not touched. Prints a
line for each interruption; exit code 1 if a law was broken, and then keeps the logs.
"""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.interruptions.campaign import KINDS, Campaign, plans
from tests.e2e.interruptions.cast import headroom
from tests.e2e.interruptions.market import sum_of_money
from tests.e2e.interruptions.server import STATE, enter


async def main(count: int, seed: int, kinds: Sequence[str], folder: Path) -> int:
    campaign, bad = Campaign(folder), 0
    begun = time.monotonic()
    async with campaign.opened():
        for number, plan in enumerate(plans(count, seed, kinds), 1):
            at = time.monotonic()
            found = await campaign.play(plan, f"vm-{number}")
            bad += bool(found)
            took = time.monotonic() - at
            what = f"{plan.what} in {plan.phase}"
            print(f"{number:3} {what:28}{took:6.1f} s  {'; '.join(found) or 'ok'}", flush=True)
        if (total := await sum_of_money(campaign.operator)) != 0:
            bad += 1
            print(f"money was made or lost: {total}")
    await campaign.exchange.end(signal.SIGTERM)
    verify = ("exchange", "verify", "--data", str(campaign.exchange.data))
    if headroom(folder / "verify.log", *verify).wait(120) != 0:
        bad += 1
        print("the journal does not verify")
    print(f"{count} interruptions, seed {seed}, {bad} bad, {time.monotonic() - begun:.0f} s")
    return 1 if bad else 0


def run() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.interruptions", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, metavar="KIND")
    chosen = parser.parse_args()
    enter("tests.e2e.interruptions")
    folder = Path(tempfile.mkdtemp(prefix="headroom-interruptions-", dir=STATE))
    folder.chmod(0o711)
    code = 1
    try:
        code = asyncio.run(main(chosen.count, chosen.seed, chosen.only, folder))
    finally:
        if code == 0:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"logs: {folder}")
    return code


if __name__ == "__main__":
    sys.exit(run())
