"""Images as goods: offered and bought over both endpoints, seen and fetched by who paid."""

import asyncio
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exchange.client import Client, Refused
from exchange.client.images import fetch_image, put_image
from exchange.wire.requests import AccountState, ImageBuy, ImageOffer
from exchange.wire.types import RefusedAmounts
from tests.exchange.server.test_server import play, trader
from tests.exchange.support.harness import OPERATOR, headroom, key_of, raw, running

PRICE_UCR = 500
PICTURE = bytes(range(256)) * 2_000
DIGEST = sha256(PICTURE).hexdigest()


def on_ws(url: str) -> str:
    return url


def on_images(url: str) -> str:
    return url.replace("/v1/ws", "/v1/images")


async def money(url: str, name: str) -> int:
    async with Client(url, key_of(name)) as client:
        state = await client.request(AccountState(req_id=1))
    return int(state["balances"]["available_ucr"])


async def upload(url: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(PICTURE)
    assert await put_image(url, key_of("alice"), path, "raw") == DIGEST


@pytest.mark.parametrize("codec", ["json", "msgpack"])
@pytest.mark.parametrize("seller_at", [on_ws, on_images])
@pytest.mark.parametrize("buyer_at", [on_ws, on_images])
def test_an_image_is_offered_and_bought_on_either_endpoint(
    tmp_path: Path,
    codec: str,
    seller_at: Callable[[str], str],
    buyer_at: Callable[[str], str],
) -> None:
    async def scene(url: str) -> None:
        await upload(url, tmp_path)
        before = await money(url, "alice"), await money(url, "bob")
        async with raw(seller_at(url), codec) as alice, raw(buyer_at(url), codec) as bob:
            await trader(alice, "alice")
            await trader(bob, "bob")
            for tag in ("image.stat", "image.buy"):
                unseen = await bob.ask(tag, sha256=DIGEST)
                assert unseen["reason"] == "image_unknown", "nobody sees what is not for him"
            offer: dict[str, Any] = {"sha256": DIGEST, "title": "Debian", "price_ucr": PRICE_UCR}
            assert (await bob.ask("image.offer", **offer))["reason"] == "image_unknown"
            assert (await alice.ask("image.offer", **offer))["type"] == "ack"
            bought = (await bob.ask("image.buy", sha256=DIGEST))["result"]
            assert bought == {"sha256": DIGEST, "duplicate": False, "price_ucr": PRICE_UCR}
            again = (await bob.ask("image.buy", sha256=DIGEST))["result"]
            assert again == {"sha256": DIGEST, "duplicate": True}
            seen = (await bob.ask("image.stat", sha256=DIGEST))["result"]
            assert seen == {"sha256": DIGEST, "size": len(PICTURE), "format": "raw"}
            owned = (await bob.ask("image.list"))["result"]["images"]
            assert [image["sha256"] for image in owned] == [DIGEST]
        after = await money(url, "alice"), await money(url, "bob")
        assert after == (before[0] + PRICE_UCR, before[1] - PRICE_UCR), "paid once"
        copy = tmp_path / "copy"
        assert await fetch_image(url, key_of("bob"), DIGEST, copy) == "raw"
        assert copy.read_bytes() == PICTURE

    play(tmp_path, scene)


def test_who_cannot_pay_gets_nothing_and_an_offer_ends_with_the_image(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        await upload(url, tmp_path)
        async with Client(url, key_of("alice")) as alice, Client(url, key_of("bob")) as bob:
            dear = await money(url, "bob") + 1
            await alice.request(ImageOffer(req_id=1, sha256=DIGEST, title="x", price_ucr=dear))
            with pytest.raises(Refused, match="insufficient_funds") as refused:
                await bob.request(ImageBuy(req_id=1, sha256=DIGEST))
            assert refused.value.amounts == RefusedAmounts(dear, dear - 1)
            async with raw(url) as owner:
                await trader(owner, "alice")
                assert (await owner.ask("image.delete", sha256=DIGEST))["type"] == "ack"
            with pytest.raises(Refused, match="image_unknown"):
                await bob.request(ImageBuy(req_id=1, sha256=DIGEST))
        with pytest.raises(Refused, match="image_unknown"):
            await fetch_image(url, key_of("bob"), DIGEST, tmp_path / "copy")

    play(tmp_path, scene)


def test_what_was_bought_survives_a_restart_and_the_sellers_change_of_mind(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        await upload(url, tmp_path)
        async with raw(url) as alice, raw(url) as bob:
            await trader(alice, "alice")
            await trader(bob, "bob")
            await alice.ask("image.offer", sha256=DIGEST, title="Debian", price_ucr=PRICE_UCR)
            assert (await bob.ask("image.buy", sha256=DIGEST))["type"] == "ack"
            assert (await alice.ask("image.delete", sha256=DIGEST))["type"] == "ack"

    async def again() -> None:
        async with running(tmp_path / "data") as server:
            copy = tmp_path / "copy"
            assert await fetch_image(server.url, key_of("bob"), DIGEST, copy) == "raw"
            assert copy.read_bytes() == PICTURE
            with pytest.raises(Refused, match="image_unknown"):
                await fetch_image(server.url, key_of("alice"), DIGEST, tmp_path / "gone")

    play(tmp_path, scene)
    asyncio.run(again())


def test_selling_and_buying_at_the_shell(tmp_path: Path) -> None:
    keys = {name: tmp_path / f"{name}.pem" for name in ("alice", "bob")}
    for name, path in keys.items():
        pem = key_of(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem)

    async def scene(url: str) -> None:
        await upload(url, tmp_path)

        async def image(name: str, *words: str) -> tuple[int, str, str]:
            common = "--key", str(keys[name]), "--url", url, "--json"
            return await asyncio.to_thread(headroom, "image", *words, *common)

        price = "--title", "Debian", "--price-ucr", str(PRICE_UCR)
        assert (await image("alice", "offer", DIGEST, *price))[0] == 0
        code, out, _ = await image("bob", "buy", DIGEST)
        assert (code, json.loads(out)["price_ucr"]) == (0, PRICE_UCR)
        code, _, errors = await image("bob", "offer", DIGEST, *price)
        assert code == 1 and errors.startswith("headroom: refused: image_unknown")

    play(tmp_path, scene)


def test_an_operator_neither_offers_nor_buys(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(on_images(url)) as operator:
            await operator.log_in(OPERATOR)
            offer = {"sha256": DIGEST, "title": "x", "price_ucr": 1}
            assert (await operator.ask("image.offer", **offer))["reason"] == "forbidden"
            assert (await operator.ask("image.buy", sha256=DIGEST))["reason"] == "forbidden"

    play(tmp_path, scene)
