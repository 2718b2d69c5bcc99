"""`headroom sim replay`: a recording again, as it was or without one account."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.common import EXIT_USAGE, Json, fail, moment, print_json
from sim.cli.progress import Progress
from sim.record.file import Recording, RecordingError
from sim.record.replay import Replayed, replayed

RecordingFile = Annotated[Path, typer.Argument(help="What `headroom sim record` wrote.")]


def replay(file: RecordingFile, as_json: Json = False) -> None:
    """Replay a recording; exit 1 when it does not come to the recorded state."""
    try:
        recording = Recording(file)
        found = replayed(recording, Progress("replayed", recording.size))
    except RecordingError as error:
        fail(str(error), EXIT_USAGE)
    told = _told(found)
    if as_json:
        print_json(told)
    elif found.same:
        print(f"{_what(found)}: the recorded state again, {found.state_hash}")
    if not found.same:
        text = f"state {found.state_hash}, events {found.digest}"
        recorded = f"recorded were {found.expected.state_hash}, {found.expected.digest}"
        fail(f"recording {file}: comes to {text}; {recorded}")


def _what(found: Replayed) -> str:
    return f"{found.commands} commands, {moment(found.first_ms)} to {moment(found.last_ms)}"


def _told(found: Replayed) -> dict[str, object]:
    return {
        "commands": found.commands,
        "from_ms": found.first_ms,
        "to_ms": found.last_ms,
        "state_hash": found.state_hash,
        "digest": found.digest,
        "same": found.same,
    }
