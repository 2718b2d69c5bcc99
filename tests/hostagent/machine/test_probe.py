"""The probe for KVM: texts of Linux and systemd against the answer, and what it leaves behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hostagent.machine.probe import emulated
from tests.hostagent.machine.strangers import WAIT_S, ended

FLAGS = "flags\t\t: fpu vme svm hypervisor lm\n"
BARE = "flags\t\t: fpu vme svm lm\n"


@pytest.mark.parametrize(
    ("cpuinfo", "detected", "answer"),
    [
        ("model name\t: QEMU TCG CPU version 2.5+\n" + FLAGS, "qemu\n", True),
        ("model name\t: QEMU TCG CPU version 2.5+\n" + FLAGS, "", True),
        ("model name\t: AMD EPYC Processor\n" + FLAGS, "qemu\n", True),
        ("model name\t: AMD EPYC Processor\n" + FLAGS, "kvm\n", False),
        ("model name\t: AMD EPYC Processor\n" + FLAGS, "microsoft\n", False),
        ("model name\t: AMD EPYC Processor\n" + FLAGS, "", False),
        ("model name\t: AMD EPYC Processor\n" + BARE, "none\n", False),
        # A mainboard called QEMU proves nothing: the hypervisor may hide itself.
        ("model name\t: AMD EPYC Processor\n" + BARE, "qemu\n", False),
        ("", "", False),
    ],
)
def test_an_emulated_cpu_is_known(cpuinfo: str, detected: str, answer: bool) -> None:
    assert emulated(cpuinfo, detected) is answer


PROBES = """
import sys
from hostagent.machine import probe
probe.QEMU = sys.argv[1]
probe._boot("tcg", b"", 60.0)
"""


def test_a_guest_of_the_probe_ends_with_the_agent(tmp_path: Path) -> None:
    """(Seen to fail: a QEMU went on computing for ever after its agent was killed.)"""
    told, qemu = tmp_path / "told", tmp_path / "qemu"
    os.mkfifo(told)
    qemu.write_text(f"#!/bin/sh\necho $$ > {told}; exec sleep 60\n")
    qemu.chmod(0o755)
    agent = subprocess.Popen([sys.executable, "-c", PROBES, str(qemu)])
    probing = int(told.read_text())
    agent.send_signal(signal.SIGKILL)
    agent.wait(WAIT_S)
    assert ended(probing)
