"""Requests to the exchange that wait for their answer. Pure.

A VM's state and its usage are sent as requests, because the exchange acknowledges them only when
they are durable. The outbox numbers them and remembers what each was about; after a lost
connection nothing in it can be trusted, so it is emptied and everything unreported goes again.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

from exchange.wire.reasons import LATER

About: TypeAlias = Literal["announce", "status", "usage"]
RETRY_REASONS = (*LATER, "internal")
"""Refusals that say "not now"; every other refusal is final."""


class Pending(Struct, frozen=True):
    about: About
    vm_id: str = ""
    state: str = ""


class Outbox:
    """``next_id`` never repeats within this agent's life, so a late answer finds nothing."""

    def __init__(self) -> None:
        self._last_id = 0
        self._pending: dict[int, Pending] = {}

    def open(self, about: About, vm_id: str = "", state: str = "") -> int:
        """Return the number for a new request."""
        self._last_id += 1
        self._pending[self._last_id] = Pending(about, vm_id, state)
        return self._last_id

    def close(self, req_id: int) -> Pending | None:
        """Return what the request ``req_id`` was about, once; None when it is not ours."""
        return self._pending.pop(req_id, None)

    def waits(self, about: About, vm_id: str, state: str = "") -> bool:
        """Tell whether just this is under way."""
        return Pending(about, vm_id, state) in self._pending.values()

    def waits_for(self, vm_id: str) -> bool:
        return any(pending.vm_id == vm_id for pending in self._pending.values())

    def clear(self) -> None:
        self._pending.clear()
