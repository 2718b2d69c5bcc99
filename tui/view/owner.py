"""What an owner does with servers, in words: tokens to enroll with, what the wizard needs. Pure."""

from collections.abc import Sequence
from typing import Final

from exchange.units import count_text
from tui.view.farm import STALE, Farm
from tui.view.form import Checked, Form, FormField, Values

SECONDS_PER_HOUR: Final = 3_600
USES_MAX: Final = 10_000
HOURS_MAX: Final = 30 * 24


NO_GROUP: Final = (
    "It is in no group, and the wizard sells by group: name it in hosts of a [[group]] "
    "of manager.toml, or put the cursor on one."
)


def no_wizard(farm: Farm) -> str:
    """Return why there is no wizard now."""
    if farm.phase == "lost":
        return f"The wizard needs the Manager: {STALE}."
    if farm.phase == "absent":
        return "The wizard needs a Manager, which sells by group: headroom manager run."
    return 'manager.toml has no [[group]] yet: one with a name and hosts = ["r7-*"] begins it.'


def token_form(zones: Sequence[str]) -> Form:
    """Ask for the zone, how many servers it lets in and for how long."""
    return Form(
        "A TOKEN lets servers of yours enroll",
        (
            FormField("zone", "zone", zones[0] if zones else "", tuple(zones)),
            FormField("uses", "servers", "1"),
            FormField("hours", "for hours", "1"),
        ),
        lambda values: token_checked(values, zones),
    )


def token_checked(values: Values, zones: Sequence[str]) -> Checked:
    if values["zone"] not in zones:
        return Checked(False, f"There is no zone {values['zone']!r}; there are {', '.join(zones)}")
    for name, most in (("uses", USES_MAX), ("hours", HOURS_MAX)):
        text = values[name]
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
        if not 1 <= number <= most:
            word = "servers" if name == "uses" else "hours"
            return Checked(False, f"{text or 'nothing'} is no number of {word} from 1 to {most:,}")
    uses, hours = int(values["uses"]), int(values["hours"])
    waits = "it is let in at once" if uses == 1 else "each waits until you approve it"
    return Checked(
        True, f"{count_text(uses, 'server')} within {count_text(hours, 'hour')}; {waits}"
    )


def token_lines(url: str, secret: str, uses: int, hours: int) -> tuple[str, str]:
    """Return the line to type on a server, and what becomes of it."""
    where = f"--url {url} " if url else ""
    line = f"HEADROOM_TOKEN={secret} headroom host enroll {where}--name NAME --key host.pem"
    then = "then headroom host run" if uses == 1 else "then approve it here, and headroom host run"
    return line, f"On each server, {then}. It works for {count_text(hours, 'hour')}."
