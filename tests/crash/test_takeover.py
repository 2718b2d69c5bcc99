"""A standby takes over, once each way; `tests.crash.takeovers` does it many times.

That acks before a commit would be noticed is shown in test_kill9.py, by the same witness.
"""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.crash.takeovers import takeovers


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_takeover_loses_nothing_and_repeats_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    asyncio.run(takeovers(tmp_path / "data", 1, "takeover", number))
