"""Addresses of guests as hosts tell them: what the exchange takes, and what a Manager dials."""

import pytest

from exchange.wire.address import can_be_dialed, guest_problem

# address, the exchange takes it, a Manager dials it, a Manager beside its exchange does
ADDRESSES: list[tuple[str, bool, bool, bool]] = [
    ("203.0.113.7", True, True, True),
    ("192.0.2.1", True, True, True),
    ("10.1.2.3", True, True, True),
    ("2001:db8::7", True, True, True),
    ("127.0.0.1", True, False, True),
    ("127.83.19.7", True, False, True),
    ("::1", True, False, True),
    ("::ffff:127.0.0.1", True, False, True),
    ("guest7.shop.example", True, False, False),
    ("localhost", True, False, False),
    ("x.example.", True, False, False),
    ("0.0.0.0", False, False, False),  # noqa: S104
    ("::", False, False, False),
    ("::ffff:0.0.0.0", False, False, False),
    ("255.255.255.255", False, False, False),
    ("240.0.0.1", False, False, False),
    ("224.0.0.1", False, False, False),
    ("ff02::1", False, False, False),
    ("169.254.169.254", False, False, False),
    ("::ffff:169.254.169.254", False, False, False),
    ("fe80::1", False, False, False),
    ("fe80::1%eth0", False, False, False),
    ("2001:db8::7%1", False, False, False),
    ("", False, False, False),
    ("127.1", False, False, False),
    ("2130706433", False, False, False),
    ("1.2.3.4.5", False, False, False),
    ("1.2.3.4\r\nset server x", False, False, False),
    ("1.2.3.4;show info", False, False, False),
    ("user@1.2.3.4", False, False, False),
    ("1.2.3.4/..", False, False, False),
    ("1.2.3.4:80", False, False, False),
    ("[::1]", False, False, False),
    ("\u0661.2.3.4", False, False, False),
    ("gu\x1b[31mest", False, False, False),
    ("-x.example", False, False, False),
    ("x..example", False, False, False),
    ("a" * 65, False, False, False),
]


@pytest.mark.parametrize(("address", "taken", "dialed", "beside"), ADDRESSES)
def test_what_can_be_an_address_of_a_guest(
    address: str, taken: bool, dialed: bool, beside: bool
) -> None:
    assert can_be_dialed(address) == taken
    assert (guest_problem(address, loopback=False) == "") == dialed
    assert (guest_problem(address, loopback=True) == "") == beside
    assert guest_problem(address, loopback=False).isprintable()
