"""qemu-img as a host meets it: played by a script, so that it fails as one wants it to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.units import MIB
from hostagent.core.ports import ImageError
from hostagent.machine import qemu_img as tool
from hostagent.machine.disk_image import convert_disk
from hostagent.machine.qemu_img import LIMITS, Limits
from tests.hostagent.machine.strangers import WAIT_S, ended

INFO = """'{"format": "qcow2", "virtual-size": 1048576}'"""
THREADS = "echo 'qemu_thread_create: Resource temporarily unavailable' >&2; kill -ABRT $$"
FULL = "echo 'qemu-img: error while writing at byte 0: No space left on device' >&2; exit 1"


class Host:
    """A server whose qemu-img is a script; ``tries`` counts its conversions."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self.source = folder / "a.qcow2"
        self.source.write_bytes(b"an image")
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def plays(self, convert: str, info: str = f"echo {INFO}") -> None:
        script = self._folder / "qemu-img"
        count = f"echo . >> {self._folder}/tries"
        script.write_text(
            f'#!/bin/sh\nif [ "$1" = info ]; then {info}; exit; fi\n'
            f'{count}\nfor target in "$@"; do :; done\n{convert}\n'
        )
        script.chmod(0o755)

    @property
    def tries(self) -> int:
        counted = self._folder / "tries"
        return len(counted.read_text().splitlines()) if counted.exists() else 0

    def convert(self) -> str:
        """Return the reason of the failure, empty if there was none."""
        try:
            convert_disk(self.source, "qcow2", self._folder / "disk.raw", disk_mib=2)
        except ImageError as error:
            return error.reason
        return ""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_a_full_disk_is_the_hosts_and_not_tried_again(host: Host) -> None:
    host.plays(FULL)
    assert (host.convert(), host.tries) == ("host_disk", 1)


def test_a_limit_is_tried_once_more_and_then_the_hosts(host: Host) -> None:
    host.plays(THREADS)
    assert (host.convert(), host.tries) == ("host_tools", 2)


def test_a_limit_met_once_is_no_failure(host: Host, tmp_path: Path) -> None:
    host.plays(f"[ $(wc -l < {tmp_path}/tries) = 2 ] || {{ {THREADS}; }}; : > $target")
    assert (host.convert(), host.tries) == ("", 2)


def test_one_that_hangs_is_given_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = Limits(1024 * MIB, 5, 0.2)
    monkeypatch.setitem(LIMITS, "convert", (soon, soon))
    host.plays("exec sleep 60")
    assert (host.convert(), host.tries) == ("host_tools", 2)


def test_what_info_refuses_is_the_images(host: Host) -> None:
    host.plays("exit 1", info="echo 'qemu-img: not in qcow2 format' >&2; exit 1")
    assert (host.convert(), host.tries) == ("image_invalid", 0)


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ("kill -KILL $$", "host_tools"),
        ('case "$*" in *raw*) exit 0;; esac; kill -KILL $$', "image_invalid"),
        ("echo nonsense", "host_tools"),
    ],
)
def test_an_info_that_cannot_end_is_the_images_only_if_it_ends_for_a_sound_one(
    host: Host, info: str, reason: str
) -> None:
    host.plays("exit 0", info=info)
    assert host.convert() == reason


def test_a_server_without_qemu_img_says_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "QEMU_IMG", "no-such-qemu-img")
    assert host.convert() == "host_tools"


CONVERTS = """
import sys
from pathlib import Path
from hostagent.machine.disk_image import convert_disk
convert_disk(Path(sys.argv[1]), "qcow2", Path(sys.argv[2]), 2)
"""


def test_one_that_runs_when_its_agent_is_killed_ends_too(host: Host, tmp_path: Path) -> None:
    """(Seen to fail: it went on for its whole hour, writing a disk for nobody.)"""
    told = tmp_path / "told"
    os.mkfifo(told)
    host.plays(f"echo $$ > {told}; exec sleep 60")
    agent = subprocess.Popen(
        [sys.executable, "-c", CONVERTS, str(host.source), str(tmp_path / "disk.raw")]
    )
    converting = int(told.read_text())
    agent.send_signal(signal.SIGKILL)
    agent.wait(WAIT_S)
    assert ended(converting)
