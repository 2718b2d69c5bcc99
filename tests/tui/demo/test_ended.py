"""The process behind the demo's terminal ends: so does the demo, which says why."""

import os
import signal
from pathlib import Path

import pytest

from tests.tui.demo.test_demo import DEADLINE_S, demo, leftovers, wait_until
from tests.tui.demo.test_gone import started_by


@pytest.mark.parametrize("shown", [("--headless", "--for", "30"), ("--web", "127.0.0.1:0")])
@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (signal.SIGTERM, "the demo's Manager was stopped"),
        (signal.SIGKILL, "killed by SIGKILL"),
    ],
)
def test_a_demo_whose_exchange_ends_says_so(
    short_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ending: signal.Signals,
    said: str,
    shown: tuple[str, ...],
) -> None:
    """(Seen to fail: the terminal showed STALE to its end, and the exit code was 0; one that had
    not logged in yet said only that nobody listens there.)"""
    monkeypatch.setenv("TMPDIR", str(short_path))
    terminal = demo(*shown)
    wait_until(lambda: list(short_path.glob("headroom-demo-*/manager.sock")) != [])
    [child] = [pid for pid, command in started_by(short_path).items() if "demo.stage" in command]
    os.kill(child, ending)
    _, err = terminal.communicate(timeout=DEADLINE_S)
    assert terminal.returncode == 1, err
    last = err.splitlines()[-1]
    assert last.startswith("headroom: the demo's exchange ended: ") and said in last
    assert "Traceback" not in err
    assert leftovers(short_path) == []
