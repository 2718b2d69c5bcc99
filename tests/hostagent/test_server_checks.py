"""The doctor's advice to an administrator: a fault names its fix, what is well names none."""

from pathlib import Path

import pytest

from hostagent import server_checks as look
from hostagent.check import Check
from hostagent.doctor import Diagnosis, report

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:7530 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:7531 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 2 1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:7532 00000000000000000000000000000000:0000 0A 00000000
"""
EPHEMERAL = (32_768, 60_999)


def test_ports_at_which_something_listens_are_found() -> None:
    assert sorted(look.listening([TCP, TCP6])) == [30_000, 30_002]


@pytest.mark.parametrize(
    ("check", "found", "fix"),
    [
        (look.ports(30_000, 30_999, {80, 30_000}, *EPHEMERAL), "999 of 1000 free", ""),
        (look.ports(30_000, 30_009, {30_000, 30_009}, *EPHEMERAL), "8 of 10 free", "--ports"),
        (look.ports(32_000, 33_000, set(), *EPHEMERAL), "outgoing", "reserved_ports=32000-33000"),
        (look.files(None), "any number", ""),
        (look.files(65_536), "at most 65536", ""),
        (look.files(1_024), "at most 1024", "ulimit -Hn 65536"),
        (look.disk(100 * 1024), "100 GiB free", ""),
        (look.disk(9 * 1024), "9 GiB free", "--state"),
        (look.kvm(0o660, "kvm"), "group kvm, mode 660", ""),
        (look.kvm(0o666, "kvm"), "mode 666", "chmod 660 /dev/kvm"),
        (look.kvm(0o660, "root"), "group root", "chgrp kvm /dev/kvm"),
        (look.service(True, True, True), "starts with the system", ""),
        (look.service(True, False, True), "does not start", "headroom host install-service"),
        (look.service(False, False, True), "not installed", "headroom host install-service"),
        (look.service(False, False, False), "no systemd", ""),
        (look.conversions("4831838208", True), "memory.max 4831838208", ""),
        (look.conversions(None, True), "process only", "install-service"),
        (look.conversions(None, False), "needs systemd and cgroup v2", ""),
    ],
)
def test_what_is_wrong_names_its_fix(check: Check, found: str, fix: str) -> None:
    assert found in check.found
    assert (check.ok, check.required) == (not fix, False)
    assert fix in check.fix and bool(check.fix) == bool(fix)


def test_this_server_is_looked_at(tmp_path: Path) -> None:
    """Whatever it finds, every check says so, and every one that is not ok how to fix it."""
    found = look.checks(tmp_path, 30_000, 30_999)
    assert {"ports", "open files", "disk space", "service"} <= {check.name for check in found}
    assert all(check.found and check.ok == (not check.fix) for check in found)
    shown = report(Diagnosis(True, "tcg", [], [*found, look.files(10)])).splitlines()
    assert [line[:10] for line in shown if "at most 10" in line] == ["note  open"]
    assert shown[-2].lstrip().startswith("-> ulimit")
