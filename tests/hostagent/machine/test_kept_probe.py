"""What the probe for KVM found is kept: when it counts, and when the server is probed again."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from hostagent.machine.kept_probe import BYTES_MAX, FILE, Grounds, grounds, known
from hostagent.machine.probe import QEMU, Probe

NOW = Grounds("boot-1", ("kvm", "kvm_intel"), (7, 1_000, 2_792, 1), ("/usr/bin/qemu", 9, 2_000))
CRAWLS = Probe("tcg", "it crawls", 900)
HARDWARE = Probe("kvm", "guests run in hardware", 900, 20)


class Server:
    """Answers one probe after the other, and counts them."""

    def __init__(self, *answers: Probe) -> None:
        self._answers: Iterator[Probe] = iter(answers)
        self.probed = 0

    def probe(self) -> Probe:
        self.probed += 1
        return next(self._answers)


@pytest.mark.parametrize("found", [CRAWLS, HARDWARE])
def test_a_restart_probes_nothing(tmp_path: Path, found: Probe) -> None:
    server = Server(found)
    first = known(tmp_path, NOW, server.probe)
    again = known(tmp_path, NOW, server.probe)
    assert (first, again.accel, again.kvm_ms) == (found, found.accel, found.kvm_ms)
    assert again.why.startswith(found.why)
    assert server.probed == 1


@pytest.mark.parametrize(
    "then",
    [
        replace(NOW, boot_id="boot-2"),
        replace(NOW, modules=()),
        replace(NOW, kvm=()),
        replace(NOW, kvm=(8, 1_000, 2_792, 1)),
        replace(NOW, kvm=(7, 1_001, 2_792, 1)),
        replace(NOW, kvm=(7, 1_000, 2_793, 1)),
        replace(NOW, kvm=(7, 1_000, 2_792, 0)),
        replace(NOW, qemu=None),
        replace(NOW, qemu=("/opt/qemu", 9, 2_000)),
        replace(NOW, qemu=("/usr/bin/qemu", 8, 2_000)),
        replace(NOW, qemu=("/usr/bin/qemu", 9, 2_001)),
    ],
)
def test_other_grounds_probe_again_in_both_directions(tmp_path: Path, then: Grounds) -> None:
    server = Server(CRAWLS, HARDWARE, CRAWLS)
    known(tmp_path, NOW, server.probe)
    assert known(tmp_path, then, server.probe) == HARDWARE
    assert known(tmp_path, NOW, server.probe) == CRAWLS
    assert server.probed == 3


def test_no_guest_at_all_is_not_kept(tmp_path: Path) -> None:
    server = Server(Probe(None, "a test guest did not run"), CRAWLS)
    known(tmp_path, NOW, server.probe)
    assert known(tmp_path, NOW, server.probe) == CRAWLS


def test_nothing_is_kept_without_the_boots_id(tmp_path: Path) -> None:
    server = Server(CRAWLS, HARDWARE)
    known(tmp_path, replace(NOW, boot_id=""), server.probe)
    assert known(tmp_path, replace(NOW, boot_id=""), server.probe) == HARDWARE


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-5],
        lambda data: b"\xff" + data,
        lambda data: data.replace(b"it crawls", b"it \xff\xfe crawls"),
        lambda data: data.replace(b'"tcg"', b'"simulated"'),
        lambda data: data.replace(b'"tcg"', b'"warp"'),
        lambda data: data.replace(b'"tcg"', b"null"),
        lambda data: b"{" + b'"x":[' * (BYTES_MAX // 6),
        lambda data: data + b" " * BYTES_MAX,
        lambda data: b"[]",
    ],
)
def test_a_spoiled_file_is_probed_again_and_mended(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    server = Server(CRAWLS, HARDWARE)
    known(tmp_path, NOW, server.probe)
    path = tmp_path / FILE
    path.write_bytes(spoil(path.read_bytes()))
    assert known(tmp_path, NOW, server.probe) == HARDWARE
    assert known(tmp_path, NOW, server.probe).accel == "kvm"
    assert server.probed == 2


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_is_probed_again(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / FILE)
    assert known(tmp_path, NOW, Server(CRAWLS).probe) == CRAWLS


def test_kvm_that_is_loaded_or_opened_to_us_changes_the_grounds(tmp_path: Path) -> None:
    device, modules = tmp_path / "kvm", tmp_path / "modules"
    modules.mkdir()
    seen = [grounds(device, modules)]
    device.touch(0o600)
    seen.append(grounds(device, modules))
    (modules / "kvm_amd").mkdir()
    seen.append(grounds(device, modules))
    device.chmod(0o660)
    seen.append(grounds(device, modules))
    assert grounds(device, modules) == seen[-1]
    assert len(set(seen)) == len(seen)
    assert seen[-1].boot_id


def test_the_second_start_runs_no_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """(Seen to fail: every start ran the test guests, 10 to 25 s where KVM crawls.)"""
    ran, qemu = tmp_path / "ran", tmp_path / QEMU
    qemu.write_text(f"#!/bin/sh\necho ran >> {ran}\nexit 33\n")
    qemu.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    first = known(tmp_path, grounds())
    guests = ran.read_text()
    assert known(tmp_path, grounds()).accel == first.accel
    assert ran.read_text() == guests
    qemu.write_text(qemu.read_text() + "# upgraded\n")
    known(tmp_path, grounds())
    assert len(ran.read_text()) > len(guests)
