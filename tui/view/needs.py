"""What a screen needs before it can show anything, and the command that gives it. Pure."""

from typing import Literal, TypeAlias

from tui.view.farm import Farm

Needs: TypeAlias = Literal["", "key", "manager"]


def lack(needs: Needs, account: str, farm: Farm, manager_path: str) -> list[str]:
    """Return the lines that say what is missing, nothing when all is there."""
    if needs == "key" and not account:
        return [
            "This screen shows your account: it needs a key.",
            "",
            "headroom key new shop.pem      makes one; the operator admits its public key",
            "headroom tui --key shop.pem    logs in with it",
        ]
    if needs == "manager" and not farm.present:
        return [
            "This screen shows a Manager at work: none runs here.",
            "",
            "headroom manager init          writes a first manager.toml",
            "headroom manager run           runs it; this screen finds it by itself",
            "",
            f"It is looked for at {manager_path} (--control PATH).",
        ]
    return []
