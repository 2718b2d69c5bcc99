"""The virtual network: every message has a delay, and a connection keeps messages in order.

Latency is a mean with a normal spread per message; a message never overtakes an earlier one of the
same direction of the same connection, as on TCP. Source: scenario.md, ``[network]``.
"""

from collections.abc import Callable
from random import Random
from statistics import NormalDist
from typing import Any, Final

from sim.network.clock import VirtualTime

SPREAD: Final = tuple(NormalDist().inv_cdf((at + 0.5) / 4096) for at in range(4096))
"""A normal spread, for background messages: which one is theirs depends on when they are sent."""


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
        self._salt = random.getrandbits(32)
        self._last_arrival_ms = 0
        self._last_background_ms = 0
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

    def send_background(self, payload: Any) -> None:
        """Send what mostly tells nothing: a heartbeat, or a tick's news. It overtakes nothing.

        Messages may overtake it, and its delay takes no draw from theirs: so a run in which
        those that tell nothing are left out goes the same way as one in which they are sent.
        """
        if self.cut_off or not self.open:
            self.send(payload)
            return
        arrival_ms = self.background_arrival_ms(self._env.now_ms)
        self._last_background_ms = max(arrival_ms, self._last_background_ms)
        self.under_way(payload, self._last_background_ms)

    def background_arrival_ms(self, sent_ms: int) -> int:
        """Return when such a message arrives that is sent now, or was since the last other one."""
        at = ((sent_ms * 2654435761 + self._salt) & 0xFFFFFFFF) >> 20
        delay_ms = self._latency_ms + round(SPREAD[at] * self._jitter_ms)
        return max(sent_ms + max(0, delay_ms), self._last_arrival_ms)

    def under_way(self, payload: Any, arrival_ms: int) -> None:
        """``payload`` was sent already and is to arrive at ``arrival_ms``."""
        self._env.call_in(arrival_ms - self._env.now_ms, self._arrive, payload)

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
