"""F7, the Library: stored VMs of the Manager, and the account's images at the exchange."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from msgspec import ValidationError
from msgspec.structs import replace

from exchange.wire.requests import ImageBuy, ImageDelete, ImageList
from exchange.wire.types import Request
from manager.control.frames import VmRow
from manager.control.requests import ControlRequest, VmDelete, VmImport, VmUpload, VmVerify
from tui.actions import Action
from tui.screens.base import Deed
from tui.screens.form import fill
from tui.screens.lists import ListScreen
from tui.shared import Shared
from tui.view import library_forms as forms
from tui.view.connection import explanation
from tui.view.entry import Fault
from tui.view.form import Form, Values
from tui.view.library_rows import (
    IMAGE_COLUMNS,
    STORED_COLUMNS,
    Doing,
    StoredImage,
    image_rows,
    images_of,
    stored_rows,
)
from tui.view.offer_rows import known_of
from tui.view.reading import Reading
from tui.view.table import ListView, Row

T = TypeVar("T")
NO_MANAGER: Final = "No Manager runs here: headroom manager init, then headroom manager run"
EMPTY: Final = "nothing yet: i imports an image"
STORED: Final = "STORED VMS"
IMAGES: Final = "IMAGES AT THE EXCHANGE"


class LibraryScreen(ListScreen):
    """Acts are about the row the cursor is on, in the list that has the keys."""

    NEEDS = "key"
    LISTS = ("stored", "images")
    ACTIONS = (
        Action(
            "library_import", "Import", "Import an image as a stored VM.", "Trade", ("i",), "Import"
        ),
        Action(
            "library_edit",
            "Edit settings",
            "Change how a stored VM is started.",
            "Trade",
            ("e",),
            "Edit",
        ),
        Action(
            "library_verify",
            "Verify",
            "Compare a stored VM with its hash.",
            "Trade",
            ("v",),
        ),
        Action(
            "library_upload",
            "Upload",
            "Put a stored VM into the exchange's store.",
            "Trade",
            ("u",),
        ),
        Action(
            "library_delete",
            "Delete",
            "Delete a stored VM, or give an image up, after a question.",
            "Trade",
            ("x",),
            "Delete",
        ),
        Action(
            "library_buy",
            "Buy an image",
            "Buy the image here, or one by its digest.",
            "Trade",
            ("b",),
        ),
        Action(
            "library_offer", "Sell copies", "Sell copies of an image of yours.", "Trade", ("s",)
        ),
    )

    def __init__(self, shared: Shared, name: str) -> None:
        super().__init__(shared, name)
        self.images: dict[str, StoredImage] = {}
        self.doing: dict[str, Doing] = {}
        self._reading = Reading()
        self._trouble = ""
        self._stored: list[tuple[str, bool]] = []
        """The images of the stored VMs, and whether each is being uploaded."""

    # --- lists ---

    def list_view(self, name: str) -> ListView:
        if name == "stored":
            return ListView(STORED, STORED_COLUMNS, NO_MANAGER)
        return ListView(IMAGES, IMAGE_COLUMNS, "none: u uploads a stored VM, b buys an image")

    def rows(self, name: str) -> Sequence[Row]:
        library = self.shared.farm.library
        if name == "images":
            return image_rows(self.images, library)
        return stored_rows(library, self.images, self.doing, self.shared.now_ms())

    def opened(self, row: Row) -> None:
        if isinstance(row.data, VmRow) and not self.shared.read_only:
            self._edit()

    def draw(self) -> None:
        shared = self.shared
        farm = shared.farm
        old = " · OLD, no Manager answers" if farm.phase == "lost" else ""
        self.views["stored"].title = STORED + old
        self.views["stored"].empty = EMPTY if farm.present else NO_MANAGER
        stale = explanation(shared.model.connection, shared.now_ms())
        self.views["images"].title = IMAGES + (
            " · STALE" if stale or not self._reading.known else ""
        )
        super().draw()

    def seen(self) -> None:
        self._reading.changed()

    def farm_changed(self) -> None:
        """An image may be at the exchange now that was not: whoever imported or uploaded it."""
        super().farm_changed()
        library = self.shared.farm.library
        stored = [(vm.image, vm.upload_percent is not None) for vm in library]
        if stored != self._stored:
            self._stored = stored
            self._reading.changed()

    def pulse(self) -> None:
        """Read the images when they are not known, also after the exchange was away."""
        super().pulse()
        if self.shared.model.connection.phase != "up":
            self._reading.changed()
        elif self.on_top and self.shared.session.who and self._reading.due(self.shared.now_ms()):
            self._reading.begins()
            self.run_deed(self._read_images)

    async def _read_images(self) -> None:
        trouble = await self._take_images()
        self._reading.ended(not trouble, self.shared.now_ms())
        if trouble and trouble != self._trouble:
            self.shared.tell("refusal", trouble, "warn")
        self._trouble = trouble

    async def _take_images(self) -> str:
        """Ask for the images; returns why they are not had, "" when they are."""
        own = await self.shared.read(ImageList(req_id=1))
        for_sale = await self.shared.read(ImageList(req_id=1, for_sale=True)) if own.ok else own
        if not for_sale.ok:
            return f"The images cannot be read: {for_sale.why}"
        try:
            self.images = images_of(own.result, for_sale.result)
        except (ValidationError, KeyError, TypeError):
            return "The exchange's list of images cannot be read"
        return ""

    # --- acts ---

    def deeds(self) -> dict[str, Deed]:
        return {
            "library_import": self._import,
            "library_edit": self._edit,
            "library_verify": self._verify,
            "library_upload": self._upload,
            "library_delete": self._delete,
            "library_buy": self._choose,
            "library_offer": self._offer,
        }

    @property
    def vm(self) -> VmRow | None:
        """The stored VM that the cursor is on; None says so."""
        row = self.views["stored"].row if self.focus_on == "stored" else None
        if row is not None and isinstance(row.data, VmRow):
            return row.data
        self.shared.tell("refusal", "Go to a stored VM first.")
        return None

    def _sizes(self) -> tuple[str, ...]:
        return known_of(self.shared.model.instruments.values()).classes

    def _import(self) -> None:
        if self.shared.farm.phase != "up":
            self.shared.tell("refusal", NO_MANAGER, "warn")
            return
        backends = [vm.backend for vm in self.shared.farm.library if vm.backend]
        form = forms.importing(self._sizes(), (backends or [""])[0])

        def send(request: VmImport) -> None:
            path = Path(request.path).expanduser().absolute()
            whole = replace(request, path=str(path))
            self._long(whole.vm, "importing", whole, f"{whole.vm} is in the library")

        self._fill(form, forms.read_import, send)

    def _edit(self) -> None:
        if (vm := self.vm) is None:
            return
        self._fill(
            forms.editing(vm, self._sizes()),
            lambda values: forms.read_edit(vm, values),
            lambda request: self._manage(request, f"{vm.name} has new settings"),
        )

    def _verify(self) -> None:
        if (vm := self.vm) is not None:
            done = f"{vm.name} is what was imported"
            self._long(vm.name, "verifying", VmVerify(req_id=1, vm=vm.name), done)

    def _upload(self) -> None:
        if (vm := self.vm) is not None:
            done = f"{vm.name} is in the exchange's store"
            self._long(vm.name, "uploading", VmUpload(req_id=1, vm=vm.name), done)

    def _delete(self) -> None:
        if self.focus_on == "images":
            self._give_up()
        elif (vm := self.vm) is not None:
            more = "Its files and its table in manager.toml go; what the exchange keeps stays."
            request = VmDelete(req_id=1, vm=vm.name)
            done = f"{vm.name} is deleted"
            self.ask(f"Delete {vm.name}?", lambda: self._manage(request, done), more)

    def _image(self) -> StoredImage | None:
        """Return the image of the cursor's row, also of a stored VM's."""
        data = self.row.data if self.row is not None else None
        found = self.images.get(data.image) if isinstance(data, VmRow) else data
        if isinstance(found, StoredImage) and found.usable:
            return found
        self.shared.tell("refusal", "Go to an image of yours at the exchange first.")
        return None

    def _give_up(self) -> None:
        if (image := self._image()) is not None:
            more = "You can no longer start it; what runs of it goes on. Others keep theirs."
            request = ImageDelete(req_id=1, sha256=image.sha256)
            done = f"Gave up image {image.sha256[:12]}"
            self.ask(f"Give up {image.sha256[:12]}?", lambda: self._trade(request, done), more)

    def _offer(self) -> None:
        if (image := self._image()) is not None:
            self._fill(
                forms.offering(image.sha256),
                lambda values: forms.read_offer(image.sha256, values),
                lambda request: self._trade(request, f"Copies are for sale: {request.title}"),
            )

    def _choose(self) -> None:
        row = self.row if self.focus_on == "images" else None
        image = row.data if row is not None else None
        others = image if isinstance(image, StoredImage) and not image.usable else None
        form = forms.buying(self.images, others.sha256 if others else "")
        self._fill(form, forms.read_buy, self._buy)

    def _buy(self, request: ImageBuy) -> None:
        self.ask(
            f"Buy image {request.sha256[:12]}?",
            lambda: self._trade(request, f"Bought image {request.sha256[:12]}"),
            forms.what_it_costs(self.images, request),
        )

    # --- asking ---

    def _fill(
        self, form: Form, read: Callable[[Values], T | Fault], then: Callable[[T], None]
    ) -> None:
        def filled(values: Values) -> None:
            found = read(values)
            if not isinstance(found, Fault):
                then(found)

        fill(self, form, filled)

    def _manage(self, request: ControlRequest, done: str) -> None:
        self.run_deed(lambda: self._managed(request, done))

    async def _managed(self, request: ControlRequest, done: str) -> None:
        await self.shared.manage(request, done)
        self._reading.changed()

    def _long(self, name: str, what: str, request: ControlRequest, done: str) -> None:
        """Ask for what takes its time; the list shows it until it is done."""
        if name in self.doing:
            self.shared.tell("refusal", f"{name}: {self.doing[name].what} already")
            return
        self.doing[name] = Doing(what, self.shared.now_ms())

        async def act() -> None:
            try:
                await self._managed(request, done)
            finally:
                del self.doing[name]

        self.run_deed(act)

    def _trade(self, request: Request, done: str) -> None:
        async def act() -> None:
            await self.shared.trade(request, done)
            self._reading.changed()

        self.run_deed(act)
