"""Power loss after the fact: from a recording of system calls, the disks that might be left.

`recording` starts a program under strace and `calls` reads its log: every write, truncation and
sync of the journal's files with its bytes, and every frame that left for a client, in one order.
A `Disk` follows the calls. What was synced is there; of what was not, a cut leaves any part:
each write may be there, missing, or torn at a sector. `Disk.left` draws one such outcome.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

SECTOR: Final = 512
FILES: Final = ("journal.db", "journal.db-wal")
_CALLS: Final = "pwrite64,fdatasync,fsync,ftruncate,sendto,unlink"
# A process number of fewer than five digits is padded to five.
_LINE: Final = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_UNFINISHED: Final = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
_RESUMED: Final = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_FILE: Final = re.compile(r"^\d+<([^>]*)>")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_ACKED: Final = re.compile(rb'"client_order_id":"([^"]+)"')


class Write(NamedTuple):
    file: str
    offset: int
    data: bytes


class Truncate(NamedTuple):
    file: str
    size: int


class Sync(NamedTuple):
    file: str


class Sent(NamedTuple):
    """Orders that a client was told of."""

    names: list[str]


Call: TypeAlias = Write | Truncate | Sync | Sent


def recording(log: Path, program: list[str]) -> list[str]:
    """Return the command that runs ``program`` and records it in ``log``."""
    options = ["--seccomp-bpf", "-f", "-qq", "-y", "-xx", "-s", "1000000", "-e", "signal=none"]
    return ["strace", *options, "-e", f"trace={_CALLS}", "-o", str(log), *program]


def calls(log: Path) -> Iterator[Call]:
    """Yield what the program did to the journal's files and told its clients, in order."""
    for line in _whole_lines(log):
        match = _LINE.match(line)
        if match is None or int(match[3]) < 0:
            continue
        name, arguments = match[1], match[2]
        if name == "unlink":
            text = _TEXT.search(arguments)
            path = _bytes(text[1]).decode() if text else ""
        else:
            found = _FILE.match(arguments)
            path = _unescaped(found[1]) if found else ""
        call = _call(name, Path(path).name, arguments)
        if call is not None:
            yield call


def _call(name: str, file: str, arguments: str) -> Call | None:
    if name == "sendto":
        text = _TEXT.search(arguments)
        names = _ACKED.findall(_bytes(text[1])) if text else []
        return Sent([name.decode() for name in names]) if names else None
    if file not in FILES:
        return None
    if name == "pwrite64":
        text = _TEXT.search(arguments)
        assert text is not None, arguments
        return Write(file, int(arguments.rpartition(", ")[2]), _bytes(text[1]))
    if name in ("ftruncate", "unlink"):
        return Truncate(file, int(arguments.rpartition(", ")[2]) if name == "ftruncate" else 0)
    return Sync(file)


def _whole_lines(log: Path) -> Iterator[str]:
    """Yield the log's lines; a call that another thread's interrupted counts when it ended."""
    begun: dict[str, str] = {}
    with log.open() as file:
        for line in file:
            line = line.rstrip("\n")
            if unfinished := _UNFINISHED.match(line):
                begun[unfinished[1]] = unfinished[2]
            elif resumed := _RESUMED.match(line):
                yield f"{resumed[1]} {begun.pop(resumed[1])}{resumed[2]}"
            else:
                yield line


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _unescaped(text: str) -> str:
    return _bytes(text).decode() if text.startswith("\\x") else text


class Disk:
    """The journal's files: what is safe, and what is on its way."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._safe = {name: bytearray(data) for name, data in files.items()}
        self._pending: dict[str, list[Write | Truncate]] = {}

    def follow(self, call: Write | Truncate | Sync) -> None:
        if isinstance(call, Sync):
            for done in self._pending.pop(call.file, []):
                _carry_out(self._safe.setdefault(call.file, bytearray()), done)
        else:
            self._pending.setdefault(call.file, []).append(call)

    def left(self, rng: random.Random) -> dict[str, bytes]:
        """Return the files after a power cut now: one of the possible outcomes."""
        files = {name: bytearray(data) for name, data in self._safe.items()}
        for name, pending in self._pending.items():
            data = files.setdefault(name, bytearray())
            for call in pending:
                fate = rng.random()
                if fate < 0.4:
                    _carry_out(data, call)
                elif fate < 0.6 and isinstance(call, Write):
                    for part in _sectors(call):
                        if rng.random() < 0.5:
                            _carry_out(data, part)
        return {name: bytes(data) for name, data in files.items()}


def _carry_out(data: bytearray, call: Write | Truncate) -> None:
    if isinstance(call, Truncate):
        del data[call.size :]
        data.extend(bytes(call.size - len(data)))
        return
    if len(data) < call.offset:
        data.extend(bytes(call.offset - len(data)))
    data[call.offset : call.offset + len(call.data)] = call.data


def _sectors(call: Write) -> Iterator[Write]:
    start = 0
    while start < len(call.data):
        end = min(len(call.data), (call.offset + start) // SECTOR * SECTOR + SECTOR - call.offset)
        yield Write(call.file, call.offset + start, call.data[start:end])
        start = end
