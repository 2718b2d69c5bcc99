"""The engine against a naive model under random commands, every law checked after every one.

200,000 commands in all, of every kind that touches money, orders, leases, VMs or hosts; each seed
begins with a fresh engine, so that the state stays small enough to look at all of it every time. A
failure names its seed; ``python -m pytest -k storm-17`` runs that one again. Short stories, which
shrink, are in ``test_machine.py``.
"""

from collections import Counter
from functools import lru_cache
from typing import Final

import pytest

from tests.exchange.storm.noise import Noise
from tests.exchange.storm.trading import Storm

pytestmark = pytest.mark.storm

SEEDS: Final = range(80)
COMMANDS: Final = 2_500
KEPT: Final = 8
"""Storms that two tests look at."""
NOISE_SEEDS: Final = range(5)
NOISE_COMMANDS: Final = 2_000

ORDER_ENDINGS: Final = {
    "filled",
    "expired",
    "gate_closed",
    "user",
    "mass_cancel",
    "ioc_remainder",
    "fok_not_filled",
    "min_qty_not_met",
    "no_liquidity",
    "self_trade",
    "host_silent",
    "capacity_shrunk",
    "kill_switch",
    "disconnected",
    "dead_man",
}
SPOT_ENDINGS: Final = ("released", "recalled", "host_lost", "launch_failed", "funds_exhausted")
WINDOW_ENDINGS: Final = ("released", "window_over", "host_lost", "launch_failed")
LEASE_ENDINGS: Final = {("spot", reason) for reason in SPOT_ENDINGS} | {
    ("window", reason) for reason in WINDOW_ENDINGS
}
PRICINGS: Final = ("flat", "metered")


@lru_cache(maxsize=KEPT)
def storm_of(seed: int) -> Storm:
    """Return a storm that has sent all its commands."""
    storm = Storm(seed)
    storm.run(COMMANDS)
    return storm


def test_the_storms_reach_every_ending() -> None:
    """Volume proves nothing about what never happened."""
    orders: set[str | None] = set()
    leases: Counter[tuple[str, str]] = Counter()
    carried: set[tuple[str, str]] = set()
    for seed in SEEDS[:KEPT]:
        oracle = storm_of(seed).oracle
        orders |= {order.reason or order.status for order in oracle.orders}
        leases += oracle.endings
        carried |= oracle.carried
    assert orders >= ORDER_ENDINGS
    assert leases.keys() >= LEASE_ENDINGS
    assert carried == {(one, other) for one in PRICINGS for other in PRICINGS}


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"storm-{seed}")
def test_engine_and_oracle_agree(seed: int) -> None:
    oracle = storm_of(seed).oracle
    assert len(oracle.trades) > COMMANDS // 50, "a storm in which hardly anybody trades"


@pytest.mark.parametrize("seed", NOISE_SEEDS, ids=lambda seed: f"noise-{seed}")
def test_the_laws_hold_for_commands_of_every_kind(seed: int) -> None:
    """What the model leaves out as well: images, more classes and hosts, longer restarts."""
    noise = Noise(seed)
    noise.run(NOISE_COMMANDS, laws_every=1)
    assert len(noise.market.trades) > NOISE_COMMANDS // 50
