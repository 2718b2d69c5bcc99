"""Names that one connection of an account holds: `session.claim`, pure and over real sockets."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from exchange.client import Client, Refused
from exchange.keys import public_key_b64
from exchange.wire.session_requests import CLAIMS_MAX, SessionClaim
from tests.exchange.gateway.test_gateway import Rig, trading
from tests.exchange.server.test_server import play
from tests.exchange.support.harness import key_of


def claim(rig: Rig, who: int, *names: str, holder: str | None = None) -> dict[str, Any]:
    more = {} if holder is None else {"holder": holder}
    return rig.ask(who, "session.claim", names=list(names), **more)


def log_in_bob(rig: Rig) -> int:
    operator, public_key = rig.log_in("operator"), public_key_b64(key_of("bob"))
    rig.ask(operator, "admin.account", account="bob", name="Bob")
    key = {"key_id": "bob-1", "public_key": public_key, "role": "trader"}
    rig.ask(operator, "admin.key", account="bob", **key)
    return rig.log_in("bob")


def test_a_second_connection_is_told_since_when() -> None:
    rig, one = trading()
    two = rig.log_in("alice")
    assert claim(rig, one, "rule/a", "rule/b")["result"] == {"names": 2}
    refused = claim(rig, two, "rule/b", "rule/c")
    assert (refused["reason"], refused["field"]) == ("claimed", "names")
    assert refused["message"].startswith("another connection acts for 'rule/b' since ")
    assert claim(rig, one, "rule/c")["type"] == "ack", "all or none: it was not taken"


def test_what_is_claimed_again_replaces_and_nothing_gives_back() -> None:
    rig, one = trading()
    two = rig.log_in("alice")
    claim(rig, one, "rule/a")
    claim(rig, one, "rule/b")
    assert claim(rig, two, "rule/a")["type"] == "ack"
    assert claim(rig, one, "rule/a", "rule/b")["reason"] == "claimed"
    assert claim(rig, two, "rule/b")["reason"] == "claimed", "a refused claim loses nothing"
    assert claim(rig, one)["result"] == {"names": 0}
    assert claim(rig, two, "rule/b")["type"] == "ack"


def test_a_claim_ends_with_its_connection_and_belongs_to_its_account() -> None:
    rig, one = trading()
    two, other = rig.log_in("alice"), log_in_bob(rig)
    claim(rig, one, "rule/a")
    assert claim(rig, other, "rule/a")["type"] == "ack"
    rig.gateway.disconnect(one, clean=False, now_ms=rig.now_ms)
    assert claim(rig, two, "rule/a")["type"] == "ack"
    rig.gateway.disconnect(two, clean=True, now_ms=rig.now_ms)
    rig.gateway.disconnect(other, clean=True, now_ms=rig.now_ms)
    assert rig.gateway.context.claims._held == {}
    assert rig.gateway.context.claims._names == {}


def test_the_same_program_takes_over_from_its_own_dead_connection() -> None:
    rig, dead = trading()
    again, other = rig.log_in("alice"), rig.log_in("alice")
    claim(rig, dead, "rule/a", holder="p-1")
    assert claim(rig, other, "rule/a", holder="p-2")["reason"] == "claimed"
    assert claim(rig, again, "rule/a", holder="p-1")["type"] == "ack"
    rig.gateway.disconnect(dead, clean=False, now_ms=rig.now_ms)
    assert claim(rig, other, "rule/a", holder="p-2")["reason"] == "claimed"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"names": [""]}, "names[0]"),
        ({"names": ["x" * 65]}, "names[0]"),
        ({"names": ["x"] * (CLAIMS_MAX + 1)}, "names"),
        ({"names": ["x"], "holder": "y" * 65}, "holder"),
        ({}, "names"),
    ],
)
def test_what_is_no_claim_is_refused_by_field(fields: dict[str, Any], field: str) -> None:
    rig, one = trading()
    refused = rig.ask(one, "session.claim", **fields)
    assert (refused["reason"], refused["field"]) == ("invalid_field", field)


def test_it_is_no_row_of_the_journal() -> None:
    rig, one = trading()
    before = rig.engine.state_hash(), len(rig.rows)
    claim(rig, one, "rule/a")
    assert (rig.engine.state_hash(), len(rig.rows)) == before


def test_over_real_sockets_the_second_waits_until_the_first_is_gone(tmp_path: Path) -> None:
    wanted = SessionClaim(req_id=1, names=["rule/a"])

    async def scene(url: str) -> None:
        async with Client(url, key_of("alice")) as two:
            async with Client(url, key_of("alice")) as one:
                assert await one.request(wanted) == {"names": 1}
                with pytest.raises(Refused, match="another connection acts for"):
                    await two.request(wanted)
            assert await until_it_is_free(two, wanted) == {"names": 1}

    play(tmp_path, scene)


async def until_it_is_free(client: Client, wanted: SessionClaim) -> dict[str, Any]:
    while True:
        with suppress(Refused):
            result: dict[str, Any] = await client.request(wanted)
            return result
