"""What the client raises: the tree is in `exchange.client`. Pure."""

from typing import Final

from exchange.units import MS_PER_SECOND
from exchange.wire.frames import ErrorReply
from exchange.wire.reasons import LATER

KEY_REFUSED: Final = ("bad_signature", "forbidden")
"""Login refusals that are permanent; any other reason is temporary."""


class ClientError(Exception):
    """Whatever the client raises. ``str()`` is one line."""


class Unreachable(ClientError):  # noqa: N818 - part of the public API, read as a state
    """No connection to the exchange: the line names the address and the cause.

    ``retry_after_s``: how long the exchange asks to wait before the next attempt; 0 if it did not.
    ``go_to``: the address that serves instead, as a close said; "" for none.
    """

    def __init__(self, text: str, retry_after_s: float = 0.0, go_to: str = "") -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s
        self.go_to = go_to


class Refused(ClientError):  # noqa: N818 - part of the public API, read as an answer
    """The exchange refused a request, which changed nothing. ``reason`` is of the closed set."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(f"{reply.reason}: {reply.message}")
        self.reason = reply.reason
        self.message = reply.message
        self.field = reply.field
        self.retry_after_ms = reply.retry_after_ms
        self.amounts = reply.amounts

    @property
    def retry_after_s(self) -> float:
        return (self.retry_after_ms or 0) / MS_PER_SECOND

    @property
    def later(self) -> bool:
        """True when the refusal is temporary: the same request may succeed after a pause."""
        return self.reason in LATER


class Unknown(ClientError):  # noqa: N818 - part of the public API, read as a state
    """The connection was lost before the answer: the request may or may not have been done."""
