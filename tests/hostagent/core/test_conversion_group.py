"""Where image conversions get a control group of their own, and what its limits are."""

import pytest

from hostagent.core import conversion_group as rule
from hostagent.core.conversion_group import place

SERVICE = "0::/system.slice/headroom-host.service"


@pytest.mark.parametrize(
    ("memberships", "unified", "base", "why"),
    [
        (f"{SERVICE}\n", True, "/system.slice/headroom-host.service", ""),
        (f"{SERVICE}/agent\n", True, "/system.slice/headroom-host.service", ""),
        ("0::/\n", True, "", "container"),
        ("0::/agent\n", True, "", "container"),
        ("", True, "", "container"),
        ("4:memory:/x\n0::/x\n", False, "", "cgroup v2"),
    ],
)
def test_only_a_group_below_the_root_can_be_divided(
    memberships: str, unified: bool, base: str, why: str
) -> None:
    found = place(memberships, unified)
    assert found.base == base
    assert why in found.why and bool(why) == bool(found.why)


def test_what_was_handed_down_is_enabled_and_what_is_needed_must_be_there() -> None:
    assert rule.missing("cpuset cpu io memory hugetlb pids rdma") == ""
    assert rule.missing("cpu") == "memory, pids"
    assert rule.enabled("cpuset cpu io memory pids") == "+cpu +io +memory +pids"
    assert rule.enabled("memory pids") == "+memory +pids"
    needed = {file for file in rule.limits(8, 32_768) if rule.is_needed(file)}
    assert needed == {"memory.max", "pids.max"}


@pytest.mark.parametrize(
    ("cpus", "mem_mib", "cpu", "memory_mib"),
    [(1, 1_024, 100_000, 512), (2, 8_192, 100_000, 4_096), (16, 65_536, 800_000, 4_608)],
)
def test_conversions_get_half_of_the_server_at_most(
    cpus: int, mem_mib: int, cpu: int, memory_mib: int
) -> None:
    limits = rule.limits(cpus, mem_mib)
    assert limits["cpu.max"] == f"{cpu} 100000"
    assert limits["memory.max"] == str(memory_mib * 1024 * 1024)
