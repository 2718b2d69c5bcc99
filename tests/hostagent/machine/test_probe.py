"""Is this server's own CPU emulated? Texts as Linux and systemd write them, against the answer."""

import pytest

from hostagent.machine.probe import emulated

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
