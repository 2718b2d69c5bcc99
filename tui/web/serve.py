"""Runs the web server of `--web` until it is told to stop, and prints links. Shell.

It prints a link when it starts, and a fresh one for every line on its standard input: that is
Enter in a terminal, and a Manager's way to ask.
"""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import typer

from exchange.cli.common import EXIT_USAGE, fail
from exchange.cli.listening import Listen, is_loopback
from exchange.cli.service import program
from tui.web.gate import is_wildcard
from tui.web.server import Site

STDIN: Final = 0


def serve_terminal(
    listen: Listen, words: Sequence[str], names: Iterable[str] = (), end_with_input: bool = False
) -> None:
    """Serve `headroom WORDS` until SIGTERM or Ctrl-C; ``end_with_input``: or its input closes."""
    names = list(names)
    if is_wildcard(listen.host) and not names:
        name = "which name of this machine do browsers use? --web-name NAME"
        fail(f"--web {listen.host}: {name}", EXIT_USAGE)
    asyncio.run(serve(listener_at(listen), listen, words, names, end_with_input))


def listener_at(listen: Listen) -> socket.socket:
    """Return what listens there; exit 1 when the place cannot be had."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        return socket.create_server((listen.host, listen.port), family=family)
    except OSError as error:
        # Python's own text goes on with the address.
        why = str(error.strerror or error).partition(" (")[0]
        fail(f"--web {listen.host}:{listen.port}: {why}")


async def serve(
    listener: socket.socket,
    listen: Listen,
    words: Sequence[str],
    names: Sequence[str] = (),
    end_with_input: bool = False,
) -> None:
    """Serve as `serve_terminal` does, on a socket that listens already."""
    address = (listen.host, listener.getsockname()[1])
    command = [*program(), *words]
    site = Site(command, address, listen.tls, names, is_loopback(listen.host))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    # In the background of a terminal, to read would stop the whole process.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)

    def show_link() -> None:
        typer.echo(site.new_link())

    at_end = stopped.set if end_with_input else lambda: None
    reader = threading.Thread(target=_read_lines, args=(loop, show_link, at_end), daemon=True)
    show_link()
    reader.start()
    await site.serve(listener, stopped.wait())


def _read_lines(
    loop: asyncio.AbstractEventLoop, line: Callable[[], None], end: Callable[[], None]
) -> None:
    """Call back for every line of the standard input, and at its end. Runs in a thread."""
    try:
        while more := _read():
            for _ in range(more.count(b"\n")):
                loop.call_soon_threadsafe(line)
        loop.call_soon_threadsafe(end)
    except RuntimeError:
        pass  # the loop is closed: all is over


def _read() -> bytes:
    try:
        return os.read(STDIN, 256)
    except OSError:
        return b""
