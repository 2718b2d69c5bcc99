"""docs/control.md says what the message types say; ``HEADROOM_REGENERATE=1`` writes it anew."""

import os
from pathlib import Path

from manager.control.reference import BEGIN, generated

PAGE = Path(__file__).parents[3] / "docs" / "control.md"


def test_the_page_says_what_the_types_say() -> None:
    before, _, now = PAGE.read_text("utf-8").partition(BEGIN)
    if os.environ.get("HEADROOM_REGENERATE"):
        PAGE.write_text(f"{before}{BEGIN}\n{generated()}", "utf-8")
        return
    assert now == f"\n{generated()}"
