"""What starting, stopping, releasing and recalling ask, and what a yes sends. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from msgspec import ValidationError, convert, to_builtins

from exchange.units import MS_PER_HOUR, MS_PER_SECOND, ceil_div, coming_moment_ms, count_text
from exchange.wire.frames import LeaseUpdate, VmUpdate
from exchange.wire.requests import LeaseRecall, LeaseRelease, VmStart
from exchange.wire.terms import MINIMUM_SPOT_MS, RECALL_NOTICE_MS, bond_divisor
from exchange.wire.types import SPOT
from manager.control.frames import VmRow
from tui.view.entry import Fault, read_qty
from tui.view.form import Checked, Form, FormField, Values
from tui.view.lease_rows import is_spot
from tui.view.releasing import least_owed_ucr
from tui.view.text import clock_text, money_text, span_text

NAMED_MAX: Final = 4
_PORTS: Final = re.compile(r"[0-9]{1,5}(,[0-9]{1,5})*")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
SHORT_DIGEST: Final = 12


Reader: TypeAlias = Callable[[str], str | Fault]
"""Returns the text of the file that a person named, or why it cannot be taken."""


class Ending(NamedTuple):
    """What a release or a recall comes to: the question, what it does, the request."""

    question: str
    more: str
    request: LeaseRelease | LeaseRecall


# --- release and recall ---


def release_form(lease: LeaseUpdate, vms: Sequence[VmUpdate], silent: bool, now_ms: int) -> Form:
    """Return the form that asks how many units, and when."""
    title = f"Release {lease.lease_id}: {count_text(lease.units, 'unit')} of {lease.symbol}"
    fields = (
        FormField("units", "units", str(lease.units)),
        FormField("at", "when", "", ("", "+10m", "+1h", "+8h")),
    )

    def check(values: Values) -> Checked:
        found = released(lease, vms, silent, values, now_ms)
        return Checked(False, found) if isinstance(found, str) else Checked(True, found.more)

    return Form(title, fields, check)


def released(
    lease: LeaseUpdate, vms: Iterable[VmUpdate], silent: bool, values: Values, now_ms: int
) -> Ending | str:
    """Return the question, or why the values cannot be taken."""
    units, at_ms = _units(lease, values["units"]), when_ms(values["at"], now_ms)
    if isinstance(units, Fault):
        return units.text
    if isinstance(at_ms, Fault):
        return at_ms.text
    running = [vm for vm in vms if vm.lease_id == lease.lease_id]
    all_of_it = units == lease.units
    free = lease.units - len(running)
    if not all_of_it and at_ms is None and units > free:
        return f"VMs run on {len(running)} of {count_text(lease.units, 'unit')}: stop some first"
    when = f" in {span_text(at_ms - now_ms)}, at {clock_text(at_ms)} UTC" if at_ms else " now"
    question = f"Release {_of(units, lease)} {lease.lease_id}{when}?"
    more = f"{_dying(running, all_of_it, at_ms is not None)} {_owed(lease, units, silent)}"
    request = LeaseRelease(
        req_id=1, lease_id=lease.lease_id, units=None if all_of_it else units, at_ms=at_ms
    )
    return Ending(question, more, request)


def recall_form(lease: LeaseUpdate, now_ms: int) -> Form:
    """Return the form that asks how many units the seller takes back."""
    title = f"Recall {lease.lease_id}: {count_text(lease.units, 'unit')} of {lease.symbol}"

    def check(values: Values) -> Checked:
        found = recalled(lease, values, now_ms)
        return Checked(False, found) if isinstance(found, str) else Checked(True, found.more)

    return Form(title, (FormField("units", "units", str(lease.units)),), check)


def recalled(lease: LeaseUpdate, values: Values, now_ms: int) -> Ending | str:
    """Return the question before a recall (rules.md 5.7), or why the values cannot be taken."""
    units = _units(lease, values["units"])
    if isinstance(units, Fault):
        return units.text
    notice = RECALL_NOTICE_MS // MS_PER_SECOND
    bond = units * (lease.price_ucr // bond_divisor(SPOT))
    left_ms = lease.start_ms + MS_PER_HOUR - now_ms
    paid = f"It is in its first hour: the bond of {money_text(bond)} goes to the buyer."
    cost = paid if left_ms > 0 else "Its first hour is over: no bond is paid."
    more = f"They end in {notice} s and take no new spot ask for 10 minutes. {cost}"
    request = LeaseRecall(
        req_id=1, lease_id=lease.lease_id, units=None if units == lease.units else units
    )
    return Ending(f"Recall {_of(units, lease)} {lease.lease_id}?", more, request)


def _units(lease: LeaseUpdate, text: str) -> int | Fault:
    units = read_qty(text)
    if isinstance(units, int) and units > lease.units:
        return Fault(f"the lease has {count_text(lease.units, 'unit')}")
    return units


def when_ms(text: str, now_ms: int) -> int | Fault | None:
    """Return the moment that ``+2h30m`` or ``20:00`` (UTC, the next one) names, None for now."""
    if not text:
        return None
    at_ms = coming_moment_ms(text, now_ms)
    if at_ms is not None:
        return at_ms if at_ms > now_ms else None
    return Fault("when: nothing for now, +2h30m or 20:00 (UTC)")


def _of(units: int, lease: LeaseUpdate) -> str:
    return "all of" if units == lease.units else f"{units:,} of {lease.units:,} units of"


def _dying(running: Sequence[VmUpdate], all_of_it: bool, later: bool) -> str:
    if not running:
        return "No VM runs on it."
    if not all_of_it:
        return "If too few units are free then, the newest VMs die." if later else "No VM dies."
    names = ", ".join(vm.name for vm in running[:NAMED_MAX])
    more = f" and {len(running) - NAMED_MAX} more" if len(running) > NAMED_MAX else ""
    return f"Kills {count_text(len(running), 'VM')}: {names}{more}."


def _owed(lease: LeaseUpdate, units: int, silent: bool) -> str:
    """Return what stays owed (rules.md 5.4)."""
    if not is_spot(lease):
        if silent:
            return "What was delivered is owed."
        return f"The window's {money_text(least_owed_ucr(lease, silent))} stay owed."
    if units == lease.units:
        return f"Owed at least {money_text(least_owed_ucr(lease, silent))} in all."
    least = 0 if silent else ceil_div(units * lease.price_ucr * MINIMUM_SPOT_MS, MS_PER_HOUR)
    return f"They owe at least {money_text(least)}; the others go on."


# --- VMs ---


class Images(NamedTuple):
    """What can be started: stored VMs of the Manager's library, and the account's images."""

    stored: tuple[VmRow, ...] = ()
    digests: tuple[str, ...] = ()

    def choices(self) -> tuple[str, ...]:
        """Return stored VMs by name, then images by the beginning of their SHA-256."""
        names = [row.name for row in self.stored if row.image]
        known = {row.image for row in self.stored}
        others = [digest[:SHORT_DIGEST] for digest in self.digests if digest not in known]
        return (*names, *others)

    def find(self, text: str) -> tuple[str, list[int]] | Fault:
        """Return the SHA-256 and the ports that ``text`` names: a stored VM, or a digest."""
        for row in self.stored:
            if row.name == text:
                return (row.image, row.ports) if row.image else Fault(f"{text} is not uploaded yet")
        if _DIGEST.fullmatch(text):
            return text, []
        hits = [digest for digest in self.digests if text and digest.startswith(text)]
        if len(hits) == 1:
            return hits[0], []
        return Fault("image: a stored VM, or the SHA-256 of an image of yours or its beginning")


def start_form(lease: LeaseUpdate, images: Images, name: str, read: Reader) -> Form:
    """Return the form that asks what to start on a lease; ``name`` is made up."""
    choices = images.choices()
    fields = (
        FormField("image", "image", choices[0] if choices else "", choices),
        FormField("name", "name", name),
        FormField("ports", "ports", ""),
        FormField("allow", "allow from", ""),
        FormField("user_data", "user data", "", hint="a text file for the guest; no secrets"),
    )
    title = f"Start a VM on {lease.lease_id}, {lease.symbol}"

    def check(values: Values) -> Checked:
        found = started(lease, images, values, read)
        return Checked(False, found) if isinstance(found, str) else Checked(True, _meaning(found))

    return Form(title, fields, check)


def started(lease: LeaseUpdate, images: Images, values: Values, read: Reader) -> VmStart | str:
    """Return the request, or why there is none; the fields' bounds are the exchange's."""
    text = read(values["user_data"]) if values["user_data"] else ""
    if isinstance(text, Fault):
        return f"user data: {text.text}"
    found = images.find(values["image"])
    if isinstance(found, Fault):
        return found.text
    digest, ports = found
    if values["ports"]:
        if not _PORTS.fullmatch(values["ports"]):
            return "ports: such as 80,443; nothing takes the stored VM's"
        ports = [int(each) for each in values["ports"].split(",")]
    allowed = values["allow"].replace(",", " ").split()
    request = VmStart(
        req_id=1,
        lease_id=lease.lease_id,
        name=values["name"],
        image=digest,
        ports=list(ports) or None,
        allow_from=allowed or None,
        user_data=text or None,
    )
    try:
        return convert(to_builtins(request), VmStart)
    except ValidationError as error:
        return str(error).replace("`", "'")


def _meaning(request: VmStart) -> str:
    ports = ", ".join(map(str, request.ports or [])) or "none"
    allowed = ", ".join(request.allow_from or []) or "everywhere"
    data = f"; user data of {count_text(len(request.user_data or ''), 'character')}"
    told = f"{request.image[:SHORT_DIGEST]}…; ports {ports}, reached from {allowed}"
    return told + (data if request.user_data else "") + "."


def full(lease: LeaseUpdate, vms: Iterable[VmUpdate]) -> bool:
    """Tell whether every unit of a lease runs a VM."""
    return sum(vm.lease_id == lease.lease_id for vm in vms) >= lease.units


def stop_text(vm: VmUpdate, lease: LeaseUpdate | None) -> str:
    """Return what stopping a VM does."""
    price = f", {money_text(lease.price_ucr)} an hour" if lease is not None else ""
    return (
        f"Its guest is asked to shut down, then it ends; what it holds is lost. "
        f"Its unit of {vm.lease_id} stays leased{price}."
    )
