"""The scenarios that travel with Headroom: found by name, from any folder. Shell."""

import os
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / "scenarios"
"""Beside the packages, in a checkout as where they are installed."""


def shipped() -> list[Path]:
    """Return the files of the shipped scenarios, by name."""
    return sorted(FOLDER.glob("*.toml"))


def found(named: Path) -> Path:
    """Return the file that somebody means: one of hers, or the shipped one of that name."""
    if os.path.exists(named) or named.parent != Path("."):
        return named
    wanted = named.name.removesuffix(".toml")
    return next((path for path in shipped() if path.stem == wanted), named)
