"""The engine against a naive model under random commands, every law checked after every one.

`Storm` is seeded and quick, for volume: 200,000 commands in all. The hypothesis test sends few
commands, for the other end: what it finds it shrinks to the shortest story. A failure names its
seed; `python -m pytest -k storm-17` runs that one again.
"""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.protocol import OrderCancel, OrderPlace, OrderReplace
from tests.exchange import laws
from tests.exchange.drive import STP, Storm
from tests.exchange.duel import Duel
from tests.exchange.duel_scene import SYMBOLS, new_duel
from tests.exchange.noise import Noise

SEEDS: Final = range(40)
COMMANDS: Final = 5_000
NOISE_SEEDS: Final = range(10)
NOISE_COMMANDS: Final = 4_000


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"storm-{seed}")
def test_engine_and_oracle_agree(seed: int) -> None:
    storm = Storm(seed)
    storm.run(COMMANDS)
    laws.check(storm.duel.market)
    assert len(storm.oracle.trades) > COMMANDS // 50, "a storm in which hardly anybody trades"


def test_the_storm_reaches_every_ending() -> None:
    """Volume proves nothing about what never happened."""
    reasons: set[str | None] = set()
    for seed in SEEDS[:2]:
        storm = Storm(seed)
        storm.run(3_000)
        reasons |= {order.reason or order.status for order in storm.oracle.orders}
    assert reasons >= {
        "filled",
        "expired",
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
    }


@pytest.mark.parametrize("seed", NOISE_SEEDS, ids=lambda seed: f"noise-{seed}")
def test_the_laws_hold_for_commands_of_every_kind(seed: int) -> None:
    """Windows, metered leases, VMs, usage, restarts: what the oracle does not know yet."""
    noise = Noise(seed)
    noise.run(NOISE_COMMANDS, laws_every=5)
    assert len(noise.market.trades) > NOISE_COMMANDS // 50


# --- short stories, for hypothesis to shrink ---

Story = list[tuple[str, int, dict[str, Any]]]
NAMES: Final = ("ann", "bob")

orders = st.fixed_dictionaries(
    {
        "symbol": st.just(SYMBOLS[0]),
        "side": st.sampled_from(("buy", "sell")),
        "order_type": st.just("limit"),
        "qty": st.integers(1, 5),
        "price_ucr": st.integers(599, 601),
        "time_in_force": st.sampled_from(("gtc", "ioc", "fok")),
        "min_qty": st.none() | st.integers(1, 3),
        "stp": st.sampled_from(sorted(set(STP))),
    }
)
changes = st.fixed_dictionaries(
    {"price_ucr": st.none() | st.integers(599, 601), "qty": st.integers(1, 6)}
)
stories = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(0, 5), orders | changes | st.just({})),
    max_size=25,
)


@given(stories)
def test_engine_and_oracle_agree_on_short_stories(story: Story) -> None:
    duel = new_duel()
    for number, (account, back, fields) in enumerate(story):
        tell(duel, account, number, back, fields)
    laws.check(duel.market)


def tell(duel: Duel, account: str, number: int, back: int, fields: dict[str, Any]) -> None:
    """One step: a new order, or a change or cancel of the account's order ``back`` steps ago."""
    named = f"c{number - back}"
    if "side" in fields:
        duel.send(OrderPlace(req_id=1, client_order_id=f"c{number}", **fields), account)
    elif fields:
        duel.send(OrderReplace(req_id=1, client_order_id=named, **fields), account)
    else:
        duel.send(OrderCancel(req_id=1, client_order_id=named), account)
