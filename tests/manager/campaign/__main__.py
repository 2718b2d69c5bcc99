"""python -m tests.manager.campaign [COUNT] [--seed S]: kill the Manager, check what must hold.

Needs HAProxy. Prints a line for each point; exit code 1 if a law was broken, and then keeps the
logs.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.manager.campaign.campaign import ALSO, Campaign, Point, points


def shown(point: Point) -> str:
    also = f" and {point.also} at {point.also_after_s:.1f}" if point.also else ""
    return f"killed at {point.after_s:.1f} s of {point.phase}, {point.hold_s:.1f} s{also}"


async def main(count: int, seed: int, also: tuple[str, ...], folder: Path) -> int:
    campaign, bad, begun = Campaign(folder, seed), 0, time.monotonic()
    async with campaign.opened():
        for number, point in enumerate(points(count, seed, also), 1):
            at = time.monotonic()
            found = await campaign.play(point)
            bad += bool(found)
            took = time.monotonic() - at
            print(
                f"{number:3} {shown(point):60}{took:6.1f} s  {'; '.join(found) or 'ok'}", flush=True
            )
        laws = await campaign.end()
        leases = len(campaign.buyer.leases)
    print(*laws, sep="\n")
    told = f"{leases} leases, {len(campaign.recalled)} recalled, {len(laws)} laws broken"
    print(f"{count} points, seed {seed}, {bad} bad, {told}, {time.monotonic() - begun:.0f} s")
    return bad + len(laws)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.manager.campaign")
    parser.add_argument("count", nargs="?", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--also", default=",".join(ALSO), help="what else happens, by commas")
    wanted = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="headroom-campaign-"))
    failed = asyncio.run(main(wanted.count, wanted.seed, tuple(wanted.also.split(",")), scratch))
    if failed:
        print(f"logs: {scratch}")
    else:
        shutil.rmtree(scratch)
    sys.exit(1 if failed else 0)
