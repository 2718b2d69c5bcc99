"""Where the control socket is. Shell."""

import os
from pathlib import Path
from typing import Final

from manager.shell.service_unit import SOCKET

NAME: Final = "manager.sock"
SERVICE: Final = Path(SOCKET)


def default_path() -> Path:
    """Return ``$XDG_RUNTIME_DIR/headroom/manager.sock``, else one under the state directory."""
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "headroom" / NAME
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "headroom" / NAME


def found_path() -> Path:
    """Return the first of the user's own and the service's sockets that is there."""
    own = default_path()
    return own if own.exists() or not SERVICE.exists() else SERVICE
