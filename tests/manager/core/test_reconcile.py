"""What the balancer has is compared with what should serve.

Seen to fail with `Reconcile` taking looks from before the join, and with nothing removed.
"""

from manager.core.messages import BackendDrained, BackendsSeen, DrainBackend, Out, RemoveBackend
from manager.core.messages import RegisterBackend as Register
from tests.manager.farm import BOOT_MS, BURST, MINUTE_MS, START_MS, Farm, new_manager

RULE = BURST | {"do": "buy 1", "max_units": 1}


def serving() -> tuple[Farm, str]:
    """Return a farm with one bought unit in service, and the unit's server."""
    farm = Farm(RULE)
    farm.load(90, for_ms=3 * MINUTE_MS)
    farm.load(90, for_ms=BOOT_MS + MINUTE_MS)
    [server] = [out.server for out in farm.paper.outs if isinstance(out, Register)]
    assert farm.counts() == (1, 0, 1)
    return farm, server


def look(farm: Farm, **servers: str) -> list[Out]:
    farm.paper.advance(farm.now_ms + 1_000)
    named = {name.replace("_", "-"): state for name, state in servers.items()}
    seen = BackendsSeen(named, farm.now_ms)  # type: ignore[arg-type]
    return farm.manager.apply(seen, farm.now_ms)


def key(server: str) -> str:
    return server.replace("-", "_")


def test_what_serves_and_is_there_is_left_alone() -> None:
    farm, server = serving()
    assert look(farm, **{key(server): "ready"}) == []


def test_what_a_restarted_balancer_forgot_joins_again_after_a_probe() -> None:
    farm, server = serving()
    [_, out] = look(farm)
    assert isinstance(out, Register)
    assert (out.server, out.health) == (server, "/healthz")
    assert farm.counts() == (0, 1, 1)
    assert look(farm) == []


def test_what_somebody_took_out_by_hand_joins_again() -> None:
    farm, server = serving()
    outs = look(farm, **{key(server): "draining"})
    assert [out.server for out in outs if isinstance(out, Register)] == [server]


def test_a_look_from_before_the_server_joined_says_nothing() -> None:
    farm, _ = serving()
    early_ms = farm.now_ms - 10 * MINUTE_MS
    assert farm.manager.apply(BackendsSeen({}, early_ms), farm.now_ms) == []


def test_a_server_of_nobody_drains_once_and_is_removed() -> None:
    farm, server = serving()
    outs = look(farm, **{key(server): "ready", "l_7_0": "ready"})
    assert [out for out in outs if isinstance(out, DrainBackend)] == [DrainBackend("l-7-0")]
    assert look(farm, **{key(server): "ready", "l_7_0": "draining"}) == []
    assert farm.manager.apply(BackendDrained("l-7-0"), farm.now_ms) == [RemoveBackend("l-7-0")]


def test_nothing_is_judged_before_the_account_is_known() -> None:
    seen = BackendsSeen({"l-7-0": "ready"}, START_MS)
    assert new_manager(RULE).apply(seen, START_MS) == []
