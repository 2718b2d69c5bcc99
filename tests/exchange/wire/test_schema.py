"""The schemas and the message reference say what the code does: nothing missing, nothing stale."""

import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator

from exchange.cli import reference
from exchange.wire import reasons, schema
from exchange.wire.codec import JSON
from exchange.wire.frames import Heartbeat
from exchange.wire.requests import OrderPlace
from exchange.wire.types import Request

DOCS = Path(__file__).parents[3] / "docs"
MESSAGES = (*schema.REQUESTS, *schema.FRAMES)


@pytest.mark.parametrize("message", MESSAGES, ids=schema.tag)
def test_every_message_says_what_it_is(message: type[msgspec.Struct]) -> None:
    assert schema.summary(message), f"{message.__name__} has no docstring"
    assert f"### `{schema.tag(message)}`" in (DOCS / "protocol-reference.md").read_text()


def test_the_result_of_every_request_is_told() -> None:
    text = (DOCS / "protocol.md").read_text()
    table = text.partition("## What an ack holds")[2].partition("\n## ")[0]
    answered = [kind for kind in schema.REQUESTS if issubclass(kind, Request)]
    missing = [tag for tag in map(schema.tag, answered) if f"`{tag}`" not in table]
    assert missing == ["unsubscribe"], "its ack has no result"


def test_the_generated_pages_are_up_to_date() -> None:
    for path, text in reference.pages(DOCS).items():
        assert path.read_text() == text, f"run: python -m exchange.cli.reference ({path.name})"


def test_what_may_be_null_says_so() -> None:
    """An optional field is left out instead. (Seen to fail: it was an int.)"""
    assert "| `boot_p50_ms` | int or null |" in (DOCS / "protocol-reference.md").read_text()


def all_reasons() -> list[str]:
    kinds = (reasons.RefusalReason, reasons.CancelReason, reasons.LeaseEnd)
    return [reason for kind in kinds for part in literals(kind) for reason in get_args(part)]


def literals(kind: object) -> list[object]:
    """Return the Literals of a union of unions, in order."""
    parts = get_args(kind)
    if all(isinstance(part, str) for part in parts):
        return [kind]
    return [found for part in parts for found in literals(part)]


@pytest.mark.parametrize("reason", all_reasons())
def test_every_reason_is_documented(reason: str) -> None:
    assert f"`{reason}`" in (DOCS / "protocol.md").read_text()


def test_the_json_schema_accepts_what_the_codec_writes_and_refuses_the_rest() -> None:
    validator = Draft202012Validator(schema.json_schema())
    order = OrderPlace(
        req_id=1,
        client_order_id="a",
        symbol="small.eu-de.flat.spot",
        side="buy",
        order_type="limit",
        qty=1,
        price_ucr=5,
    )
    for message in (order, Heartbeat(1, 2)):
        assert validator.is_valid(json.loads(JSON.encode(message)))
    wrong = json.loads(JSON.encode(order))
    assert not validator.is_valid(wrong | {"qty": 0})
    assert not validator.is_valid(wrong | {"colour": "red"})
    assert not validator.is_valid(wrong | {"type": "order.plaice"})


def test_asyncapi_names_every_message_once() -> None:
    document = json.loads((DOCS / "asyncapi.json").read_text())
    named = [message["name"] for message in document["components"]["messages"].values()]
    assert sorted(named) == sorted(schema.tag(message) for message in MESSAGES)
    text = json.dumps(document)
    for part in text.split('"$ref": "#/')[1:]:
        node = document
        for step in part.split('"')[0].split("/"):
            node = node[step]
