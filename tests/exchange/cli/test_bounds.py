"""What a person reads of an option that is out of bounds: its name, the value, what may be.

(Seen to fail: ``Invalid enum value 'nonsense' - at `$.lift[0]```, and wire names of options.)
"""

from typing import Any, get_args

import msgspec
import pytest

from exchange.cli.bounds import by_options, plainly
from exchange.wire.inbound import ClientMessage
from exchange.wire.requests import HostEnroll, HostOffer
from exchange.wire.types import Request
from tests.exchange.support.harness import headroom

TABLE = [
    (
        "host offer h-1 --lift nonsense",
        "--lift nonsense: not image_max_mib, offered or residual_below_pct",
    ),
    (f"host offer h-1{' --lift offered' * 4}", "--lift: not at most 3 values"),
    (
        "host offer h-1 --residual-below-pct 500",
        "--residual-below-pct 500: not a whole number from 0 to 100",
    ),
    (
        "host offer h-1 --mvcpu 99999999999999999 --mem-mib 1 --disk-mib 1",
        "--mvcpu 99999999999999999: not a whole number from 0 to 9007199254740992",
    ),
    ("host token --zone eu --uses 0", "--uses 0: not a whole number from 1 to 10000"),
    ("account token --zone é", "--zone é: not 1 to 64 printable ASCII characters"),
    ("account token --zone eu --ttl-s 0", "--ttl-s 0: not a whole number from 1 to 2592000"),
    ("account apply --name a --contact b --side all", "--side all: not both, buy or sell"),
    ("account release é", "LEASE é: not 1 to 64 printable ASCII characters"),
    ("image delete ABC", "DIGEST ABC: not 64 hex digits in lower case"),
    ("image buy ABC", "DIGEST ABC: not 64 hex digits in lower case"),
    ("image offer ABC --title t --price 1", "DIGEST ABC: not 64 hex digits in lower case"),
    ("vm console é", "VM é: not 1 to 64 printable ASCII characters"),
    ("order cancel é", "ORDER é: not 1 to 64 printable ASCII characters"),
    ("order replace é --qty 1", "ORDER é: not 1 to 64 printable ASCII characters"),
    ("host enroll --name é --token t", "--name é: not 1 to 64 printable ASCII characters"),
    (f"host enroll --name a --token {'s' * 300}", "--token: not 1 to 256 characters"),
    (
        "host list --status nonsense",
        "--status nonsense: not pending, syncing, live, draining, silent, lost",
    ),
]


@pytest.mark.parametrize(("command", "line"), TABLE)
def test_an_option_out_of_bounds_is_told_by_its_name(
    command: str, line: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    key = tmp_path_factory.getbasetemp() / "bounds.pem"
    if not key.exists():
        assert headroom("key", "new", str(key))[0] == 0
    to = ("--key", str(key), "--url", "ws://127.0.0.1:9/v1/ws")
    code, out, errors = headroom(*command.split(), *to)
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert errors.endswith(f": {line}\n")


WRONG: list[Any] = [-(10**17), 10**17, "é" * 3_000, "", ["nonsense"] * 3, {"mvcpu": -1}]
REQUESTS = [one for one in get_args(ClientMessage) if issubclass(one, Request)]


@pytest.mark.parametrize("kind", REQUESTS)
def test_no_message_is_told_in_the_decoders_words(kind: type[Request]) -> None:
    for field in msgspec.structs.fields(kind):
        for value in WRONG:
            fields = {field.encode_name: value}
            try:
                msgspec.convert(fields, kind, strict=False)
            except msgspec.ValidationError as error:
                if "missing required" not in str(error):
                    told = plainly(error, fields, kind)
                    assert "$" not in told, told
                    assert len(told.splitlines()) == 1, told


def test_what_the_exchange_says_names_the_option() -> None:
    said = "h-1 is live; stop its agent first, or take_over (field take_over)"
    told = "h-1 is live; stop its agent first, or --take-over (field --take-over)"
    assert by_options(said, HostEnroll) == told
    assert by_options("residual_below_pct-2 x_host", HostOffer) == "--residual-below-pct-2 x_host"
