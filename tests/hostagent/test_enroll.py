"""`host enroll` as a script runs it: again and again, with a secret that nobody sees."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from exchange.client import Client
from tests import command
from tests.hostagent.market import TOKEN, Market, allow, enroll_as, market, run

NAMED = ("--name", "r1", "--hardware-id", "hw-1")


def test_enrolling_again_changes_nothing_and_says_so(tmp_path: Path) -> None:
    """Seen to fail while the second time looked like the first."""

    async def story(here: Market, seller: Client) -> None:
        first = json.loads(await enroll_as(here, seller, "host", TOKEN, "--json"))
        assert (first["host"], first["changed"], first["again"]) == ("h-1", True, False)
        key = here.key("host").read_bytes()
        again = await enroll(here, "--token", "used up long ago", "--json")
        assert again == (0, json.dumps(first | {"changed": False}) + "\n", "")
        assert here.key("host").read_bytes() == key
        assert (await enroll(here, "--token", "x"))[1] == "already enrolled as h-1, approved\n"
        assert await enroll(here, "--token", "x", "--quiet") == (0, "h-1\n", "")

    asyncio.run(with_seller(tmp_path, story))


def test_the_secret_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(here: Market, seller: Client) -> None:
        secret = here.folder / "token"
        secret.write_text(f"{TOKEN}\n")
        await allow(seller, TOKEN)
        told = ("--token-file", str(secret), "--quiet")
        assert await enroll(here, *told) == (0, "h-1\n", "")
        monkeypatch.setenv("HEADROOM_TOKEN", "of the environment")
        await allow(seller, "of the environment")
        other = ("--key", str(here.key("other")), "--take-over")
        code, out, _ = await enroll(here, *other)
        assert (code, out[:23]) == (0, "enrolled again as h-1, ")

    asyncio.run(with_seller(tmp_path, story))


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ((), "no secret: use --token-file, --token or HEADROOM_TOKEN"),
        (("--token-file", "empty"), "--token-file empty: is empty"),
        (("--token-file", "missing"), "--token-file missing: No such file or directory"),
        (("--token-file", "empty", "--token", "x"), "--token or --token-file, not both"),
    ],
)
def test_a_secret_that_is_none(
    told: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEADROOM_TOKEN", raising=False)
    (tmp_path / "empty").write_text("\n")
    done = command.run(["host", "enroll", "--key", "host.pem", *NAMED, *told])
    assert done == (2, "", f"headroom: enroll: {line}\n")
    assert not (tmp_path / "host.pem").exists()


async def enroll(here: Market, *told: str) -> tuple[int, str, str]:
    key = () if "--key" in told else ("--key", str(here.key("host")))
    return await run("host", "enroll", "--url", here.url, *NAMED, *key, *told)


async def with_seller(folder: Path, story: Callable[[Market, Client], Awaitable[None]]) -> None:
    async with market(folder) as here, here.client("seller") as seller:
        await story(here, seller)
