"""The virtual network: every message has a delay, and a connection keeps messages in order.

Latency is a mean with a normal spread per message; a message never overtakes an earlier one of the
same direction of the same connection, as on TCP. Source: scenario.md, ``[network]``.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from sim.network.clock import VirtualTime


class Link:
    """One direction of one connection.

    ``deliver(payload)`` runs at the arrival. A partition holds messages back (TCP would resend
    them) until it heals or the connection is closed; `close` drops what is under way.
    """

    def __init__(
        self,
        env: VirtualTime,
        deliver: Callable[[Any], None],
        latency_ms: int,
        jitter_ms: int,
        random: Random,
    ) -> None:
        self._env = env
        self._deliver = deliver
        self._latency_ms = latency_ms
        self._jitter_ms = jitter_ms
        self._random = random
        self._last_arrival_ms = 0
        # Two lists: what was under way when the partition came is older than what was sent in it.
        self._landed: list[Any] = []
        self._parked: list[Any] = []
        self.cut_off = False
        self.open = True

    def send(self, payload: Any) -> None:
        """Put ``payload`` on the way; it arrives after the latency, behind all sent before."""
        if not self.open:
            return
        if self.cut_off:
            self._parked.append(payload)
            return
        delay_ms = self._latency_ms
        if self._jitter_ms:
            delay_ms += round(self._random.gauss(0.0, self._jitter_ms))
        now_ms = self._env.now_ms
        arrival_ms = now_ms + delay_ms if delay_ms > 0 else now_ms
        if arrival_ms < self._last_arrival_ms:
            arrival_ms = self._last_arrival_ms
        self._last_arrival_ms = arrival_ms
        self._env.call_in(arrival_ms - now_ms, self._arrive, payload)

    def heal(self) -> None:
        """End a partition: what was held back is sent now, in its order."""
        self.cut_off = False
        held = self._landed + self._parked
        self._landed, self._parked = [], []
        for payload in held:
            self.send(payload)

    def close(self) -> None:
        """Drop the connection: nothing sent on it arrives any more."""
        self.open = False
        self._landed.clear()
        self._parked.clear()

    def _arrive(self, payload: Any) -> None:
        if not self.open:
            return
        if self.cut_off:
            self._landed.append(payload)
        else:
            self._deliver(payload)
