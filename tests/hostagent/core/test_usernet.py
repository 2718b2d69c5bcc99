"""Which connections a guest has taken, read from QEMU's own table."""

import pytest

from hostagent.core.usernet import guest_accepted

HEAD = """\
Hub -1 (headroom0):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
"""
LISTENING = "  TCP[HOST_FORWARD]  10       127.0.0.1 28080       10.0.2.15    80     0     0\n"


def row(state: str, port: int) -> str:
    return f"  TCP[{state}]   11       127.0.0.1 {port}       10.0.2.15    80     0     0\n"


@pytest.mark.parametrize(
    ("rows", "accepted"),
    [
        ("", False),
        (LISTENING, False),
        (row("SYN_SENT", 28080) + LISTENING, False),
        (row("ESTABLISHED", 28080) + LISTENING, True),
        (row("CLOSE_WAIT", 28080) + LISTENING, True),
        # Nobody waits any more, but the guest had taken it.
        (row("TIME_WAIT", 28080) + LISTENING, True),
        (row("LAST_ACK", 28080) + LISTENING, True),
        (row("ESTABLISHED", 28081) + LISTENING, False),  # of another forward
        ("  UDP[236 sec] 12 10.0.2.15 28080 10.0.2.3 53 0 0\n", False),
    ],
)
def test_a_guest_has_accepted_only_when_its_side_answered(rows: str, accepted: bool) -> None:
    assert guest_accepted(HEAD + rows, 28080) is accepted
