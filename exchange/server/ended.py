"""What a connection lets go of at its end, so that it is gone without a garbage collector. Shell.

An exchange that is never idle looks for old garbage once in a long while. The library's protocol
object keeps the function that chose the subprotocol, which holds the connection; its parser, which
waits for more; and the error that ended an earlier one, whose traceback's frames hold the protocol.
"""

import asyncio
from collections.abc import Iterable

from websockets.server import ServerProtocol


def let_go(protocol: ServerProtocol, timers: Iterable[asyncio.Handle | None]) -> None:
    """Cancel ``timers`` and drop what makes a circle; called once the connection is lost."""
    for timer in timers:
        if timer is not None:
            timer.cancel()
    vars(protocol).pop("select_subprotocol", None)
    protocol.parser_exc = None
    protocol.parser.close()
