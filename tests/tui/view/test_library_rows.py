"""The Library's pure part: rows, sizes, and what the forms take and refuse."""

import pytest

from exchange.wire.requests import ImageBuy, ImageOffer
from manager.control.frames import VmRow
from manager.control.requests import VmImport, VmSet, VmSettings
from tui.view import library_forms as forms
from tui.view.entry import Fault
from tui.view.library_rows import (
    Doing,
    StoredImage,
    image_rows,
    images_of,
    size_text,
    stored_rows,
)

SHA = "ab" * 32
WEB = VmRow("web", "small", SHA, [80, 443], "/healthz", "farm", 2)
IMAGES = images_of(
    {"images": [{"sha256": SHA, "size": 4096, "format": "raw", "new": 1}]}, {"for_sale": []}
)
VALUES = {
    "name": "api",
    "path": "~/api.qcow2",
    "class": "small",
    "ports": "80, 443",
    "health": "/up",
    "backend": "farm",
}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 * 2**20, "1.5 GiB"),
        (2**50, "1024.0 TiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


def test_a_stored_vm_says_where_it_is_and_what_it_waits_for() -> None:
    idle = VmRow("old", "large", "cd" * 32)
    doing = {"web": Doing("verifying", 1_000), "new": Doing("importing", 2_000)}
    rows = stored_rows([WEB, idle], IMAGES, doing, 14_000)
    assert [[cell.text for cell in row.cells] for row in rows] == [
        ["new", "–", "importing 12 s", *["–"] * 7],
        [
            *("web", "small", "verifying 13 s", "4.0 KiB", "raw", "80 443", "farm", "/healthz"),
            *("here, in the store", SHA[:12]),
        ],
        ["old", "large", "idle", "–", "–", "–", "–", "–", "here only", "cd" * 6],
    ]
    assert stored_rows([WEB], IMAGES, {}, 0)[0].cells[2].text == "runs on 2 units"


def test_an_image_names_the_stored_vms_made_of_it() -> None:
    other = StoredImage("ef" * 32, 1, "qcow2")
    rows = image_rows(IMAGES | {other.sha256: other}, [WEB])
    assert [(row.key, row.cells[3].text) for row in rows] == [(SHA, "web"), (other.sha256, "–")]


def test_an_import_is_as_typed() -> None:
    settings = VmSettings(vm_class="small", ports=[80, 443], health="/up", backend="farm")
    assert forms.read_import(VALUES) == VmImport(
        req_id=1, vm="api", path="~/api.qcow2", settings=settings
    )
    few = VALUES | {"ports": "", "health": "", "backend": "", "class": ""}
    assert forms.read_import(few) == VmImport(req_id=1, vm="api", path="~/api.qcow2")


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"name": ""}, "an import needs a name"),
        ({"path": ""}, "an import needs a name"),
        ({"name": "my web"}, "name: expected"),
        ({"ports": "http"}, "ports: expected 'int', got 'str'"),
        ({"ports": "70000"}, "ports: expected"),
        ({"health": "up"}, "health: expected"),
    ],
)
def test_a_value_that_cannot_be_taken_is_named(changed: dict[str, str], fault: str) -> None:
    found = forms.read_import(VALUES | changed)
    assert isinstance(found, Fault) and found.text.startswith(fault)
    checked = forms.importing(("small",), "farm").check(VALUES | changed)
    assert checked == (False, found.text)


def test_an_edit_sends_what_was_changed() -> None:
    form = forms.editing(WEB, ("small", "large"))
    values = {field.name: field.value for field in form.fields}
    assert form.check(values) == (False, "nothing is changed yet")
    changed = values | {"health": "", "ports": "80"}
    assert forms.read_edit(WEB, changed) == VmSet(
        req_id=1, vm="web", settings=VmSettings(ports=[80], health="")
    )
    assert form.check(changed).ok


@pytest.mark.parametrize(
    ("price", "found"),
    [
        ("2.5", ImageOffer(req_id=1, sha256=SHA, title="Debian", price_ucr=2_500_000)),
        ("0", ImageOffer(req_id=1, sha256=SHA, title="Debian", price_ucr=0)),
        ("", Fault("what a copy costs is a number of credits, such as 2.50")),
        ("2,5", Fault("',' is in no number: digits, and one dot for decimals")),
    ],
)
def test_the_price_of_a_copy(price: str, found: ImageOffer | Fault) -> None:
    assert forms.read_offer(SHA, {"called": "Debian", "price": price}) == found


def test_a_title_is_needed_and_a_digest_is_one() -> None:
    fault = forms.read_offer(SHA, {"called": "", "price": "1"})
    assert isinstance(fault, Fault) and fault.text.startswith("title: expected")
    assert forms.read_buy({"sha256": SHA.upper()}) == ImageBuy(req_id=1, sha256=SHA)
    assert isinstance(forms.read_buy({"sha256": "ab"}), Fault)
    assert (
        forms.offering(SHA)
        .check({"called": "x", "price": "2.5"})
        .text.startswith("Everybody may buy a copy for 2.50")
    )
