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
                await find(here)
                await trade(here)

    asyncio.run(story())


async def find(here: Market) -> None:
    """Everybody may look, without a key."""
    code, out, err = await run(
        "find", "2 small in Germany below 0.03, simulated", "--url", here.url
    )
    assert (code, err) == (0, "")
    head, row, *rest = out.splitlines()
    assert head.split()[:3] == ["HOST", "CLASS", "ZONE"]
    assert row.split()[:3] == ["h-1", "small", "eu-de"]
    assert rest == [
        "1 offer of 1 host",
        "2 cost 0.050000 an hour, at most 0.025000 each:",
        f"  headroom order place {SYMBOL} buy 2 --price 0.025000",
        "  (an order takes the best price there is, also of hosts that are not listed)",
    ]
    options = ("--class", "small", "--country", "germany", "--below", "0.03", "--units", "3")
    code, out, _ = await run("find", *options, "--url", here.url, "--json")
    told = json.loads(out)
    assert (code, told["best"]["units"], len(told["offers"])) == (1, 2, 1), "only two of three"
    assert told["words"] == "3 small, in DE, below 0.03"
    assert told["above_limit"] is None, "no price gives a third"
    code, out, err = await run("find", "small in France", "--url", here.url)
    assert (code, out) == (1, "0 offers of 0 hosts\n")
    assert err == "headroom: no zone here is in France (FR); zones: eu-de (DE)\n"
    for words, line in WRONG:
        code, out, err = await run("find", *words, "--url", here.url)
        assert (code, out, err.count("\n"), line in err) == (2, "", 1, True), err


WRONG = [
    (("small below 0,03",), "find: '0,03': a number has neither comma nor space"),
    (("cheap small",), "find: 'cheap': neither a size"),
    (("small", "--class", "nano"), "find: the size is in NEED and an option"),
    (("--class", "huge"), "find: --class huge: not large, medium, nano, small"),
    (("--country", "Atlantis"), "find: --country Atlantis: no country"),
    (("--below", "0,03"), "'--below': 0,03 is not an amount"),
]


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
    slip = await told(here, "seller", "place", SYMBOL, "sell", "1", "--price", "0.004")
    assert slip == (2, "", f"headroom: {SLIP}: nobody is here to be asked; add --yes\n")
    slip = await told(here, "seller", "replace", "o-2", "--price", "1")
    assert slip[2].startswith("headroom: refused: unknown_order"), "of another account"
    slip = await told(here, "buyer", "replace", "o-2", "--price", "1", "--qty", "9")
    assert (slip[0], "buy 7 " in slip[2], "3233 % above the best bid" in slip[2]) == (2, True, True)
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
    nobodys = await told(here, "seller", "cancel", "abc")
    assert nobodys[:2] == (1, "")
    assert nobodys[2].endswith("(field ORDER)\n"), "it was no option"
    everything = await told(here, "seller", "cancel", "--side", "sell")
    assert everything == (0, "0 orders canceled\n", "")
    for option, line in REFUSED:
        wrong = await told(here, "seller", "place", SYMBOL, "sell", *option)
        assert (wrong[0], wrong[1], wrong[2]) == (1, "", f"headroom: refused: {line}\n")
    wrong = await told(here, "buyer", "place", "x.y.z", "buy", "1", "--market")
    assert (wrong[0], wrong[1], wrong[2].count("\n")) == (1, "", 1)
    assert wrong[2].startswith("headroom: refused: unknown_instrument")


def test_a_vm_is_started_listed_stopped_and_its_lease_released(tmp_path: Path) -> None:
    async def story() -> None:
        async with market(tmp_path) as here, here.client("seller") as seller:
            await enroll(here, seller)
            async with agent(here):
                await sell_when_live(here)
                await told(here, "buyer", "place", SYMBOL, "buy", "2", "--market")
                await rent(here)

    asyncio.run(story())


