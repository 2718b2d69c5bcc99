"""What the Library asks before it acts: forms, what their values mean, and the requests. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from msgspec import ValidationError, convert

from exchange.wire.requests import ImageBuy, ImageOffer
from manager.control.frames import VmRow
from manager.control.requests import VmImport, VmSet, VmSettings
from tui.view.entry import Fault, stray_fault
from tui.view.form import Checked, Form, FormField, Values
from tui.view.library_rows import PLACES, StoredImage
from tui.view.text import exact_price_text, parse_price_ucr

T = TypeVar("T")
SETTINGS: Final = ("class", "ports", "health", "backend")
LABELS: Final = {"vm": "name", "path": "image", "sha256": "sha-256"}
"""What the forms call a field of a request."""
COPIES: Final = "It is copied into the library; the Manager checks it as a host would."
NAME: Final = re.compile("[a-z_]+[0-9]*")
"""The names in a place such as ``$.settings.ports[...]``."""


def importing(classes: Sequence[str], backend: str) -> Form:
    """Return the form of an import; ``backend`` is what other stored VMs have."""
    first = "small" if "small" in classes else (list(classes) or ["small"])[0]
    fields = (
        FormField("name", "name"),
        FormField("path", "image"),
        FormField("class", "class", first, tuple(classes)),
        FormField("ports", "ports", "80"),
        FormField("health", "health"),
        FormField("backend", "backend", backend),
    )
    title = "Import an image: a bundle's folder, a qcow2 or a raw file of the Manager's machine"
    return Form(title, fields, _checker(read_import, lambda _: COPIES))


def read_import(values: Values) -> VmImport | Fault:
    """Return the request; its path is as typed."""
    if not values["name"] or not values["path"]:
        return Fault("an import needs a name, and the path of the image")
    settings = {name: value for name, value in _settings(values).items() if value}
    given = {"type": "vm.import", "req_id": 1, "vm": values["name"], "path": values["path"]}
    return _valid(given | {"settings": settings}, VmImport)


def editing(vm: VmRow, classes: Sequence[str]) -> Form:
    """Return the form of a stored VM's settings as they are."""
    fields = (
        FormField("class", "class", vm.vm_class, tuple(classes)),
        FormField("ports", "ports", ",".join(map(str, vm.ports))),
        FormField("health", "health", vm.health),
        FormField("backend", "backend", vm.backend),
    )
    said = "It holds from its next start on; what runs stays as it is."
    return Form(
        f"Settings of {vm.name}", fields, _checker(lambda v: read_edit(vm, v), lambda _: said)
    )


def read_edit(vm: VmRow, values: Values) -> VmSet | Fault:
    """Return the request with what was changed."""
    old = {
        "class": vm.vm_class,
        "ports": list(vm.ports),
        "health": vm.health,
        "backend": vm.backend,
    }
    given = _settings(values)
    changed = {name: given[name] for name in SETTINGS if given[name] != old[name]}
    if not changed:
        return Fault("nothing is changed yet")
    settings = _valid(changed, VmSettings)
    return (
        settings if isinstance(settings, Fault) else VmSet(req_id=1, vm=vm.name, settings=settings)
    )


def _settings(values: Values) -> dict[str, Any]:
    ports = [part.strip() for part in values["ports"].split(",") if part.strip()]
    return {
        "class": values["class"],
        "ports": [int(port) if port.isascii() and port.isdecimal() else port for port in ports],
        "health": values["health"],
        "backend": values["backend"],
    }


def offering(sha256: str) -> Form:
    """Return the form of selling copies of an image."""
    fields = (FormField("called", "title"), FormField("price", "a copy costs"))

    def says(offer: ImageOffer) -> str:
        return f"Everybody may buy a copy for {exact_price_text(offer.price_ucr, PLACES)}, once."

    title = f"Sell copies of {sha256[:12]}"
    return Form(title, fields, _checker(lambda values: read_offer(sha256, values), says))


def read_offer(sha256: str, values: Values) -> ImageOffer | Fault:
    """Return the request; a price that no number can be is refused whole."""
    price_ucr = parse_price_ucr(values["price"]) if values["price"] else None
    if fault := stray_fault(values["price"]):
        return fault
    if price_ucr is None:
        return Fault("what a copy costs is a number of credits, such as 2.50")
    given = {"type": "image.offer", "req_id": 1, "sha256": sha256, "title": values["called"]}
    return _valid(given | {"price_ucr": price_ucr}, ImageOffer)


def buying(images: Mapping[str, StoredImage], sha256: str = "") -> Form:
    """Return the form of buying an image by its digest."""
    field = FormField("sha256", "sha-256", sha256, hint="its digest, if it is not in the list")
    return Form(
        "Buy an image", (field,), _checker(read_buy, lambda request: what_it_costs(images, request))
    )


def what_it_costs(images: Mapping[str, StoredImage], request: ImageBuy) -> str:
    """Return what a copy costs, as far as it is known."""
    image = images.get(request.sha256)
    if image is not None and image.usable:
        return "You may run it already: nothing is paid."
    if image is None or image.price_ucr is None:
        return "It is paid once, at the lowest price that is asked for it, and then yours to run."
    price = exact_price_text(image.price_ucr, PLACES)
    return f"{image.title or 'A copy'}: {price} credits, paid once, and then yours to run."


def read_buy(values: Values) -> ImageBuy | Fault:
    return _valid({"type": "image.buy", "req_id": 1, "sha256": values["sha256"].lower()}, ImageBuy)


def _checker(
    read: Callable[[Values], T | Fault], says: Callable[[T], str]
) -> Callable[[Values], Checked]:
    def check(values: Values) -> Checked:
        found = read(values)
        if isinstance(found, Fault):
            return Checked(False, found.text)
        return Checked(True, says(found))

    return check


def _valid(given: dict[str, Any], kind: type[T]) -> T | Fault:
    """Return ``given`` as a request, or which value cannot be taken."""
    try:
        return convert(given, kind)
    except ValidationError as error:
        why, _, place = str(error).replace("`", "'").partition(" - at ")
        field = ([each for each in NAME.findall(place) if each != "settings"] or ["a value"])[-1]
        return Fault(f"{LABELS.get(field, field)}: {why[0].lower()}{why[1:]}")
