"""Stored VMs, and the images of the account in the exchange's store, as rows of lists. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct, convert

from exchange.units import count_text
from manager.control.frames import VmRow
from tui.view.table import Cell, Column, Row
from tui.view.text import exact_price_text, span_text

NOTHING: Final = Cell("–", "dim")
UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
SHA_CELLS: Final = 12
PLACES: Final = 4
STORED_COLUMNS: Final = (
    Column("name", 0, least=6),
    Column("class", 1, least=5),
    Column("state", 0, least=16),
    Column("size", 2, number=True),
    Column("format", 5, least=5),
    Column("ports", 3, least=4),
    Column("backend", 4, least=6),
    Column("health", 6, least=6),
    Column("stored", 1, least=18),
    Column("image", 7, least=SHA_CELLS),
)
IMAGE_COLUMNS: Final = (
    Column("sha-256", 0, least=SHA_CELLS),
    Column("format", 1, least=5),
    Column("size", 0, number=True),
    Column("stored VMs of it", 2, least=8),
    Column("a copy costs", 1, number=True),
    Column("for sale as", 3, least=10),
)


class StoredImage(Struct, frozen=True):
    """An image that the account may use, or may buy (not ``usable``): then it has a price."""

    sha256: str
    size: int
    format: str
    title: str = ""
    price_ucr: int | None = None
    usable: bool = True


class Doing(Struct, frozen=True):
    """Something that a stored VM waits for: ``what`` such as "importing"."""

    what: str
    since_ms: int


def images_of(own: Any, for_sale: Any) -> dict[str, StoredImage]:
    """Return the images of two ``image.list`` answers by digest: one's own, then others for sale.

    Raises `msgspec.ValidationError`.
    """
    rows = convert([*own["images"], *for_sale["for_sale"]], list[StoredImage])
    return {row.sha256: row for row in rows}


def stored_rows(
    library: Iterable[VmRow],
    images: Mapping[str, StoredImage],
    doing: Mapping[str, Doing],
    now_ms: int,
) -> list[Row]:
    """Return the stored VMs, and before them what is being imported."""
    vms = list(library)
    names = {vm.name for vm in vms}
    usable = {digest: image for digest, image in images.items() if image.usable}
    coming = [(name, act) for name, act in doing.items() if name not in names]
    return [
        *(_coming(name, act, now_ms) for name, act in coming),
        *(_stored(vm, usable.get(vm.image), doing.get(vm.name), now_ms) for vm in vms),
    ]


def _coming(name: str, act: Doing, now_ms: int) -> Row:
    blank = len(STORED_COLUMNS) - 3
    return Row(name, (Cell(name), NOTHING, Cell(_since(act, now_ms), "own!"), *(NOTHING,) * blank))


def _stored(vm: VmRow, image: StoredImage | None, act: Doing | None, now_ms: int) -> Row:
    runs = f"runs on {count_text(vm.units, 'unit')}" if vm.units else _idle(vm, now_ms)
    cells = (
        Cell(vm.name),
        Cell(vm.vm_class, "label"),
        _doing(vm, act, now_ms) or Cell(runs, "bid" if vm.units else "dim"),
        Cell(size_text(image.size), "text", image.size) if image else NOTHING,
        Cell(image.format, "label") if image else NOTHING,
        Cell(" ".join(map(str, vm.ports)) or "–", "label"),
        Cell(vm.backend or "–", "label"),
        Cell(vm.health or "–", "label"),
        Cell("here, in the store") if image else Cell("here only", "label"),
        Cell(vm.image[:SHA_CELLS] or "–", "dim"),
    )
    return Row(vm.name, cells, vm)


def _doing(vm: VmRow, act: Doing | None, now_ms: int) -> Cell | None:
    """Return how far an upload is, else since when something is done with it."""
    if vm.upload_percent is not None:
        left_s = vm.upload_left_s
        left = "" if left_s is None else f", {span_text(left_s * 1000)} left"
        return Cell(f"uploading {vm.upload_percent} %{left}", "own!")
    return Cell(_since(act, now_ms), "own!") if act else None


def _idle(vm: VmRow, now_ms: int) -> str:
    return "idle" if vm.used_ms is None else f"idle, used {span_text(now_ms - vm.used_ms)} ago"


def _since(act: Doing, now_ms: int) -> str:
    return f"{act.what} {span_text(now_ms - act.since_ms)}"


def image_rows(images: Mapping[str, StoredImage], library: Iterable[VmRow]) -> list[Row]:
    vms = list(library)
    rows = []
    for image in images.values():
        names = " ".join(vm.name for vm in vms if vm.image == image.sha256)
        cells = (
            Cell(image.sha256),
            Cell(image.format, "label"),
            Cell(size_text(image.size), "text", image.size),
            Cell(names or "–", "own!" if names else "dim"),
            _price(image),
            Cell(image.title or "–", "label" if image.title else "dim"),
        )
        rows.append(Row(image.sha256, cells, image))
    return rows


def _price(image: StoredImage) -> Cell:
    if image.price_ucr is None:
        return NOTHING
    text = exact_price_text(image.price_ucr, PLACES)
    return Cell(text, "dim" if image.usable else "ask", image.price_ucr)


def size_text(size: int) -> str:
    """Return bytes in the largest unit of which they are one at least: ``512 B``, ``1.5 GiB``."""
    amount, unit = size * 10, 0
    while amount >= 10 * 1024 and unit + 1 < len(UNITS):
        amount, unit = amount // 1024, unit + 1
    return f"{amount // 10}.{amount % 10} {UNITS[unit]}" if unit else f"{size} B"
