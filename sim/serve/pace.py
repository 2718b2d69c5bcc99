"""How virtual time follows real time: at a speed, or not at all. Pure: real time is an argument."""


class Pace:
    """``now_s`` is always the real clock's, in seconds; virtual time is in ms."""

    def __init__(self, speed: float, now_s: float, at_ms: int) -> None:
        self.speed = speed
        self.paused = False
        self._since_s = now_s
        self._from_ms = at_ms

    def due_ms(self, now_s: float) -> int:
        """Return how far virtual time may be now."""
        if self.paused:
            return self._from_ms
        return self._from_ms + int((now_s - self._since_s) * self.speed * 1000)

    def wait_s(self, now_s: float, at_ms: float) -> float:
        """Return how long it takes until ``at_ms`` is due; only while it is not paused."""
        return self._since_s + (at_ms - self._from_ms) / 1000 / self.speed - now_s

    def hold(self, now_s: float, at_ms: int) -> None:
        """Go on from ``at_ms`` now: after a jump, or when the computer could not follow."""
        self._since_s, self._from_ms = now_s, at_ms

    def pause(self, now_s: float, at_ms: int) -> None:
        self.hold(now_s, at_ms)
        self.paused = True

    def go(self, now_s: float) -> None:
        self._since_s, self.paused = now_s, False

    def set_speed(self, speed: float, now_s: float, at_ms: int) -> None:
        self.hold(now_s, at_ms)
        self.speed = speed
