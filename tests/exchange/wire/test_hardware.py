"""An id that a mainboard's maker never filled in names no server."""

import pytest

from exchange.wire.hardware import HardwareId, chosen, is_none

MACHINE = "5b0c0ffee5b0c0ffee5b0c0ffee5b0c1"
BOARD = "4c4c4544-0042-3510-8054-b7c04f4e4e32"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "0",
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "ffffffffffffffffffffffffffffffff",
        "11111111-1111-1111-1111-111111111111",
        "fefefefe-fefe-fefe-fefe-fefefefefefe",
        "03000200-0400-0500-0006-000700080009",
        "03000200-0400-0500-0006-000700080009\n",
        "00020003-0004-0005-0006-000700080009",
        "12345678-1234-5678-1234-567812345678",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "01234567-89ab-cdef-0123-456789abcdef",
        "To be filled by O.E.M.",
        "To Be Filled By O.E.M.",
        "Default string",
        "System Serial Number",
        "Not Applicable",
        "Not Settable",
        "None",
        "unknown",
        "uninitialized",
        "0123456789",
        "xxxxxxxx",
    ],
)
def test_a_filler_is_no_id(text: str) -> None:
    assert is_none(text)


@pytest.mark.parametrize("text", [BOARD, BOARD.upper(), MACHINE, "srv-r7-01", "mac-52540012ab34"])
def test_an_id_is_one(text: str) -> None:
    assert not is_none(text)


def test_the_first_that_is_an_id_counts_and_what_was_passed_over_is_told() -> None:
    filler = "03000200-0400-0500-0006-000700080009"
    found = chosen([("board", filler + "\n"), ("machine", MACHINE + "\n")], "mac-1")
    assert found == HardwareId(MACHINE, (("board", filler),))
    assert chosen([("board", BOARD.upper()), ("machine", MACHINE)], "mac-1") == HardwareId(BOARD)
    assert chosen([("board", ""), ("machine", "0" * 32)], "mac-1") == HardwareId(
        "mac-1", (("machine", "0" * 32),)
    )
