"""Sign-up: an application, the operator's answer, and what bounds it all."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from exchange.keys import new_key, public_key_b64
from exchange.session.addresses import APPLY_EVERY_MS
from exchange.session.sign_ups import PENDING_MAX
from tests.exchange.gateway.test_gateway import Rig, trading
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    ServerProcess,
    headroom,
    key_of,
    raw,
    running,
)


def apply(rig: Rig, who: str, **more: Any) -> dict[str, Any]:
    return apply_on(rig, rig.connect(), who, **more)


def apply_on(rig: Rig, number: int, who: str, **more: Any) -> dict[str, Any]:
    fields = {
        "name": who,
        "contact": f"{who}@example.org",
        "public_key": public_key_b64(key_of(who)),
        "side": "both",
    }
    return rig.ask(number, "account.apply", **(fields | more))


def later(rig: Rig) -> None:
    """The same address may apply again."""
    rig.now_ms += APPLY_EVERY_MS


def approve(rig: Rig, operator: int, application: str, **more: Any) -> dict[str, Any]:
    fields = {"application": application, "account": "carol", "key_id": "carol-1"}
    return rig.ask(operator, "admin.approve", **(fields | more))


def test_an_approved_applicant_logs_in_and_trades() -> None:
    rig, _ = trading()
    operator = rig.log_in("operator")
    name = apply(rig, "carol")["result"]["application"]
    (row,) = rig.ask(operator, "admin.applications")["result"]["applications"]
    assert (row["application"], row["name"], row["side"]) == (name, "carol", "both")
    rows = len(rig.rows)
    assert approve(rig, operator, name)["result"]["account"] == "carol"
    kinds = [type(message).__name__ for message in rig.messages()[rows:]]
    assert kinds == ["AdminAccount", "AdminKey"], "journalled as what it comes to"
    assert rig.ask(operator, "admin.applications")["result"]["applications"] == []
    carol = rig.log_in("carol")
    assert rig.frames(carol, "ack")[-1]["result"] == {"account": "carol", "role": "trader"}


def test_an_application_is_not_journalled_and_no_account() -> None:
    rig, _ = trading()
    before, state_hash = len(rig.rows), rig.engine.state_hash()
    apply(rig, "carol")
    assert (len(rig.rows), rig.engine.state_hash()) == (before, state_hash)
    carol = rig.log_in("carol")
    assert rig.frames(carol, "error")[-1]["reason"] == "bad_signature"


def test_a_declined_applicant_may_apply_again() -> None:
    rig, _ = trading()
    operator = rig.log_in("operator")
    first = apply(rig, "carol")["result"]["application"]
    assert rig.ask(operator, "admin.decline", application=first)["type"] == "ack"
    assert rig.ask(operator, "admin.decline", application=first)["field"] == "application"
    assert approve(rig, operator, first)["field"] == "application"
    later(rig)
    assert apply(rig, "carol")["result"]["application"] != first


def test_asking_again_gives_the_same_answer() -> None:
    rig, _ = trading()
    operator = rig.log_in("operator")
    first = apply(rig, "carol")["result"]["application"]
    later(rig)
    operator = rig.log_in("operator")
    assert apply(rig, "carol")["result"]["application"] == first
    assert approve(rig, operator, first)["result"]["duplicate"] is False
    rows = len(rig.rows)
    assert approve(rig, operator, first)["result"]["duplicate"] is True
    assert approve(rig, operator, first, account="dave")["field"] == "application"
    assert len(rig.rows) == rows


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"account": "alice"}, "account"),
        ({"account": "operator"}, "account"),
        ({"account": "fees"}, "account"),
        ({"key_id": "alice-1"}, "key_id"),
        ({"application": "a-9-9"}, "application"),
    ],
)
def test_what_cannot_be_approved_changes_nothing(fields: dict[str, str], blamed: str) -> None:
    """Account and key are made together or not at all."""
    rig, _ = trading()
    operator = rig.log_in("operator")
    name = apply(rig, "carol")["result"]["application"]
    before, state_hash = len(rig.rows), rig.engine.state_hash()
    reply = approve(rig, operator, fields.pop("application", name), **fields)
    assert (reply["reason"], reply["field"]) == ("invalid_field", blamed)
    assert (len(rig.rows), rig.engine.state_hash()) == (before, state_hash)


def test_a_key_that_got_in_otherwise_cannot_be_approved() -> None:
    rig, _ = trading()
    operator = rig.log_in("operator")
    name = apply(rig, "carol")["result"]["application"]
    public_key = public_key_b64(key_of("carol"))
    fields = {"account": "alice", "key_id": "alice-2", "public_key": public_key, "role": "viewer"}
    assert rig.ask(operator, "admin.key", **fields)["type"] == "ack"
    assert approve(rig, operator, name)["field"] == "application"


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"side": "all"}, "side"),
        ({"contact": ""}, "contact"),
        ({"contact": "x" * 257}, "contact"),
        ({"contact": "a\x1b[2Jb"}, "contact"),
        ({"name": "x" * 65}, "name"),
        ({"public_key": "short"}, "public_key"),
        ({"public_key": public_key_b64(key_of("alice"))}, "public_key"),
    ],
)
def test_what_an_application_must_not_hold(fields: dict[str, str], blamed: str) -> None:
    rig, _ = trading()
    reply = apply(rig, "carol", **fields)
    assert (reply["reason"], reply["field"]) == ("invalid_field", blamed)


def test_one_application_a_minute_from_an_address() -> None:
    rig, _ = trading()
    apply(rig, "carol")
    rig.now_ms += 1_000
    refused = apply(rig, "dave")
    assert (refused["reason"], refused["retry_after_ms"]) == (
        "rate_limited",
        APPLY_EVERY_MS - 1_000,
    )
    rig.now_ms += refused["retry_after_ms"]
    assert apply(rig, "dave")["type"] == "ack"


def test_pending_applications_are_bounded() -> None:
    rig, alice = trading()
    for number in range(PENDING_MAX):
        later(rig)
        assert apply_on(rig, alice, f"c{number}")["type"] == "ack"
    later(rig)
    assert apply_on(rig, alice, "one too many")["reason"] == "busy"
    later(rig)
    assert apply_on(rig, alice, "c7")["type"] == "ack", "who waits already is told so"


def test_sign_up_over_the_wire_and_who_may_decide(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with raw(server.url) as carol, raw(server.url, "msgpack") as operator:
                await carol.frame()
                assert (await carol.ask("admin.applications"))["reason"] == "auth_required"
                public_key = public_key_b64(key_of("carol"))
                fields = {"name": "Carol", "contact": "c@example.org", "side": "sell"}
                reply = await carol.ask("account.apply", public_key=public_key, **fields)
                name = reply["result"]["application"]
                await operator.log_in(OPERATOR)
                ids = {"application": name, "account": "carol", "key_id": "carol-1"}
                assert (await operator.ask("admin.approve", **ids))["type"] == "ack"
            async with raw(server.url) as carol:
                assert (await carol.log_in(key_of("carol")))["type"] == "ack"
                assert (await carol.ask("admin.approve", **ids))["reason"] == "forbidden"
        # The approval is in the journal: after a restart the key still opens the door.
        async with running(tmp_path / "data") as server, raw(server.url) as carol:
            assert (await carol.log_in(key_of("carol"), "carol-1"))["type"] == "ack"

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))


def test_sign_up_on_the_command_line(tmp_path: Path) -> None:
    keys = {name: tmp_path / f"{name}.pem" for name in ("operator", "carol")}
    public = {name: new_key(path) for name, path in keys.items()}
    data = tmp_path / "data"
    init = "exchange", "init", "--data", str(data), "--operator-key", public["operator"]
    assert headroom(*init)[0] == 0
    server = ServerProcess(data)
    url = asyncio.run(server.url())
    try:
        wish = "--name", "Carol", "--contact", "c@example.org", "--url", url, "--json"
        code, out, _ = headroom("account", "apply", "--key", str(keys["carol"]), *wish)
        name = json.loads(out)["application"]
        assert code == 0
        code, _, errors = headroom("account", "apply", "--key", str(keys["carol"]), *wish)
        assert code == 1 and "rate_limited" in errors and len(errors.splitlines()) == 1
        operator = "--key", str(keys["operator"]), "--url", url, "--json"
        _, out, _ = headroom("admin", "applications", *operator)
        assert [row["name"] for row in json.loads(out)["applications"]] == ["Carol"]
        ids = "--application", name, "--account", "carol", "--key-id", "carol-1"
        assert headroom("admin", "approve", *ids, *operator)[0] == 0
        code, out, _ = headroom(
            "account", "state", "--key", str(keys["carol"]), "--url", url, "--json"
        )
        assert code == 0 and json.loads(out)["balances"]["available_ucr"] == 0
    finally:
        server.process.terminate()
        assert server.end()[0] == 0
