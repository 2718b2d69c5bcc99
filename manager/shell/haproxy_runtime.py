"""Talks to HAProxy through its runtime socket: one command a connection, in bounded time. Shell.

What a command answers is text; a table is CSV with a header or columns with one. Source of the
commands: HAProxy 2.6, "Management Guide", section 9.3.
"""

import asyncio
import csv
import re
from pathlib import Path
from typing import Final

TIMEOUT_S: Final = 5.0
MAX_ANSWER: Final = 16 * 1024 * 1024
"""A row of `show stat` has about 400 characters: room for 40,000 servers."""
WORD: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}\Z")
"""What HAProxy calls a backend or a server: anything else could begin another command."""


class HaproxyError(Exception):
    """One line: HAProxy cannot be reached or refused the command."""


class HaproxyGoneError(HaproxyError):
    """HAProxy cannot be reached: it is down, or restarts. Worth another try later."""


class RuntimeSocket:
    """The socket at ``path``; it must be of level ``admin`` to change servers."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self.path = path
        self._timeout_s = timeout_s

    async def ask(self, command: str) -> str:
        """Return the answer to one command. Raises `HaproxyGoneError`."""
        assert "\n" not in command, "one command at a time"
        assert ";" not in command, "one command at a time"
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(command)
        except TimeoutError as error:
            raise HaproxyGoneError(
                f"haproxy {self.path}: no answer within {self._timeout_s:g} s"
            ) from error
        except OSError as error:
            raise HaproxyGoneError(f"haproxy {self.path}: {error.strerror or error}") from error

    async def do(self, command: str, said: str = "") -> None:
        """Have something changed; ``said`` is what success answers. Raises `HaproxyError`."""
        answer = (await self.ask(command)).strip()
        if answer != said:
            first = answer.partition("\n")[0][:200] or "an empty answer"
            raise HaproxyError(f"haproxy {self.path}: {command.split(' ', maxsplit=1)[0]}: {first}")

    async def statistics(self) -> list[dict[str, str]]:
        """Return the rows of ``show stat``, each by the names of its columns."""
        text = await self.ask("show stat")
        if not text.startswith("# "):
            raise HaproxyError(f"haproxy {self.path}: 'show stat' answers no table")
        return list(csv.DictReader(text[2:].strip().splitlines()))

    async def server_states(self) -> list[dict[str, str]]:
        """Return the rows of ``show servers state``, each by the names of its columns."""
        lines = (await self.ask("show servers state")).splitlines()
        header = next((line for line in lines if line.startswith("# ")), None)
        if header is None:
            raise HaproxyError(f"haproxy {self.path}: 'show servers state' answers no table")
        names = header[2:].split()
        rows = [line.split(" ") for line in lines[lines.index(header) + 1 :] if line]
        return [dict(zip(names, row, strict=False)) for row in rows]

    async def _exchange(self, command: str) -> str:
        reader, writer = await asyncio.open_unix_connection(self.path)
        try:
            writer.write(command.encode("ascii") + b"\n")
            await writer.drain()
            answer = bytearray()
            while piece := await reader.read(64 * 1024):
                answer += piece
                if len(answer) > MAX_ANSWER:
                    raise OSError(f"more than {MAX_ANSWER} bytes")
        finally:
            writer.close()
        return answer.decode("utf-8", "replace")
