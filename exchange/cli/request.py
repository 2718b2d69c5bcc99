"""`headroom request`: any one request of the wire protocol, written as JSON. Shell."""

import json
import sys
from typing import Annotated, Any, Final

import typer

from exchange import files
from exchange.cli.common import EXIT_USAGE, JsonAnyway, KeyOrNone, Url, fail, print_json
from exchange.cli.one_request import logged_in
from exchange.wire import requests, session_requests
from exchange.wire.codec import JSON, UnreadableError
from exchange.wire.types import Request

app = typer.Typer(help="Send one request of the wire protocol, written as JSON.")

_LASTING: Final = (
    requests.Auth,
    requests.Subscribe,
    requests.Unsubscribe,
    requests.OrderCancelOnDisconnect,
    requests.ImagePut,
    requests.ImageGet,
    session_requests.SessionClaim,
)
"""Of no use on a connection that ends with the answer."""


@app.command()
def request(
    text: Annotated[
        str, typer.Argument(metavar="JSON", help="The request without its req_id; - reads stdin.")
    ],
    key: KeyOrNone = None,
    url: Url = None,
    as_json: JsonAnyway = True,
) -> None:
    """Send one request of the wire protocol, such as {"type": "order.list"}; prints its result.

    Without --key only what needs no login is answered.
    """
    message = read(sys.stdin.read() if text == "-" else text)
    print_json(logged_in(url, key, lambda client: client.request(message)))


def read(text: str) -> Request:
    """Return the request in ``text``; exit 2 with one line when it is none."""
    try:
        fields: Any = files.parsed(json.loads, text)
    except ValueError as error:
        fail(f"request: not JSON: {error}", EXIT_USAGE)
    if not isinstance(fields, dict):
        fail('request: not a JSON object such as {"type": "order.list"}', EXIT_USAGE)
    try:
        message = JSON.decode_request(json.dumps({"req_id": 1} | fields))
    except UnreadableError as error:
        if error.reply.reason == "unknown_type" and "type" in fields:
            fail(f"request: no request has the type {fields['type']!r}", EXIT_USAGE)
        if error.reply.field == "req_id" and "req_id" not in fields:
            fail(f"request: {fields['type']} has no answer to wait for", EXIT_USAGE)
        fail(f"request: {error.reply.message}", EXIT_USAGE)
    if not isinstance(message, Request) or isinstance(message, _LASTING):
        fail(f"request: {fields['type']} needs a connection that stays open", EXIT_USAGE)
    return message
