"""Lines that say what just happened, at the right edge: few, alike ones as one, nothing covered."""

from typing import Final

from textual.notifications import SeverityLevel
from textual.screen import Screen

from tui.shared import Shared

TOAST_S: Final = 6
TOAST_CELLS: Final = 60
"""How wide a toast is at most."""


class ToastingScreen(Screen[None], inherit_bindings=False):
    """Below it: `toast_rows`."""

    def __init__(self, shared: Shared, name: str) -> None:
        super().__init__(name=name)
        self.shared = shared

    def toast_rows(self) -> int:
        """Return the rows at the bottom that toasts leave free."""
        return 1

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Say something for a while; the Log does not keep it."""
        self.add_toast(message, severity != "information", timeout or TOAST_S)
        self.show_toasts()

    def add_toast(self, text: str, warn: bool, for_s: float = TOAST_S) -> None:
        self.shared.toasts.add(text, warn, self.shared.now_ms(), round(for_s * 1000))

    def show_toasts(self) -> None:
        """Show all toasts anew if there is a new one: an older one may be part of it now."""
        toasts, now_ms = self.shared.toasts.shown, self.shared.now_ms()
        if toasts == self.shared.toasts_drawn:
            return
        self.shared.toasts_drawn = list(toasts)
        self.app.clear_notifications()
        for toast in toasts:
            left_s = (toast.ends_ms - now_ms) / 1000
            severity: SeverityLevel = "warning" if toast.warn else "information"
            super().notify(toast.words, severity=severity, timeout=left_s, markup=False)

    def place_toasts(self) -> None:
        """Keep free what is below them."""
        for rack in self.query("ToastRack"):
            rack.styles.margin = (0, 0, self.toast_rows(), 0)
