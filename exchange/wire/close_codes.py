"""How a WebSocket connection ended, in words: one table. Pure.

Source: docs/protocol.md, "When a connection ends".
"""

from typing import Final

CLOSE_NORMAL: Final = 1000
CLOSE_GOING_AWAY: Final = 1001
CLOSE_LOST: Final = 1006
"""The connection broke without a close frame (RFC 6455, code 1006)."""
CLOSE_POLICY: Final = 1008
CLOSE_TOO_BIG: Final = 1009
CLOSE_INTERNAL: Final = 1011
CLOSE_RESTART: Final = 1012
"""It restarts, or another serves: at the address in the reason, if there is one."""
CLOSE_TRY_LATER: Final = 1013
CLOSE_BAD_LOGIN: Final = 4401
CLOSE_HANDED_OVER: Final = 4409
"""Another login with the same host key took the host over. Do not reconnect: that would take the
host back again."""
REASON_BYTES_MAX: Final = 123
"""What a close frame has room for."""
HANDED_OVER_REASON: Final = "the host logged in again"
"""Sent with `CLOSE_HANDED_OVER`; older agents that do not know the code look for these words."""

BY_EXCHANGE: Final[dict[int, str]] = {
    CLOSE_NORMAL: "the exchange closed the connection",
    CLOSE_GOING_AWAY: "the exchange shuts down",
    1002: "the exchange was sent a broken frame",
    1003: "the exchange was sent the wrong kind of frame",
    CLOSE_LOST: "the exchange hung up",
    1007: "the exchange was sent text that is not UTF-8",
    CLOSE_POLICY: "the exchange ended a connection that broke its rules",
    CLOSE_TOO_BIG: "a message was larger than the exchange takes",
    CLOSE_INTERNAL: "the exchange failed inside",
    CLOSE_RESTART: "the exchange restarts",
    CLOSE_TRY_LATER: "the exchange has no room for this connection now",
    CLOSE_BAD_LOGIN: "the exchange no longer lets this key in",
    CLOSE_HANDED_OVER: "another login of this host took over",
}
BY_US: Final[dict[int, str]] = {
    1002: "the exchange sent a broken frame",
    1007: "the exchange sent text that is not UTF-8",
    CLOSE_TOO_BIG: "an answer was larger than this client takes",
    CLOSE_INTERNAL: "the exchange answered no ping",
}


def in_words(code: int, reason: str, by_us: bool = False) -> str:
    """Return one line for a close ``code`` and the ``reason`` that came with it, "" for none."""
    words = BY_US.get(code, "this client hung up") if by_us else BY_EXCHANGE.get(code)
    words = words or f"the exchange closed the connection with code {code}"
    return f"{words} ({reason})" if reason and not by_us else words
