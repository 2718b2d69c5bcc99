"""The terminal's driver in a browser: Textual's, which draws again and ends with its pipe.

`tui/web/session.py` starts the process with this driver and talks to it over its standard input
and output.
"""

import os
import threading
from typing import Any, Final

from textual.drivers.web_driver import WebDriver

GRACE_S: Final = 3.0
"""What is left to a terminal whose server is gone."""
EXIT_ORPHANED: Final = 143
MODES: Final = "\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h\x1b[?2004h"
"""What Textual tells a terminal at its start: its other screen, no cursor, mouse, pasted text."""


class BrowserDriver(WebDriver):
    """A page that is loaded again finds the terminal as it was (packet ``attach``)."""

    def on_meta(self, packet_type: str, payload: dict[str, Any]) -> None:
        if packet_type != "attach":
            super().on_meta(packet_type, payload)
            return
        self.write(MODES)
        super().on_meta("resize", payload)
        self._app.call_later(self._draw_again)

    def _draw_again(self) -> None:
        for screen in self._app.screen_stack:
            screen.refresh(layout=True)

    def run_input_thread(self) -> None:
        super().run_input_thread()
        if self.exit_event.is_set():
            return
        # The pipe is closed: the server is gone. Leave as one should, or at the latest after this.
        last = threading.Timer(GRACE_S, os._exit, (EXIT_ORPHANED,))
        last.daemon = True
        last.start()
        super().on_meta("quit", {})
