"""Requests about the connection itself. They change nothing that outlives it.

As in ``requests.py``, the class name is the CamelCase of the wire tag.
"""

from typing import Annotated, Final

from msgspec import Meta

from exchange.wire.types import Name, Request

CLAIMS_MAX: Final = 256
"""Names that one connection may hold."""


class SessionClaim(Request, tag="session.claim", frozen=True):
    """Have this connection alone act for ``names`` of the account, until it ends.

    All or none, in place of what it held before. ``holder``: the same program after a broken
    connection, which takes over from itself at once.
    """

    names: Annotated[list[Name], Meta(max_length=CLAIMS_MAX)]
    holder: Name | None = None
