"""A short form of `python -m tests.manager.campaign`: the Manager is killed four times."""

import asyncio
from pathlib import Path

from tests.manager.campaign.campaign import Campaign, points

ALSO = ("haproxy", "exchange", "wire", "agent")
SEED = 3


def test_a_manager_that_is_killed_again_and_again_ends_its_story(tmp_path: Path) -> None:
    async def whole() -> list[str]:
        campaign = Campaign(tmp_path)
        async with campaign.opened():
            found = [line for point in points(4, SEED, ALSO) for line in await campaign.play(point)]
            return found + await campaign.end()

    assert asyncio.run(whole()) == []
