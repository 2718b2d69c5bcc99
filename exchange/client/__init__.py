"""The client library: `Client` logs in, asks, subscribes, and dials again when it must.

Shell.
"""

from exchange.client.client import Client, Event, Refused, Unknown, Unreachable

__all__ = ["Client", "Event", "Refused", "Unknown", "Unreachable"]
