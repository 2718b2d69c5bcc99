"""The recording of a terminal: what it holds, and the film that the README shows of it."""

import json
import xml.etree.ElementTree as ET

import pytest

from tui.demo.animation import FILM, RECORDING, film
from tui.demo.recording import (
    Event,
    Recording,
    RecordingError,
    Shot,
    decode,
    encode,
    retimed,
    shots,
)
from tui.demo.terminal import Style, Terminal, UnknownSequenceError

RECORDING_MAX, FILM_MAX = 2_000_000, 600_000
HEAD = '{"version":2,"width":4,"height":2,"title":""}\n'
RED = Style(fore="#ff0000", bold=True)


def text(shot: Shot) -> str:
    return "\n".join("".join(run.text for run in row) for row in shot.rows)


def test_the_recording_tells_the_story_to_its_end() -> None:
    written = RECORDING.read_text("utf-8")
    assert len(written.encode()) < RECORDING_MAX
    recording = decode(written)
    assert json.loads(written.splitlines()[0])["version"] == 2
    seen = list(shots(recording, 0.1))
    assert seen[-1].at_s < 90
    told = [text(shot) for shot in seen]
    for wanted in ("4 small in Germany below 0.03", "and start web?", "4 in the balancer"):
        assert any(wanted in one for one in told), wanted
    assert "nothing is rented or ordered" in told[-1] and "×" in told[-1]


def test_the_film_is_the_recordings_and_needs_nothing_else() -> None:
    shown = FILM.read_text("utf-8")
    assert shown == film(RECORDING.read_text("utf-8")), "docs/pictures/peak-cast.svg: make docs"
    assert len(shown.encode()) < FILM_MAX
    root = ET.fromstring(shown)  # noqa: S314 it is our own
    tags = {one.tag.rpartition("}")[2] for one in root.iter()}
    assert tags == {"svg", "title", "style", "defs", "g", "rect", "path", "text", "use"}
    assert shown.count("http") == 1 and "url(" not in shown and "@import" not in shown
    names = {one.get("id") for one in root.iter() if one.get("id")}
    used = {(one.get("href") or "").removeprefix("#") for one in root.iter()} - {""}
    assert used <= names


@pytest.mark.parametrize(
    ("sent", "row", "shown"),
    [
        (["ab\x1b[1;2Hc"], 0, "ac"),
        (["a\x1b[2", ";1Hb"], 1, "b"),
        (["a\r\nb\x1b[?25l\x1b]0;title\x07\x1b[>1u"], 1, "b"),
        (["abc\x1b[2J\x1b[H"], 0, ""),
        (["abcdefgh"], 0, "abcd"),
    ],
)
def test_a_terminal_shows_what_it_was_sent(sent: list[str], row: int, shown: str) -> None:
    terminal = Terminal(4, 2)
    for piece in sent:
        terminal.feed(piece)
    assert terminal.text.split("\n")[row] == shown


def test_styles_hold_until_they_are_changed() -> None:
    terminal = Terminal(3, 1)
    terminal.feed("\x1b[1;38;2;255;0;0ma\x1b[22mb\x1b[0mc")
    runs = terminal.rows[0]
    assert [run.style for run in runs] == [RED, RED._replace(bold=False), Style()]


@pytest.mark.parametrize("sent", ["\x1b[3A", "\x1b[38;5;9m", "\x1b[31m"])
def test_what_a_terminal_does_not_know_is_refused(sent: str) -> None:
    with pytest.raises(UnknownSequenceError, match="ESC"):
        Terminal(4, 2).feed(sent)


def test_a_recording_comes_back_as_it_was() -> None:
    recording = Recording(4, 2, "t", [Event(0, "m", "one"), Event(0.5, "o", "aé│\x1b[H")])
    assert decode(encode(recording)) == recording


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{}\n",
        '{"version":1,"width":4,"height":2,"title":""}\n',
        '[0,"o","a"]\n',
        "no\n",
        HEAD + '[0,"i","typed, not shown"]\n',
        HEAD + '["0","o","a"]\n[1,"o","b"]\n',
        HEAD + '[0,"o",7]\n',
    ],
)
def test_what_is_no_recording_is_told(broken: str) -> None:
    with pytest.raises(RecordingError):
        decode(broken)


def test_times_that_go_back_are_told() -> None:
    recording = Recording(4, 2, "t", [Event(2, "o", "a"), Event(1, "o", "b")])
    with pytest.raises(RecordingError, match="go back"):
        decode(encode(recording))


def test_waits_are_shown_shorter() -> None:
    events = [Event(at_s, "o", "") for at_s in (0, 1, 6, 11, 12, 20)]
    clock = [(1.0, 0.0), (11.0, 2.0), (12.0, 3.0)]
    assert [event.at_s for event in retimed(events, clock)] == [0, 0, 1, 2, 3, 3]


def test_equal_frames_are_one() -> None:
    events = [
        Event(0, "o", "a"),
        Event(0.05, "o", "b"),
        Event(1, "o", "\x1b[H"),
        Event(2, "m", "x"),
    ]
    seen = list(shots(Recording(4, 1, "t", events), 0.1))
    assert [(shot.at_s, shot.title, text(shot)) for shot in seen] == [
        (0.0, "", "ab  "),
        (2.0, "x", "ab  "),
    ]
