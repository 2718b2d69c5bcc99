"""The client library: `Client` logs in, asks, subscribes, and dials again when it must.

Shell.
"""

from exchange.client.client import (
    AccountReset,
    Client,
    Event,
    Refused,
    Unknown,
    Unreachable,
    Unsubscribed,
)

__all__ = [
    "AccountReset",
    "Client",
    "Event",
    "Refused",
    "Unknown",
    "Unreachable",
    "Unsubscribed",
]
