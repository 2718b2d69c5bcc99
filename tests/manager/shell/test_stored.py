"""The library: whole or not there, as a host would take it, and named by [[vm]]."""

import hashlib
import os
import resource
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from manager.control.requests import VmSettings
from manager.shell.cli import app
from manager.shell.config import ConfigError, read_config
from manager.shell.image_check import unchecked
from manager.shell.stored import (
    LibraryError,
    delete_vm,
    entry_names,
    import_vm,
    read_entry,
    verify_vm,
)
from tests.manager.core.test_qcow2 import header

RAW = b"\7" * 4096
NOTHING = VmSettings()
CONFIG = """
schema = 1
[exchange]
url = "wss://x.example/"
key = "k.pem"
[[vm]]
name = "web"
image = "library/web"
{more}
[load]
url = "http://127.0.0.1/"
unit_rps = 1
[[rule]]
name = "burst"
when = "util > 70"
do = "buy 1"
price_max = 0.1
zones = ["eu-de"]
"""


def raw(folder: Path, data: bytes = RAW) -> Path:
    path = folder / "disk.img"
    path.write_bytes(data)
    return path


def bundle(folder: Path) -> Path:
    path = folder / "guest"
    path.mkdir()
    (path / "vmlinuz").write_bytes(b"kernel")
    (path / "initrd.gz").write_bytes(b"disk")
    return path


def test_an_image_is_copied_hashed_and_described(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    settings = VmSettings(vm_class="medium", ports=[80, 443], health="/h", backend="farm")
    entry = import_vm(
        tmp_path / "library", "web", raw(tmp_path), settings, lambda *at: told.append(at)
    )
    assert entry.sha256 == hashlib.sha256(RAW).hexdigest()
    assert (entry.size, entry.format, told[-1]) == (4096, "raw", (4096, 4096))
    found = tomllib.loads((tmp_path / "library" / "web" / "vm.toml").read_text())
    assert (found["class"], found["ports"], found["imported_from"]) == (
        "medium",
        [80, 443],
        str(tmp_path / "disk.img"),
    )
    assert read_entry(tmp_path / "library" / "web") == entry == verify_vm(tmp_path / "library/web")


def test_a_bundle_is_packed_the_same_each_time(tmp_path: Path) -> None:
    folder = bundle(tmp_path)
    first = import_vm(tmp_path / "a", "web", folder, NOTHING)
    again = import_vm(tmp_path / "b", "web", folder, NOTHING)
    assert (first.sha256, first.format, first.file) == (again.sha256, "bundle", "bundle.tar")
    assert sorted(os.listdir(tmp_path / "a" / "web")) == ["bundle.tar", "vm.toml"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a raw disk"),
        (b"x" * 513, "not a raw disk"),
        (header(backing=104), "backing file"),
        (header(size=10**13), "out of bounds"),
        (header(size=10**12), "do not fit"),
    ],
)
def test_what_a_host_would_refuse_is_refused_and_leaves_nothing(
    tmp_path: Path, data: bytes, why: str
) -> None:
    with pytest.raises(LibraryError, match=why):
        import_vm(tmp_path / "library", "web", raw(tmp_path, data), NOTHING)
    assert os.listdir(tmp_path / "library") == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            """echo '{"format": "qcow2", "virtual-size": 512, "backing-filename": "x"}'""",
            "backing file",
        ),
        ("echo \"qemu-img: Could not open '$5': Image is corrupt\" >&2; exit 1", "is corrupt"),
        ("""echo '{"format": "qcow2", "virtual-size": 1073741824}'""", None),
    ],
)
def test_qemu_img_has_the_last_word_on_a_qcow2_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, why: str | None
) -> None:
    (tmp_path / "qemu-img").write_text(f"#!/bin/sh\n{said}\n")
    (tmp_path / "qemu-img").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    image, library = raw(tmp_path, header()), tmp_path / "library"
    if why is None:
        assert import_vm(library, "web", image, NOTHING).format == "qcow2"
        assert unchecked("qcow2") is None
        return
    with pytest.raises(LibraryError, match=why) as refused:
        import_vm(library, "web", image, NOTHING)
    assert str(refused.value).startswith(f"{image}: ") and "\n" not in str(refused.value)
    assert os.listdir(library) == []


