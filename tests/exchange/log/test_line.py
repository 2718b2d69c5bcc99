"""How a line of the log is written."""

import json

import pytest

from exchange.log.line import as_json, as_text, line

AT_MS = 1_795_984_846_123
TOLD = line("info", "host_silent", "host r1-01 (h-3) is silent", host="h-3", name="r1-01")


def test_a_line_as_text_and_as_json() -> None:
    assert as_text(TOLD, AT_MS) == "2026-11-29T20:40:46Z INFO host r1-01 (h-3) is silent"
    assert as_json(TOLD, AT_MS) == (
        '{"ts": "2026-11-29T20:40:46.123Z", "level": "info", "event": "host_silent", '
        '"host": "h-3", "name": "r1-01", "text": "host r1-01 (h-3) is silent"}'
    )


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[2Jb", "a\u2028b", "\ud800", "ä" * 100_000])
def test_what_somebody_sent_neither_breaks_a_line_nor_makes_it_long(text: str) -> None:
    told = line("info", "cut", text, **{f"f{number}": text for number in range(20)})
    for written in (as_text(told, AT_MS), as_json(told, AT_MS)):
        assert len(written.splitlines()) == 1
        assert len(written.encode()) < 4_096
        assert "\x1b" not in written
    assert json.loads(as_json(told, AT_MS))["event"] == "cut"
