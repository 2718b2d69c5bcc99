"""The tour of README.md, walked: its commands and its two Python programs, against a host whose
hypervisor is in memory. The real one walks the same way in tests/e2e.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exchange.client import Client
from exchange.keys import load_private_key, new_key
from exchange.model.config import default_config
from exchange.recovery import loading
from exchange.server.clock import SystemClock
from tests.command import run
from tests.hostagent.market import open_account

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
DEADLINE_S = 60
DEPOSIT_UCR = 500_000_000
PRICE_UCR = 20_000
POLL_S = 0.1
ADMIN_KEY = ("admin", "key", "--account", "bank", "--key-id", "bank", "--role", "trader")


class Visitor:
    """Someone at a shell in an empty folder; ``env`` is what they exported."""

    headroom: tuple[str, ...] = (sys.executable, "-m", "headroom")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run(self, *args: str, exit_code: int = 0) -> str:
        """Run ``headroom ARGS`` (or ``python FILE ...``) to its end and return what it prints."""
        done = subprocess.run(
            self._line(args),
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == exit_code, (args, done.stdout, done.stderr)
        return done.stdout.strip() if exit_code == 0 else done.stderr.strip()

    def json(self, *args: str) -> Any:
        return json.loads(self.run(*args, "--json"))

    def succeeds(self, *args: str) -> bool:
        line = self._line(args)
        done = subprocess.run(
            line,
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return done.returncode == 0

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start ``headroom ARGS``, to be ended by SIGTERM; what it logs goes to a file."""
        with (self.folder / f"{args[0]}.log").open("wb") as log:
            return subprocess.Popen(
                self._line(args), cwd=self.folder, env=self.env, stdout=log, stderr=log
            )

    def _line(self, args: tuple[str, ...]) -> list[str]:
        program = (sys.executable,) if args[0].endswith(".py") else self.headroom
        return [*program, *args]


@contextmanager
def exchange(visitor: Visitor) -> Iterator[None]:
    """Create and serve an exchange."""
    visitor.run("key", "new", "operator.pem")
    visitor.run("exchange", "init", "--data", "market", "--operator-key", "operator.pem")
    with served(visitor):
        yield


@contextmanager
def served(visitor: Visitor) -> Iterator[None]:
    """Serve the exchange on a free port; the visitor's environment then names it."""
    ready = visitor.folder / "ready.json"
    serve = ("exchange", "serve", "--data", "market", "--listen", "127.0.0.1:0")
    process = visitor.start(*serve, "--ready-file", str(ready))
    with process:
        try:
            in_time(lambda: ready.exists() or process.poll() is not None, "the exchange serves")
            visitor.env |= {"HEADROOM_URL": json.loads(ready.read_text())["url"]}
            yield
        finally:
            process.terminate()
            process.wait(DEADLINE_S)
    assert process.returncode == 0


@contextmanager
def host(visitor: Visitor) -> Iterator[None]:
    """Enroll a server with the seller's token and run its agent, with VMs in memory.

    It offers what a server of two cores does: the tour has to fit.
    """
    login = ("--key", "r1.pem")
    token = visitor.run("account", "token", "--key", "bank.pem", "--zone", "eu-de")
    enrolled = visitor.json("host", "enroll", *login, "--name", "r1-01", "--token", token)
    assert (enrolled["host"], enrolled["status"]) == ("h-1", "approved")
    room = ("--mvcpu", "1500", "--mem-mib", "4096", "--disk-mib", "65536")
    process = visitor.start(
        "host", "run", *login, "--hypervisor", "memory", "--state", "state", *room
    )
    with process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(DEADLINE_S)
    assert process.returncode == 0