def test_an_import_says_when_only_the_header_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    image = raw(tmp_path, header())
    words = ["vm", "import", "web", str(image), "--library", str(tmp_path / "library")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "qemu-img is not installed here: only the image's header was checked" in done.output
    assert unchecked("raw") is None


@pytest.mark.parametrize("source", [raw, bundle])
def test_a_library_without_room_is_named_and_nothing_is_left(
    source: Callable[[Path], Path], tmp_path: Path
) -> None:
    library, image = tmp_path / "library", source(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_024, hard))
    try:
        with pytest.raises(LibraryError, match=f"{library}: File too large"):
            import_vm(library, "web", image, NOTHING)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(library) == []


def test_an_import_takes_no_name_twice_and_names_what_is_missing(tmp_path: Path) -> None:
    library = tmp_path / "library"
    import_vm(library, "web", raw(tmp_path), NOTHING)
    with pytest.raises(LibraryError, match="is there already"):
        import_vm(library, "web", raw(tmp_path), NOTHING)
    with pytest.raises(LibraryError, match="No such file"):
        import_vm(library, "db", tmp_path / "nope", NOTHING)
    (tmp_path / "empty").mkdir()
    with pytest.raises(LibraryError, match="has no vmlinuz"):
        import_vm(library, "db", tmp_path / "empty", NOTHING)
    assert entry_names(library) == ["web"]
    delete_vm(library, "web")
    assert os.listdir(library) == []
    with pytest.raises(LibraryError, match="no stored VM"):
        delete_vm(library, "web")


def test_a_changed_byte_is_found_also_in_a_copy_of_the_library(tmp_path: Path) -> None:
    import_vm(tmp_path / "library", "web", raw(tmp_path), NOTHING)
    shutil.copytree(tmp_path / "library", tmp_path / "copy")
    verify_vm(tmp_path / "copy" / "web")
    (tmp_path / "copy" / "web" / "disk.raw").write_bytes(RAW[:-1] + b"x")
    with pytest.raises(LibraryError, match="not what was imported"):
        verify_vm(tmp_path / "copy" / "web")
    (tmp_path / "copy" / "web" / "vm.toml").write_text("[" * 200)
    with pytest.raises(LibraryError):
        verify_vm(tmp_path / "copy" / "web")


def test_a_vm_of_the_file_takes_from_the_library_what_it_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "ud").write_text("hello")
    settings = VmSettings(
        vm_class="medium", ports=[80], health="/h", user_data=str(tmp_path / "ud")
    )
    import_vm(tmp_path / "library", "web", raw(tmp_path), settings)
    config = tmp_path / "manager.toml"
    config.write_text(CONFIG.format(more="ports = [81]"))
    [vm] = read_config(config).vms
    assert (vm.vm_class, vm.ports, vm.health) == ("medium", [81], "/h")
    assert (tmp_path / (vm.user_data or "")).read_text() == "hello"
    (tmp_path / "library" / "web" / "vm.toml").write_text("file = 3")
    with pytest.raises(ConfigError, match="file"):
        read_config(config)


def test_the_commands_work_on_a_folder_without_a_manager(tmp_path: Path) -> None:
    def told(*words: str, code: int = 0) -> str:
        where = ("--library", str(tmp_path / "library"))
        done = CliRunner().invoke(app, ["vm", *words, *where])
        assert done.exit_code == code, done.output
        return done.output

    path = str(raw(tmp_path))
    assert "imported" in told("import", "web", path, "--class", "small", "--guest-ports", "80,81")
    assert "there already" in told("import", "web", path, code=1)
    assert "Expected" in told("import", "web", path, "--guest-ports", "80,x", code=2)
    assert "Expected" in told("import", "../web", path, code=2)
    assert "web  small  raw  4096" in told("list")
    assert "as imported" in told("verify", "web")
    assert "done" in told("delete", "web")
    assert told("list") == "there is none\n"
