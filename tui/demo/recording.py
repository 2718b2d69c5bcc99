"""A recording of a terminal as asciinema keeps it, version 2: a JSON line for each event. Pure."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from tui.demo.terminal import ScreenRow, Terminal

VERSION: Final = 2
Kind: TypeAlias = Literal["o", "m"]


class Event(NamedTuple):
    """``kind``: "o" what the terminal was sent, "m" a chapter's title."""

    at_s: float
    kind: Kind
    data: str


class Recording(NamedTuple):
    """Events in the order of their times; ``width`` and ``height`` in cells."""

    width: int
    height: int
    title: str
    events: Sequence[Event]


class Shot(NamedTuple):
    """What is seen from ``at_s`` on; ``title`` is the chapter's."""

    at_s: float
    title: str
    rows: tuple[ScreenRow, ...]


class _Head(Struct):
    version: int
    width: int
    height: int
    title: str


class RecordingError(ValueError):
    """``str`` is one line: what is wrong with the recording."""


def encode(recording: Recording) -> str:
    """Return the file's text."""
    head = {
        "version": VERSION,
        "width": recording.width,
        "height": recording.height,
        "title": recording.title,
        "env": {"TERM": "xterm-256color"},
    }
    lines: list[Any] = [head, *([round(at, 3), kind, data] for at, kind, data in recording.events)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def decode(text: str) -> Recording:
    """Return the recording that ``text`` holds; raises `RecordingError`."""
    head_line, *lines = text.split("\n")[:-1] or [""]
    try:
        head = msgspec.json.decode(head_line, type=_Head)
        events = [msgspec.json.decode(line, type=Event) for line in lines]
    except msgspec.DecodeError as error:
        raise RecordingError(f"no recording: {error}") from error
    if head.version != VERSION:
        raise RecordingError(f"version {head.version} is not {VERSION}")
    if any(now.at_s < before.at_s for before, now in pairwise(events)):
        raise RecordingError("its times go back")
    return Recording(head.width, head.height, head.title, events)


def retimed(events: Iterable[Event], clock: Sequence[tuple[float, float]]) -> list[Event]:
    """Return ``events`` by another clock: pairs of (true seconds, shown seconds), in order.

    Between two pairs time passes evenly; what comes after the last is shown with it.
    """
    return [event._replace(at_s=_shown(event.at_s, clock)) for event in events]


def _shown(at_s: float, clock: Sequence[tuple[float, float]]) -> float:
    for (true_a, shown_a), (true_b, shown_b) in pairwise(clock):
        if at_s < true_b:
            part = max(0.0, at_s - true_a) / (true_b - true_a)
            return shown_a + part * (shown_b - shown_a)
    return clock[-1][1]


def shots(recording: Recording, every_s: float) -> Iterator[Shot]:
    """Yield what a viewer sees, at most once in ``every_s`` and only what differs; last the end."""
    terminal, title = Terminal(recording.width, recording.height), ""
    last: Shot | None = None
    for number, event in enumerate(recording.events):
        if event.kind == "m":
            title = event.data
        else:
            terminal.feed(event.data)
        after = recording.events[number + 1 :][:1]
        slot = int(event.at_s / every_s)
        if after and int(after[0].at_s / every_s) == slot:
            continue
        seen = Shot(slot * every_s, title, terminal.rows)
        if last is None or seen[1:] != last[1:]:
            yield seen
            last = seen