def in_time(is_so: Callable[[], bool], what: str) -> None:
    """Ask until it is so, or fail naming ``what`` did not come about."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}"
        time.sleep(POLL_S)


@contextmanager
def opened(visitor: Visitor) -> Iterator[None]:
    """An exchange where `open_accounts` was done, by the library: the tour has shown the commands.

    Starting Python a dozen times would take longer than all the rest of a test.
    """
    folder = visitor.folder
    keys = {name: new_key(folder / f"{name}.pem") for name in ("operator", "bank", "shop")}
    now_ms = SystemClock().now_ms()
    loading.create_exchange(folder / "market", default_config(), keys["operator"], now_ms)

    async def accounts() -> None:
        operator = load_private_key(folder / "operator.pem")
        async with Client(visitor.env["HEADROOM_URL"], operator) as client:
            for name in ("bank", "shop"):
                await open_account(client, name, keys[name])

    with served(visitor):
        asyncio.run(accounts())
        yield


def open_accounts(visitor: Visitor) -> None:
    for trader in ("bank", "shop"):
        visitor.run("key", "new", f"{trader}.pem")
    with_key = ("--key", "operator.pem")
    for name in ("bank", "shop"):
        key = visitor.run("key", "show", f"{name}.pem")
        visitor.run("admin", "account", "--account", name, "--name", name, *with_key)
        role = ("--role", "trader", "--public-key", key)
        visitor.run("admin", "key", "--account", name, "--key-id", name, *role, *with_key)
        money = ("--amount", str(DEPOSIT_UCR // 1_000_000), "--ref", "opening")
        visitor.run("admin", "deposit", "--account", name, *money, *with_key)


def sell(visitor: Visitor) -> None:
    # The ask is refused for want of capacity until the host has announced itself.
    in_time(lambda: visitor.succeeds(str(EXAMPLES / "sell.py")), "the ask is backed")


def put_image(visitor: Visitor) -> str:
    guest = visitor.folder / "guest"
    guest.mkdir()
    for name in ("vmlinuz", "initrd.gz"):
        (guest / name).write_bytes(b"enough for a hypervisor in memory")
    return visitor.run("image", "put", "--key", "shop.pem", "guest")


def test_the_tour(tmp_path: Path) -> None:
    visitor = Visitor(tmp_path)
    with exchange(visitor):
        open_accounts(visitor)
        with host(visitor):
            sell(visitor)
            buy = (str(EXAMPLES / "buy.py"), put_image(visitor))
            served = visitor.run(*buy)
            assert served.startswith("l-1: http://127.0.0.1:")
            assert visitor.run(*buy) == served
            shown = visitor.run("account", "state", "--key", "shop.pem")
            assert "{" not in shown
            assert re.search(
                r"^l-1 +buy +small.eu-de.flat.spot +1 +0.020000 .* active$", shown, re.M
            )
            assert re.search(r"^v-1 +l-1 +web-\d+ +ready +127.0.0.1:\d+ -> 80$", shown, re.M)
            released = visitor.json("account", "release", "l-1", "--key", "shop.pem")
            assert released["state"] == "ended"
            state = visitor.json("account", "state", "--key", "shop.pem")
    # A released spot unit owes at least five minutes: a twelfth of the hour's price, rounded up.
    owed_ucr = -(-PRICE_UCR // 12)
    assert state["balances"] == {"available_ucr": DEPOSIT_UCR - owed_ucr, "held_ucr": 0}
    assert json.loads(visitor.run("exchange", "verify", "--data", "market"))["seq"] > 1


def refused(args: Sequence[str], exit_code: int) -> str:
    """Run ``headroom ARGS``, which must fail; returns what it says."""
    code, out, said = run([*args])
    assert (code, out) == (exit_code, ""), (args, code, out, said)
    return said.strip()


def test_an_enrollment_that_fails_leaves_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere = ("--url", "ws://127.0.0.1:9/v1/ws", "--key", "r1.pem")
    enroll = ("host", "enroll", *nowhere, "--name", "r1", "--hardware-id", "hw-1")
    refused((*enroll, "--token", "t"), 1)
    refused((*enroll, "--token", ""), 2)
    assert not list(tmp_path.iterdir())
    new_key(tmp_path / "r1.pem")
    refused((*enroll, "--token", "t"), 1)
    assert (tmp_path / "r1.pem").exists(), "it was there before"


def test_mistakes_at_the_shell_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new_key(tmp_path / "k.pem")
    nowhere = ("--url", "ws://127.0.0.1:9/v1/ws", "--key", "k.pem")
    for args, exit_code in [
        (("account", "state", *nowhere), 1),
        (("account", "state", "--key", "absent.pem"), 1),
        (("account", "token", *nowhere, "--zone", "eu-de", "--uses", "0"), 2),
        (("account", "token", *nowhere, "--zone", ""), 2),
        (("account", "release", *nowhere, ""), 2),
        ((*ADMIN_KEY, *nowhere, "--public-key", "zzz"), 2),
    ]:
        said = refused(args, exit_code)
        assert said.startswith("headroom: "), args
        assert "\n" not in said, args
        assert "regex" not in said, args


def test_a_bid_that_rests_is_taken_up_by_the_next_run(tmp_path: Path) -> None:
    """Ctrl-C ends the buyer without a traceback; the next run waits for the same bid."""
    visitor = Visitor(tmp_path)
    with opened(visitor):
        image = put_image(visitor)
        assert visitor.run(str(EXAMPLES / "sell.py"), exit_code=1).startswith(
            "sell.py: insufficient_capacity: "
        )
        for _ in range(2):
            process = waiting_buyer(visitor, image)
            process.send_signal(signal.SIGINT)
            assert last_words(process) == (130, "", "")
        (order,) = visitor.json("account", "state", "--key", "shop.pem")["orders"]
        assert (order["status"], order["leaves_qty"]) == ("new", 1)
    said = visitor.run(str(EXAMPLES / "buy.py"), "0" * 64, exit_code=1)
    assert said.startswith("buy.py: ws://127.0.0.1:")
    assert "\n" not in said
    assert visitor.run(str(EXAMPLES / "buy.py"), exit_code=1).startswith("usage: ")


def test_a_guest_on_a_lease_that_ended_is_not_taken_for_the_new_one(tmp_path: Path) -> None:
    """(Seen to fail while any VM that had been ready was: its host is away, it is `stopping`.)"""
    visitor = Visitor(tmp_path)
    with opened(visitor):
        image = put_image(visitor)
        with host(visitor):
            sell(visitor)
            assert visitor.run(str(EXAMPLES / "buy.py"), image).startswith("l-1: ")
        visitor.run("account", "release", "l-1", "--key", "shop.pem")
        buyer = waiting_buyer(visitor, image)
        with host(visitor):
            sell(visitor)
            code, out, _ = last_words(buyer)
    assert (code, out[:5]) == (0, "l-2: ")


def test_nothing_is_bought_for_an_image_that_is_not_there(tmp_path: Path) -> None:
    visitor = Visitor(tmp_path)
    buy = str(EXAMPLES / "buy.py")
    with opened(visitor):
        assert visitor.run(buy, "0" * 64, exit_code=1).startswith("buy.py: image_unknown: ")
        assert visitor.run(buy, "guest", exit_code=1).startswith("buy.py: invalid_field: ")
        state = visitor.json("account", "state", "--key", "shop.pem")
        assert (state["orders"], state["leases"]) == ([], [])


def waiting_buyer(visitor: Visitor, image: str) -> subprocess.Popen[str]:
    """Start the buyer and return it when its bid rests."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "buy.py"), image],
        cwd=visitor.folder,
        env=visitor.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "bid rests, waiting for a seller\n"
    return process


def last_words(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return the exit code, the output and what else it says to standard error."""
    with process:
        out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def test_the_readme_shows_the_example_that_was_walked() -> None:
    _, _, program = (EXAMPLES / "buy.py").read_text("utf-8").partition('"""\n\n')
    assert f"```python\n{program}```\n" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_the_readme_leads_to_every_example(example: Path) -> None:
    assert f"docs/examples/{example.name}" in (ROOT / "README.md").read_text("utf-8")
