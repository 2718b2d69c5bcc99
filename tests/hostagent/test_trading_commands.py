"""A seller and a buyer trade on a real exchange by command lines alone."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.hostagent.market import SYMBOL, WAIT_S, Market, agent, enroll, market, run


def test_orders_are_placed_changed_listed_and_canceled(tmp_path: Path) -> None:
    async def story() -> None:
        async with market(tmp_path) as here, here.client("seller") as seller:
            await enroll(here, seller)
            async with agent(here):
                await sell_when_live(here)
                await trade(here)

    asyncio.run(story())


async def trade(here: Market) -> None:
    bid = await told(
        here, "buyer", "place", SYMBOL, "buy", "3", "--price", "0.03", "--until", "+2h"
    )
    assert bid[0] == 0
    assert bid[1].splitlines() == [
        f"o-2: bought 2 of 3 {SYMBOL} at 0.025000 on average, 1 rest at 0.030000",
        "TRADE  UNITS   PRICE/H  LEASES",
        "t-1        2  0.025000  l-1",
    ]
    again = ("place", SYMBOL, "sell", "2", "--price", "0.04", "--client-order-id", "mine")
    assert (await told(here, "seller", *again))[0] == 0
    repeated = json.loads((await told(here, "seller", *again, "--json"))[1])
    assert (repeated["order_id"], repeated["duplicate"]) == ("o-3", True)
    nothing = await told(here, "buyer", "place", SYMBOL, "buy", "9", "--price", "0.04", *FOK)
    assert nothing == (1, f"o-4: bought 0 of 9 {SYMBOL}, canceled: fok_not_filled\n", "")
    moved = await told(here, "buyer", "replace", "o-2", "--price", "0.04", "--json")
    changed = json.loads(moved[1])
    assert [row["units"] for row in changed["leases"]] == [1]
    assert (changed["status"], changed["filled_qty"]) == ("filled", 3)
    assert await told(here, "seller", "list") == (0, OPEN, "")
    gone = await told(here, "seller", "cancel", "mine", "o-99")
    assert (gone[0], gone[1]) == (1, "mine canceled\n")
    assert gone[2].startswith("headroom: o-99: refused: unknown_order")
    everything = await told(here, "seller", "cancel", "--side", "sell")
    assert everything == (0, "0 orders canceled\n", "")
    wrong = await told(here, "buyer", "place", "x.y.z", "buy", "1", "--market")
    assert (wrong[0], wrong[1], wrong[2].count("\n")) == (1, "", 1)
    assert wrong[2].startswith("headroom: refused: unknown_instrument")


FOK = ("--tif", "fok")
OPEN = """\
ORDER  SIDE  INSTRUMENT             OPEN  OF   PRICE/H  YOUR ID
o-3    sell  small.eu-de.flat.spot     1   2  0.040000  mine
1 open order
"""


async def told(here: Market, who: str, *words: str) -> tuple[int, str, str]:
    return await run("order", *words, *login(here, who))


def login(here: Market, who: str) -> tuple[str, ...]:
    return ("--url", here.url, "--key", str(here.key(who)))


async def sell_when_live(here: Market) -> dict[str, Any]:
    """Offer two units on the host as soon as it has announced itself."""
    ask = ("place", SYMBOL, "sell", "2", "--price", "0.025", "--host", "h-1", "--json")
    async with asyncio.timeout(WAIT_S):
        while True:
            code, out, err = await told(here, "seller", *ask)
            if code == 0:
                return dict(json.loads(out))
            assert "insufficient_capacity" in err, err
            await asyncio.sleep(0.1)
