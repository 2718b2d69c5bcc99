"""The firewall's tool, played by scripts: what is asked of it, and what is told when it fails."""

from pathlib import Path

import pytest

from hostagent.core.policy import UNLIMITED, Policy
from hostagent.core.ports import HypervisorError
from hostagent.machine import fence
from hostagent.machine.fence import Fence

GID = 70_001
ALL = Policy(outbound="all", gid=GID)
TABLE = """\
#!/bin/sh
echo "-P OUTPUT ACCEPT"
cat "$0.rules" 2>/dev/null || true
"""
"""``-S``: what was restored last, in the words of the real tool as far as they are looked at."""
RESTORE = """\
#!/bin/sh
echo restored >> "$0.calls"
echo "-A OUTPUT -m owner --gid-owner 70001 -j HEADROOM-70001" > "{shows}"
grep "^-A HEADROOM" >> "{shows}"
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``iptables`` and ``iptables-restore``, and the only one that is searched."""
    for name in ("cat", "grep"):
        (tmp_path / name).symlink_to(Path("/bin") / name)
    _script(tmp_path / "iptables", TABLE)
    _script(tmp_path / "iptables-restore", RESTORE.format(shows=tmp_path / "iptables.rules"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(fence, "HAS_IPV6", tmp_path / "no-ipv6")
    return tmp_path


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def calls(tools: Path) -> int:
    path = tools / "iptables-restore.calls"
    return path.read_text().count("restored") if path.exists() else 0


def test_rules_are_put_once_and_again_when_somebody_removed_or_changed_them(tools: Path) -> None:
    held = Fence(ALL)
    held.hold()
    held.hold()
    assert calls(tools) == 1
    (tools / "iptables.rules").unlink()
    held.look()
    assert calls(tools) == 2
    shown = (tools / "iptables.rules").read_text().replace("-d 10.0.0.0/8", "-d 10.0.0.0/9")
    (tools / "iptables.rules").write_text(shown)
    held.hold()
    assert calls(tools) == 3
    assert "-d 10.0.0.0/8" in (tools / "iptables.rules").read_text()


def test_without_the_tool_nothing_is_held_and_the_owner_is_told_once(
    tools: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tools / "iptables").unlink()
    held = Fence(ALL)
    for _ in range(2):
        with pytest.raises(HypervisorError, match="iptables is not installed"):
            held.hold()
    held.look()
    assert caplog.text.count("guests may reach more than they should") == 1


def test_a_tool_that_takes_rules_and_drops_them_is_not_believed(tools: Path) -> None:
    _script(tools / "iptables-restore", "#!/bin/sh\nexit 0\n")
    with pytest.raises(HypervisorError, match="does not show them"):
        Fence(ALL).hold()


def test_a_refusal_is_told_in_the_tools_words(tools: Path) -> None:
    _script(tools / "iptables-restore", "#!/bin/sh\necho 'no such match: owner' >&2\nexit 2\n")
    with pytest.raises(HypervisorError, match="iptables-restore: no such match: owner"):
        Fence(ALL).hold()


def test_where_no_guest_calls_out_the_firewall_is_left_alone(tools: Path) -> None:
    Fence(UNLIMITED).hold()
    Fence(UNLIMITED).close()
    assert calls(tools) == 0


def test_guests_of_an_earlier_agent_are_shut_in_by_one_that_allows_nothing(tools: Path) -> None:
    Fence(ALL).hold()
    Fence(Policy(gid=GID)).close()
    assert (tools / "iptables.rules").read_text().splitlines()[1:] == [
        f"-A HEADROOM-{GID} -p tcp ! --syn -j RETURN",
        f"-A HEADROOM-{GID} -j REJECT",
    ]
