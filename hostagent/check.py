"""What the doctor found out about one thing. Pure."""

from msgspec import Struct, field


class Check(Struct, frozen=True):
    """``required``: without it no VM runs. ``fix`` is empty when all is well; in JSON it is called
    ``mend``."""

    name: str
    ok: bool
    required: bool
    found: str
    fix: str = field(default="", name="mend")


def advice(name: str, found: str, fix: str = "") -> Check:
    """Return a check that stops no VM from running; it is not ok when there is something to fix."""
    return Check(name, not fix, False, found, fix)
