"""The client library: log in, send requests, subscribe, and recover from network faults. Shell.

    async with Client("ws://127.0.0.1:8750/v1/ws", key) as client:
        await client.subscribe("book", symbol="small.eu-de.flat.spot")
        result = await client.request(OrderPlace(req_id=1, ...))
        async for event in client.events():
            ...

The url may be several of the same exchange, with commas between: see docs/protocol.md, "Several
addresses".

What is raised:

    ClientError
    +-- Unreachable   no connection: wrong address, nobody there, TLS, or no room ("later")
    +-- Refused       the exchange said no and changed nothing; `later` means "not now"
    +-- Unknown       no answer came: the request may or may not have been done

`Client.request` never repeats a request by itself, since only the caller knows whether it may be
done twice; `Client.place` asks again safely, under the same ``client_order_id``.

The states of a connection, and the event that tells of each step:

                dial, log in              the connection ends
    [entering] --------------> connected ---------------------> dialing
        |         Connected        ^           Disconnected      |   |
        | raises                   +-----------------------------+   | the key is refused
        v                              Connected, after a pause      v
    Unreachable, Refused                                           ended: `events` raises Refused

`Client.close`, or leaving the ``async with``, leads from any of them to closed: `events` ends, and
requests under way raise `Unknown`. While dialing, a request waits for a connection until its
timeout. On a new connection everything is subscribed again and the account's frames go on where
they stopped. What is lost for good is an event too: `Unsubscribed`, `AccountReset`.
"""

from exchange.client.client import Client
from exchange.client.dial import endpoint, urls_of
from exchange.client.errors import KEY_REFUSED, ClientError, Refused, Unknown, Unreachable
from exchange.client.events import AccountReset, Connected, Disconnected, Event, Unsubscribed
from exchange.client.images import fetch_image, put_image
from exchange.client.local_book import LocalBook
from exchange.client.requests import AnswerTime
from exchange.wire.urls import TRADE_PATH, Urls

__all__ = [
    "KEY_REFUSED",
    "TRADE_PATH",
    "AccountReset",
    "AnswerTime",
    "Client",
    "ClientError",
    "Connected",
    "Disconnected",
    "Event",
    "LocalBook",
    "Refused",
    "Unknown",
    "Unreachable",
    "Unsubscribed",
    "Urls",
    "endpoint",
    "fetch_image",
    "put_image",
    "urls_of",
]
