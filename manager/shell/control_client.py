"""Asks a running Manager over its control socket; for the command line. Shell."""

import socket
from pathlib import Path
from typing import Any, Final

import msgspec

from manager.control.codec import frame_of, line_of
from manager.control.frames import Ack, ControlFrame, ErrorReply, Snapshot
from manager.control.requests import ControlRequest, Status

CONNECT_S: Final = 5.0
ANSWER_S: Final = 600.0
"""An import or an upload takes as long as its image is large."""
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024


class ControlError(Exception):
    """No Manager answers, or it refused; one line. ``reply``: what it said."""

    def __init__(self, text: str, reply: ErrorReply | None = None) -> None:
        super().__init__(text)
        self.reply = reply


def ask(path: Path, request: ControlRequest) -> Any:
    """Return the result of the request. Raises `ControlError`."""
    try:
        answer = _answer(path, line_of(request))
    except (FileNotFoundError, ConnectionRefusedError):
        raise ControlError(f"no Manager runs here: nothing listens at {path}") from None
    except TimeoutError:
        raise ControlError(f"{path}: the Manager does not answer") from None
    except OSError as error:
        raise ControlError(f"{path}: {error.strerror or error}") from error
    if isinstance(answer, Ack):
        return answer.result
    if isinstance(answer, ErrorReply):
        raise ControlError(f"{answer.reason}: {answer.message}", answer)
    raise ControlError(f"{path}: this is no Manager's socket")


def status(path: Path) -> Snapshot:
    """Return everything the Manager shows. Raises `ControlError`."""
    return msgspec.convert(ask(path, Status(req_id=1)), Snapshot)


def _answer(path: Path, line: bytes) -> ControlFrame | None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(CONNECT_S)
        connection.connect(str(path))
        connection.settimeout(ANSWER_S)
        connection.sendall(line)
        with connection.makefile("rb") as file:
            answer = file.readline(ANSWER_BYTES_MAX)
    try:
        return frame_of(answer)
    except msgspec.DecodeError:
        return None
