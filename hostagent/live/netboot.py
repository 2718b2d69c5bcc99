"""Serve the parts of the image to servers that boot from the network: HTTP, and dnsmasq. Shell."""

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, Final, NoReturn

from exchange import files
from hostagent.live import menu
from hostagent.live import netboot_plan as plan

CONNECTIONS_MAX: Final = 64
TIMEOUT_S: Final = 60
CHUNK: Final = 256 * 1024
LOADERS: Final = Path("/usr/lib/ipxe")
STOP_S: Final = 5


class NetbootError(Exception):
    """It cannot be served. One line; ``usage``: what was asked for makes no sense."""

    def __init__(self, line: str, usage: bool = False) -> None:
        super().__init__(f"serve-netboot: {line}")
        self.usage = usage


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, at: tuple[str, int], folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say
        self._free = threading.Semaphore(CONNECTIONS_MAX)
        super().__init__(at, _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take no more connections than the bound; who is refused tries again."""
        return self._free.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_S

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        name = self.path.partition("?")[0].lstrip("/")
        path = self.server.folder / name
        if name not in plan.SERVED or not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with self._opened(path) as file:
            size = file.seek(0, os.SEEK_END)
            span = plan.byte_range(self.headers.get("Range"), size)
            self._head(span, size)
            if span and body:
                file.seek(span[0])
                self._send(file, span[1] - span[0])
        self.server.say(f"{self.client_address[0]} {self.command} {name}")

    def _opened(self, path: Path) -> BinaryIO:
        if path.name != plan.SCRIPT:
            return path.open("rb")
        script = path.read_text("utf-8", "replace")
        return io.BytesIO(menu.served_script(script, self.headers.get("Host")).encode())

    def _head(self, span: tuple[int, int] | None, size: int) -> None:
        if span is None:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
        else:
            whole = span == (0, size)
            self.send_response(HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT)
            if not whole:
                self.send_header("Content-Range", f"bytes {span[0]}-{span[1] - 1}/{size}")
            self.send_header("Content-Length", str(span[1] - span[0]))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def _send(self, file: BinaryIO, left: int) -> None:
        while left and (part := file.read(min(CHUNK, left))):
            self.wfile.write(part)
            left -= len(part)

    def log_message(self, *args: Any) -> None:
        """What is served is told by `_answer`."""


def serve(folder: Path, listen: str, tftp: bool, iface: str, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C. ``say`` prints a line. Raises `NetbootError`."""
    at = plan.address(listen)
    if at is None:
        raise NetbootError(f"--listen {listen}: not ADDR:PORT", usage=True)
    lacking = [name for name in plan.SERVED[:4] if not (folder / name).is_file()]
    if lacking:
        raise NetbootError(f"{folder} has no {', '.join(lacking)}; make it with build-live")
    try:
        server = _Server(at, folder, say)
    except OSError as error:
        raise NetbootError(f"--listen {listen}: {files.why(error)}") from error
    host, port = _reached(at[0]), server.server_address[1]
    with server, _dnsmasq(host, port, tftp, iface):
        for line in plan.advice(host, port):
            say(line)
        signal.signal(signal.SIGTERM, _stop)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _reached(host: str) -> str:
    """Return the address at which others reach this server; nothing is sent."""
    if host != "0.0.0.0":  # noqa: S104
        return host
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


@contextlib.contextmanager
def _dnsmasq(host: str, port: int, tftp: bool, iface: str) -> Iterator[None]:
    if not (tftp or iface):
        yield
        return
    lacking = [
        package
        for package, there in (
            ("dnsmasq-base", shutil.which("dnsmasq")),
            ("ipxe", LOADERS.is_dir()),
        )
        if not there
    ]
    if lacking:
        raise NetbootError(f"missing; run: apt-get install {' '.join(lacking)}")
    child = subprocess.Popen(plan.dnsmasq(host, port, str(LOADERS), tftp, iface))
    try:
        yield
    finally:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(STOP_S)
        child.kill()