async def rent(here: Market) -> None:
    images = ("image", "list", *login(here, "buyer"))
    assert await run(*images) == (0, "0 images\n", "")
    assert await run(*images, "--for-sale") == (0, "0 images for sale\n", "")
    assert json.loads((await run(*images, "--json"))[1]) == {"images": []}
    image = await stored_vm(here)
    nothing = await vm(here, "start", "l-1", "--image", "shop")
    assert (nothing[0], nothing[1], nothing[2].count("\n")) == (2, "", 1)
    begun = ("start", "l-1", "--image", "web", "--name", "web-1", "--wait")
    library = ("--library", str(here.folder / "library"))
    code, out, err = await vm(here, *begun, *library)
    assert (code, err.splitlines()[-1]) == (0, "v-1 web-1: ready")
    assert out.splitlines() == [
        f"v-1: port {port} at 127.0.0.1:{30_000 + at}" for at, port in PORTS
    ]
    again = json.loads((await vm(here, *begun, *library, "--json"))[1])
    assert (again["vm_id"], again["duplicate"], len(again["endpoints"])) == ("v-1", True, 2)
    more = ("start", "l-1", "--image", image[:8], "--ports", "80", "--wait", "--json")
    assert json.loads((await vm(here, *more))[1])["vm_id"] == "v-2"
    assert (await vm(here, "list"))[1].splitlines()[-1] == "2 VMs"
    stopped = await vm(here, "stop", "v-2", "v-9", "--grace-s", "0")
    assert stopped[:2] == (1, "v-2 stops\n")
    assert stopped[2].startswith("headroom: v-9: refused: unknown_vm")
    await give_back(here)


PORTS = ((0, 80), (1, 443))


async def give_back(here: Market) -> None:
    table = (await lease(here, "buyer", "list", "--bought"))[1].splitlines()
    assert table[-1] == "1 lease: 2 units rented at 0.050000 an hour"
    assert (await lease(here, "seller", "list", "--bought"))[1] == "0 leases\n"
    let = json.loads((await lease(here, "seller", "list", "--sold", "--json"))[1])
    assert [row["side"] for row in let["leases"]] == ["sell"]
    not_mine = await lease(here, "seller", "release", "l-1", "--yes")
    assert not_mine == (1, "", "headroom: you rent no lease 'l-1'\n")
    for form in ((), ("--json",)):
        code, out, err = await lease(here, "buyer", "release", "l-1", *form)
        assert (code, out, err.splitlines()[-1]) == (2, "", NOBODY)
        assert "at least 0.004167 credits are owed in all" in err, "whoever is asked is told"
    assert "this VM dies: v-1 web-1" in err or "these VMs die: v-1 web-1, v-2" in err
    later = await lease(here, "buyer", "release", "l-1", "--at", "+2h", "--yes", "--json")
    assert json.loads(later[1])["done"][0]["state"] == "active"
    done = await lease(here, "buyer", "release", "l-1", "--yes")
    assert (done[0], done[1]) == (0, "l-1 h-1 released\n")
    assert (await lease(here, "buyer", "list"))[1] == "0 leases\n"


NOBODY = "headroom: release l-1: nobody is here to be asked; add --yes"


async def stored_vm(here: Market) -> str:
    """Put an image into the store and a stored VM of it into a library; returns its digest."""
    raw = here.folder / "disk.raw"
    raw.write_bytes(b"\0" * 1024 * 1024)
    code, out, err = await run("image", "put", *login(here, "buyer"), str(raw))
    assert code == 0, err
    entry = here.folder / "library" / "web"
    entry.mkdir(parents=True)
    (entry / "user-data").write_text("hello")
    text = 'sha256 = "{}"\nports = [80, 443]\nuser_data = "user-data"\nhealth = "/"\n'
    (entry / "vm.toml").write_text(text.format(out.strip()))
    return out.strip()


async def vm(here: Market, *words: str) -> tuple[int, str, str]:
    return await run("vm", *words, *login(here, "buyer"))


async def lease(here: Market, who: str, *words: str) -> tuple[int, str, str]:
    return await run("lease", *words, *login(here, who))


SLIP = f"sell 1 {SYMBOL} at 0.004000, 86 % below the best bid 0.030000, for 0.004000 an hour"
REFUSED = [
    (("1", "--price", "1", "--host", "h-9"), "unknown_host: you have no host 'h-9' (field --host)"),
    (
        ("900", "--price", "1"),
        "insufficient_capacity: no live host of yours has 900 units free (field QTY)",
    ),
]
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
