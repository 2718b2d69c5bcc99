"""The state of the connection: connecting, live, reconnecting, over, or stale by heartbeat age."""

from typing import Final, Literal, TypeAlias

from exchange.units import MS_PER_SECOND
from tui.view.text import Line, clip, span

STALE_AFTER_MS: Final = 3 * MS_PER_SECOND
"""Three heartbeats missed: prices on screen may no longer be true."""

Phase: TypeAlias = Literal["connecting", "up", "lost", "over"]
Standing: TypeAlias = Literal["connecting", "live", "reconnecting", "over", "stale"]

SPINNER: Final = "◜◝◞◟"


class Connection:
    """Folds connection events and frame arrivals; times are local milliseconds."""

    def __init__(self) -> None:
        self.phase: Phase = "connecting"
        self.reason = ""
        self.heard_ms = 0

    def connected(self, now_ms: int) -> None:
        self.phase, self.reason, self.heard_ms = "up", "", now_ms

    def lost(self, reason: str, *, for_good: bool = False) -> None:
        """The connection broke; the client dials again by itself, unless it is ``for_good``."""
        self.phase, self.reason = "over" if for_good else "lost", reason

    def heard(self, now_ms: int) -> None:
        """Any frame proves that the exchange is there."""
        self.heard_ms = now_ms

    def standing(self, now_ms: int) -> Standing:
        if self.phase == "connecting":
            return "connecting"
        if self.phase == "lost":
            return "reconnecting"
        if self.phase == "over":
            return "over"
        return "stale" if now_ms - self.heard_ms > STALE_AFTER_MS else "live"

    def age_s(self, now_ms: int) -> int:
        """Return for how many whole seconds nothing was heard."""
        return max(0, now_ms - self.heard_ms) // MS_PER_SECOND


def badge(connection: Connection, now_ms: int) -> Line:
    """Return the few cells at the right end of the head line."""
    standing = connection.standing(now_ms)
    if standing == "live":
        return (span("● ", "accent"), span("live ", "dim"))
    if standing == "connecting":
        return (span(f"{_spin(now_ms)} connecting ", "warn"),)
    age = connection.age_s(now_ms)
    if standing in ("stale", "over"):
        return (span(f" STALE {age} s ", "warn_ink!", "warn"),)
    return (span(f" STALE {age} s ", "warn_ink!", "warn"), span(f" {_spin(now_ms)} ", "warn"))


def stale_text(connection: Connection, now_ms: int) -> str:
    """Return for how long what is shown may be old and why, "" while it is not."""
    if connection.standing(now_ms) in ("live", "connecting"):
        return ""
    return f"STALE {connection.age_s(now_ms)} s: {explanation(connection, now_ms)}"


def explanation(connection: Connection, now_ms: int) -> str:
    """Return for the message line why orders are held back, "" while all is well."""
    match connection.standing(now_ms):
        case "live":
            return ""
        case "connecting":
            return "connecting to the exchange"
        case "stale":
            silent = f"nothing heard for {connection.age_s(now_ms)} s"
            return f"{silent}; orders are held back until it is live"
        case "over":
            why = clip(connection.reason, 40)
            return f"the exchange no longer lets this key in ({why}); nothing is sent any more"
        case "reconnecting":
            why = f" ({clip(connection.reason, 40)})" if connection.reason else ""
            return f"connection lost{why}; dialing again, orders are held back"


def _spin(now_ms: int) -> str:
    return SPINNER[now_ms // 250 % len(SPINNER)]
