"""Mount the volumes that belong to an administrator: settings and state, by their labels. Shell."""

import subprocess
from pathlib import Path

LABELS = Path("/dev/disk/by-label")
SETTINGS_LABEL = "HEADROOM"
STATE_LABEL = "headroom-state"
SETTINGS_AT = Path("/run/headroom/volume")
MOUNT_LIMIT_S = 60


def settings_folder() -> Path:
    """Return where the volume with settings is mounted; an empty folder when there is none."""
    SETTINGS_AT.mkdir(parents=True, exist_ok=True)
    if (LABELS / SETTINGS_LABEL).exists() and not SETTINGS_AT.is_mount():
        _mount(SETTINGS_LABEL, SETTINGS_AT, "ro")
    return SETTINGS_AT


def mount_state(folder: Path) -> bool:
    """Mount the partition that keeps state, if there is one, and tell whether it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_mount():
        return True
    return (LABELS / STATE_LABEL).exists() and _mount(STATE_LABEL, folder, "rw")


def _mount(label: str, folder: Path, how: str) -> bool:
    command = ["mount", "-o", f"{how},nosuid,nodev", str(LABELS / label), str(folder)]
    done = subprocess.run(command, check=False, timeout=MOUNT_LIMIT_S)
    return done.returncode == 0
