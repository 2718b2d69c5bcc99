"""Where the control socket is. Shell."""

import os
from pathlib import Path

NAME = "manager.sock"


def default_path() -> Path:
    """Return ``$XDG_RUNTIME_DIR/headroom/manager.sock``, else one under the state directory."""
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "headroom" / NAME
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "headroom" / NAME
