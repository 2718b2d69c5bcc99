"""What a start does not mind, and what it tells before anything is served."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.client import Client
from exchange.wire.requests import DirectorySearch
from tests.exchange.support.harness import DEADLINE_S, ROOT, create_exchange, headroom, until


def closed_pipe() -> int:
    """Return the end to write to of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("where", ["a closed pipe", "a full disk", "closed"])
def test_an_exchange_serves_whatever_its_stdout_is(where: str, tmp_path: Path) -> None:
    """(Before, it listened and answered nobody, the ready file was there, and it never ended.)"""

    async def ask(url: str) -> None:
        async with Client(url) as client:
            assert await client.request(DirectorySearch(req_id=1)) == {"hosts": []}

    create_exchange(tmp_path / "data")
    ready = tmp_path / "ready"
    serve = [sys.executable, str(ROOT / "headroom.py"), "exchange", "serve", "--log-level", "error"]
    serve += ["--data", str(tmp_path / "data"), "--ready-file", str(ready)]
    serve += ["--listen", "127.0.0.1:0"]
    if where == "closed":
        serve = ["sh", "-c", 'exec "$@" >&-', "sh", *serve]
    stdout = closed_pipe() if where == "a closed pipe" else os.open("/dev/full", os.O_WRONLY)
    process = subprocess.Popen(serve, stdout=stdout, stderr=subprocess.PIPE, text=True)
    os.close(stdout)
    try:
        asyncio.run(until(lambda: ready.exists() or process.poll() is not None))
        assert process.poll() is None
        asyncio.run(ask(json.loads(ready.read_text())["url"]))
        process.terminate()
        _, errors = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
    assert not ready.exists()


@pytest.mark.parametrize("what", ["a directory", "a link to nothing"])
def test_what_is_no_history_is_told_before_anything_is_served(what: str, tmp_path: Path) -> None:
    """(Before, it served, and ended with code 70 seconds later, after each start again.)"""
    data = tmp_path / "data"
    create_exchange(data)
    path = data / "history.db"
    if what == "a directory":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere" / "history.db")
    code, out, errors = headroom(
        "exchange", "serve", "--data", str(data), "--listen", "127.0.0.1:0"
    )
    assert (code, out, errors.count("\n")) == (1, "", 1)
    assert f"{path}: " in errors
