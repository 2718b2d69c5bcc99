"""Hardware alone hands no live host over, and what no server has for itself names none."""

from hashlib import sha256
from typing import Any

import pytest

from tests.exchange.gateway.test_gateway import Rig, be_live, enroll, hosting


def again(rig: Rig, alice: int, key: str, **more: Any) -> dict[str, Any]:
    secret = f"secret-{key}"
    digest = sha256(secret.encode()).hexdigest()
    rig.ask(alice, "host.token", zone="eu-de", token_sha256=digest, uses=1, ttl_s=3600)
    return enroll(rig, secret, key, **more)


def test_a_live_host_is_not_handed_over_by_its_hardware_id() -> None:
    """Else another server with the same mainboard id would put the agent's key out of use."""
    rig, alice, host = hosting()
    be_live(rig, host)
    refused = again(rig, alice, "other")
    assert (refused["reason"], refused["field"]) == ("invalid_field", "hardware_id")
    assert "h-1 has this hardware and is live" in refused["message"]
    assert rig.closed == {}, "its agent serves on"
    assert enroll(rig, "secret-other", "other", take_over=True)["result"]["host"] == "h-1"


def test_a_silent_host_is_handed_over_to_its_server_installed_anew() -> None:
    rig, alice, host = hosting()
    be_live(rig, host)
    rig.gateway.disconnect(host, False, rig.now_ms)
    rig.run_to(rig.now_ms + 20_000)
    joined = again(rig, alice, "other")["result"]
    assert (joined["host"], joined["again"]) == ("h-1", True)


@pytest.mark.parametrize("filler", ["0" * 32, "Default string", "To be filled by O.E.M."])
def test_a_makers_default_enrolls_nobody(filler: str) -> None:
    rig, alice, _ = hosting()
    refused = again(rig, alice, "other", hardware_id=filler)
    assert (refused["reason"], refused["field"]) == ("invalid_field", "hardware_id")
    assert "again" in enroll(rig, "secret-other", "other", take_over=True)["result"]
