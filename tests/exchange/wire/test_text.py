"""What people read: an account's state in columns, a pattern in words."""

import msgspec
import pytest

from exchange.cli.account_text import account_lines
from exchange.wire.codec import JSON, UnreadableError, readable
from exchange.wire.requests import ImageDelete, OrderPlace
from exchange.wire.types import PublicKey

ORDER = {
    "order_id": "o-1",
    "client_order_id": "bid-1",
    "side": "buy",
    "symbol": "small.eu-de.flat.spot",
    "leaves_qty": 1,
    "order_qty": 12,
    "price_ucr": 25_000,
    "status": "partially_filled",
}
EMPTY = {
    "balances": {"available_ucr": 1_500_000, "held_ucr": 25_000},
    "orders": [],
    "leases": [],
    "vms": [],
    "images": [],
}


def test_an_empty_account_is_one_line() -> None:
    assert list(account_lines(EMPTY)) == ["available 1.500000 credits, held 0.025000 credits"]


def test_rows_are_aligned() -> None:
    long = {**ORDER, "order_id": "o-10000", "price_ucr": None}
    _, _, names, first, second = account_lines({**EMPTY, "orders": [ORDER, long]})
    assert names.index("LEFT") == first.index("1 of 12") == second.index("1 of 12")
    assert (
        first
        == "o-1      bid-1     buy  small.eu-de.flat.spot  1 of 12  0.025000  partially_filled"
    )
    assert "market" in second


@pytest.mark.parametrize(
    ("state", "ready_ms", "shown"),
    [("running", None, "running"), ("running", 5, "ready"), ("stopped", 5, "stopped")],
)
def test_a_running_vm_that_serves_is_ready(state: str, ready_ms: int | None, shown: str) -> None:
    vm = {"vm_id": "v-1", "lease_id": "l-1", "name": "web", "state": state, "endpoints": []}
    *_, row = account_lines({**EMPTY, "vms": [{**vm, "ready_ms": ready_ms}]})
    assert row.split() == ["v-1", "l-1", "web", shown]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (ImageDelete(req_id=1, sha256="deadbeef"), "Expected 64 hex digits in lower case"),
        (
            OrderPlace(
                req_id=1, client_order_id="\n", symbol="s", side="buy", order_type="limit", qty=1
            ),
            "Expected printable ASCII characters",
        ),
    ],
)
def test_a_refusal_says_a_pattern_in_words(message: msgspec.Struct, words: str) -> None:
    with pytest.raises(UnreadableError) as unreadable:
        JSON.decode_request(JSON.encode(message))
    assert unreadable.value.reply.message.startswith(words)


def test_a_public_key_in_words() -> None:
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.convert("zzz", PublicKey)
    assert readable(str(wrong.value)) == "Expected base64 of 32 bytes"
