"""The text for a guest out of a file that a person named: taken whole, or one line says why not."""

from pathlib import Path

import pytest

from exchange.wire.requests import VmStart
from exchange.wire.types import MAX_USER_DATA_CHARS
from tests import bad_paths
from tests.bad_paths import Bad, as_anybody
from tests.tui.market import lease
from tests.tui.view.test_lease_rows import DIGESTS
from tui.user_data import user_data
from tui.view.entry import Fault
from tui.view.lease_acts import Images, start_form, started


@pytest.mark.parametrize("bad", bad_paths.NO_TEXT)
def test_what_is_no_text_is_named_in_one_line(bad: Bad, tmp_path: Path) -> None:
    path = bad(tmp_path)
    with as_anybody():
        read = user_data(str(path))
    assert isinstance(read, Fault)
    assert str(path) in read.text and "\n" not in read.text


@pytest.mark.parametrize("named", ["~nobody-of-this-name/x", "a\0b", "/dev/zero", "."])
def test_what_is_no_file_is_refused(named: str) -> None:
    assert isinstance(user_data(named), Fault)


def test_the_longest_text_is_taken_and_no_longer_one(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_text("ä" * MAX_USER_DATA_CHARS)
    assert user_data(str(path)) == "ä" * MAX_USER_DATA_CHARS
    path.write_text("ä" * (MAX_USER_DATA_CHARS + 1))
    assert user_data(str(path)) == Fault(f"{path}: longer than 16,384 characters")


def test_a_vm_starts_with_the_text_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "web.txt").write_text("role=web")
    images = Images((), DIGESTS)
    values = {"image": DIGESTS[0], "name": "a", "ports": "", "allow": "", "user_data": "~/web.txt"}
    request = started(lease(1), images, values, user_data)
    assert isinstance(request, VmStart)
    assert request.user_data == "role=web"
    form = start_form(lease(1), images, "a", user_data)
    assert form.check(values).text.endswith("; user data of 8 characters.")
    gone = form.check(values | {"user_data": "~/gone"})
    assert gone == (False, f"user data: {tmp_path}/gone: No such file or directory")
