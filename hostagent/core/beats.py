"""When the next heartbeat goes out: every few seconds while the host is connected. Pure."""


class Beats:
    """``due_ms`` is None without a connection."""

    def __init__(self, every_ms: int) -> None:
        self.every_ms = every_ms
        self.due_ms: int | None = None

    def begin(self, now_ms: int) -> None:
        """Count from now on: the host has logged in, or has just sent one.

        However late that one was: a burst of old ones would be useless.
        """
        self.due_ms = now_ms + self.every_ms

    def end(self) -> None:
        self.due_ms = None

    def pass_over(self, now_ms: int) -> None:
        """Leave out those up to ``now_ms``, for virtual time: nobody needs to be told."""
        if self.due_ms is not None and self.due_ms <= now_ms:
            self.due_ms += ((now_ms - self.due_ms) // self.every_ms + 1) * self.every_ms
