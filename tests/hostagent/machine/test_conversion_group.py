"""Making the control group and running qemu-img in it, on a folder tree that looks like cgroup v2.

The kernel's own tree needs a system that has handed a group down, which a test cannot ask for.
"""

import os
from pathlib import Path

import pytest

from hostagent.core.ports import ImageError
from hostagent.machine.conversion_group import Group, make, service_limit
from hostagent.machine.qemu_img import qemu_img

SERVICE = "headroom-host.service"
FILES = ("cgroup.procs", "cgroup.subtree_control", "memory.max", "pids.max", "cpu.max")


class Tree:
    """A service's group as systemd hands it down, and what the kernel shows of those in it."""

    def __init__(self, folder: Path, controllers: str = "cpu io memory pids") -> None:
        self.root, self.memberships = folder / "cgroup", folder / "memberships"
        self.service = self.root / "system.slice" / SERVICE
        for group in (self.service, self.service / "agent", self.service / "conversions"):
            group.mkdir(parents=True)
            for name in FILES:
                (group / name).touch()
        (self.root / "cgroup.controllers").touch()
        (self.service / "cgroup.controllers").write_text(controllers)
        self.memberships.write_text(f"0::/system.slice/{SERVICE}\n")

    def make(self, delegated: bool = True) -> Group:
        return make(8, 32_768, self.root, self.memberships, lambda folder: delegated)

    def said(self, group: str, file: str) -> str:
        return (self.service / group / file).read_text()


def test_a_service_runs_conversions_in_a_group_with_limits(tmp_path: Path) -> None:
    """A kernel without weights, as here, limits what it can."""
    tree = Tree(tmp_path)
    (tree.service / "cgroup.procs").write_text("1\n")  # whatever started the agent
    for _ in ("made", "made again"):
        assert tree.make() == Group(tree.service / "conversions" / "cgroup.procs")
    assert tree.said("agent", "cgroup.procs") == str(os.getpid())
    assert tree.said(".", "cgroup.subtree_control") == "+cpu +io +memory +pids"
    limits = [tree.said("conversions", name) for name in ("memory.max", "pids.max", "cpu.max")]
    assert limits == [str(4608 * 1024 * 1024), "512", "400000 100000"]
    assert service_limit(tree.root) == limits[0]


def test_where_there_can_be_none_nothing_is_changed_and_it_says_why(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "a")
    assert "not handed to it" in tree.make(delegated=False).why
    (tree.service / "conversions" / "memory.max").unlink()
    assert "memory.max" in tree.make().why
    poor = Tree(tmp_path / "b", controllers="cpu")
    assert "no memory, pids" in poor.make().why
    (poor.root / "cgroup.controllers").unlink()
    assert "cgroup v2" in poor.make().why
    assert poor.said("agent", "cgroup.procs") == ""
    poor.memberships.unlink()
    assert "No such file" in poor.make().why
    assert service_limit(tmp_path) is None


@pytest.mark.parametrize("there", [True, False], ids=["a group", "a group that has gone"])
def test_qemu_img_joins_the_group_or_runs_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """A group that has gone is no fault of the image, nor does it say a word."""
    procs = tmp_path / "group" / "cgroup.procs"
    if there:
        procs.parent.mkdir()
    program = tmp_path / "qemu-img"
    program.write_text('#!/bin/sh\necho $$\n[ "$2" = fails ] && echo own words >&2 && exit 1\ntrue')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    pid = qemu_img("info", program, [], procs)
    assert procs.exists() == there
    assert not there or procs.read_text() == pid
    with pytest.raises(ImageError, match="own words") as failed:
        qemu_img("info", program, ["fails"], procs)
    assert failed.value.reason == "image_invalid"
