"""What the doctor says of a libvirt that answers, is away, or hangs."""

import socket
from pathlib import Path

from hostagent.libvirt_check import libvirt


def test_one_that_is_away_is_to_be_started(tmp_path: Path) -> None:
    check = libvirt(f"qemu+unix:///system?socket={tmp_path}/nobody")
    assert (check.ok, "systemctl start libvirtd" in (check.fix or "")) == (False, True)
    assert "cannot open qemu+unix" in check.found


def test_one_that_hangs_is_to_be_restarted(tmp_path: Path) -> None:
    """(Seen to fail: the doctor hung with it.)"""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{tmp_path}/silent")
        silent.listen()
        check = libvirt(f"qemu+unix:///system?socket={tmp_path}/silent", answers_s=0.5)
    assert (check.ok, check.found) == (False, "libvirtd hangs: no answer within 0.5 s")
    assert "systemctl restart libvirtd" in (check.fix or "")
