"""What a VM takes of the server's memory, from the files of libvirt and the kernel."""

import os
from pathlib import Path

import pytest

from hostagent.machine.resident import held_mib


def files(folder: Path, pid: str, statm: str) -> tuple[Path, Path]:
    (folder / "run").mkdir()
    (folder / "run" / "headroom-v-1.pid").write_text(pid)
    (folder / "proc" / "77").mkdir(parents=True)
    (folder / "proc" / "77" / "statm").write_text(statm)
    return folder / "run", folder / "proc"


def test_it_is_what_qemu_has_in_memory(tmp_path: Path) -> None:
    pages = 300 * 1024 * 1024 // os.sysconf("SC_PAGE_SIZE")
    run, proc = files(tmp_path, "77\n", f"999999 {pages} 5 5 0 5 0\n")
    assert held_mib("headroom-v-1", run, proc) == 300
    assert held_mib("headroom-v-2", run, proc) is None


@pytest.mark.parametrize(("pid", "statm"), [("78", "1 2"), ("", "1 2"), ("77", ""), ("77", "1 x")])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, pid: str, statm: str) -> None:
    assert held_mib("headroom-v-1", *files(tmp_path, pid, statm)) is None
