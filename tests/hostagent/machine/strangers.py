"""Waits for the end of processes that are nobody's children here."""

import time
from pathlib import Path

WAIT_S = 20.0


def ended(pid: int) -> bool:
    """Wait for the end of a process that is nobody's child here."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False
