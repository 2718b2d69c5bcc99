"""Every file and folder a command takes, tried with what cannot be used: one line, nothing left.

A new option of type `Path` that `TRIED` does not try fails `test_every_path_is_tried`.
"""

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import typer

import headroom
from exchange import files
from exchange.cli.mounts import MOUNTS
from exchange.keys import new_key
from tests import bad_paths
from tests.bad_paths import Bad, as_anybody, left_in
from tests.command import run

NOBODY = ("--url", "ws://127.0.0.1:1/v1/ws")
"""Nobody listens there."""
MANAGER = """
schema = 1
[load]
unit_rps = 10.0
url = "http://127.0.0.1:1/load"
[[vm]]
name = "web"
image = "DISK"
class = "small"
[[rule]]
name = "more"
when = "util > 70 for 2m"
do = "buy 1"
vm = "web"
price_max = 0.05
zones = ["eu-de"]
"""


RESULT = (
    '{"schema": 1, "scenario": "x", "seed": 1, "runs": 1, "policies": {}, "digests": {},'
    ' "expect": [], "passed": true}'
)


class Try(NamedTuple):
    """``args`` with @ for the path; KEY, DATA, DISK and the like stand for good ones."""

    args: str
    bad: tuple[Bad, ...]
    codes: tuple[int, ...] = (1,)


READ = bad_paths.NO_TEXT
NO_CONTROL = tuple(
    bad for bad in bad_paths.NO_PLACE if bad not in (bad_paths.a_socket, bad_paths.in_absent)
)
"""A socket that nobody listens at is taken over, and a folder that is not there is made."""
NO_SOCKET = (*bad_paths.NOWHERE, bad_paths.absent, bad_paths.garbage)
DATABASE = "--journal postgresql://127.0.0.1:1/nobody"
NO_SCRATCH = (bad_paths.under_a_file, bad_paths.in_closed)
DOOR = "--bus nats://127.0.0.1:1 --listen 127.0.0.1:0"
TRIED: dict[str, Try] = {
    "exchange init --data": Try("--data @ --operator-key KEY", bad_paths.NO_FOLDER),
    "exchange init --config": Try(
        "--data NEW --operator-key KEY --config @", (*bad_paths.NO_FILE, bad_paths.garbage)
    ),
    "exchange serve --data": Try("--data @ --listen 127.0.0.1:0", bad_paths.NO_DATA),
    "exchange serve --ready-file": Try(
        "--data DATA --listen 127.0.0.1:0 --ready-file @", bad_paths.NO_PLACE
    ),
    **{
        f"{command} --bus-{name}": Try(f"{args} --bus nats://127.0.0.1:1 --bus-{name} @", READ)
        for command, args in (("exchange serve", "--data DATA"), ("exchange door", ""))
        for name in ("login", "ca")
    },
    "exchange door --ready-file": Try(f"{DOOR} --ready-file @", bad_paths.NO_PLACE),
    "exchange door --tls-cert": Try(f"{DOOR} --tls-cert @", READ),
    "exchange door --tls-key": Try(f"{DOOR} --tls-cert KEY --tls-key @", READ),
    "exchange serve --tls-cert": Try("--data DATA --listen 127.0.0.1:0 --tls-cert @", READ),
    "exchange serve --tls-key": Try(
        "--data DATA --listen 127.0.0.1:0 --tls-cert KEY --tls-key @", READ
    ),
    "exchange serve --scratch": Try(f"{DATABASE} --listen 127.0.0.1:0 --scratch @", NO_SCRATCH),
    "exchange rebuild --scratch": Try(f"{DATABASE} --scratch @", NO_SCRATCH),
    "exchange move --data": Try(f"{DATABASE} --data @", bad_paths.NO_DATA),
    "exchange verify --data": Try("--data @", bad_paths.NO_DATA),
    "exchange backup --data": Try("--data @ NEW", bad_paths.NO_DATA),
    "exchange backup out": Try("--data DATA @", (*bad_paths.NO_FOLDER, bad_paths.full_folder)),
    "exchange rebuild --data": Try("--data @", bad_paths.NO_DATA),
    "key new path": Try("@", (*bad_paths.NO_PLACE, bad_paths.garbage)),
    "key show path": Try("@", READ),
    "cluster up --dir": Try("--dir @", bad_paths.NO_FOLDER),
    "cluster up --ready-file": Try("--dir NEW --ready-file @", ()),  # needs the real servers
    "cluster promote --dir": Try("--dir @", bad_paths.NO_FOLDER),
    "account state --key": Try("--key @ URL", READ),
    "account apply --key": Try("--key @ URL --name n --contact c", READ),
    "account token --key": Try("--key @ URL --zone z", READ),
    "account release --key": Try("l-1 --key @ URL", READ),
    "account statement --key": Try("--key @ URL", READ),
    "admin balances --key": Try("--key @ URL", READ),
    "image put path": Try("@ --key KEY URL", (*READ, bad_paths.closed_folder)),
    "image put --key": Try("DISK --key @ URL", READ),
    "image list --key": Try("--key @ URL", READ),
    "image delete --key": Try(f"{'0' * 64} --key @ URL", READ),
    "image offer --key": Try(f"{'0' * 64} --title t --price-ucr 1 --key @ URL", READ),
    "image buy --key": Try(f"{'0' * 64} --key @ URL", READ),
    "vm console --key": Try("v-1 --key @ URL", READ),
    "vm list --key": Try("--key @ URL", READ),
    "vm stop --key": Try("v-1 --key @ URL", READ),
    "vm start --key": Try(f"l-1 --image {'0' * 64} --key @ URL", READ),
    "vm start --user-data": Try(
        f"l-1 --image {'0' * 64} --user-data @ --key KEY URL", bad_paths.NO_FILE, (2,)
    ),
    "vm start --library": Try("l-1 --image web --library @ --key KEY URL", bad_paths.NO_DATA, (2,)),
    "lease list --key": Try("--key @ URL", READ),
    "lease release --key": Try("l-1 --yes --key @ URL", READ),
    "order list --key": Try("--key @ URL", READ),
    "order place --key": Try("small.z.flat.spot buy 1 --market --key @ URL", READ),
    "order replace --key": Try("o-1 --qty 1 --key @ URL", READ),
    "order cancel --key": Try("o-1 --key @ URL", READ),
    "find --key": Try("--class small --key @ URL", READ),
    "request --key": Try('{"type":"order.list"} --key @ URL', READ),
    "host enroll --key": Try("--key @ URL --token t --name n", (*bad_paths.NO_PLACE, *READ[-2:])),
    "host enroll --token-file": Try("--token-file @ --key NEW URL --name n", READ, (2,)),
    "host list --key": Try("--key @ URL", READ),
    "host approve --key": Try("--key @ URL", READ),
    "host drain --key": Try("h-1 --yes --key @ URL", READ),
    "host offer --key": Try("h-1 --residual-below-pct 50 --yes --key @ URL", READ),
    "host recall --key": Try("h-1 --yes --key @ URL", READ),
    "host token --key": Try("--zone z --key @ URL", READ),
    "lease recall --key": Try("l-1 --yes --key @ URL", READ),
    "host install-service --key": Try("--key @ URL --root NEW", READ),
    "host install-service --state": Try("--key KEY URL --root NEW --state @", (), (1,)),
    "host install-service --root": Try("--key KEY URL --root @", bad_paths.NO_FOLDER),
    "host run --key": Try("--key @ URL --hypervisor memory --state NEW", READ),
    "host run --state": Try(
        "--key KEY URL --hypervisor test:///default --state @", bad_paths.NO_FOLDER, (1, 2)
    ),
    "host doctor --state": Try("--state @", (bad_paths.in_closed, bad_paths.too_long)),
    "host build-guest target": Try("@", bad_paths.NO_FOLDER),
    "host build-live target": Try("@", bad_paths.NO_FOLDER),
    "host build-live --ssh-key": Try("NEW --ssh-key @", READ, (2,)),
    "host serve-netboot folder": Try("@ --listen 127.0.0.1:0", bad_paths.NO_FOLDER),
    "manager run file": Try("@", READ, (2,)),
    "manager run --config": Try("--config @", READ, (2,)),
    "manager run --key": Try("--config RULES --key @ URL", READ),
    "host build-live --cache": Try("NEW --cache @", bad_paths.NO_FOLDER),
    "manager run --control": Try("RULES --control @ --key KEY URL", NO_CONTROL),
    "manager run --tls-cert": Try("RULES --key KEY URL --web 127.0.0.1:0 --tls-cert @", READ),
    "manager run --tls-key": Try(
        "RULES --key KEY URL --web 127.0.0.1:0 --tls-cert KEY --tls-key @", READ
    ),
    "manager web-link --control": Try("--control @", NO_SOCKET),
    "manager init file": Try(
        "@ --key KEY --image DISK --load-url http://127.0.0.1:1/x URL", bad_paths.NO_PLACE, (1, 2)
    ),
    "manager init --key": Try(
        "NEW --key @ --image DISK --load-url http://127.0.0.1:1/x URL", (), (0,)
    ),
    "manager install-service file": Try("@ --root NEW", READ, (1, 2)),
    "manager install-service --root": Try("RULES --root @", bad_paths.NO_FOLDER),
    "manager burst --control": Try("web 1 --price-max 0.1 --control @", NO_SOCKET),
    "manager delete-rule --control": Try("more --control @", NO_SOCKET),
    "manager explain --control": Try("more --control @", NO_SOCKET),
    "manager hibernate --control": Try("--control @", NO_SOCKET),
    "manager pause --control": Try("more --control @", NO_SOCKET),
    "manager release-all --control": Try("--control @", NO_SOCKET),
    "manager reload --control": Try("--control @", NO_SOCKET),
    "manager resume --control": Try("more --control @", NO_SOCKET),
    "manager resume-buying --control": Try("--control @", NO_SOCKET),
    "manager status --control": Try("--control @", NO_SOCKET),
    "manager stop-buying --control": Try("--control @", NO_SOCKET),
    "manager check file": Try("@", READ, (1, 2)),
    "manager check --config": Try("--config @", READ, (1, 2)),
    "manager dry-run --control": Try("--control @", NO_SOCKET),
    "manager dry-run file": Try("@ --trace TRACE", READ, (2,)),
    "manager dry-run --config": Try("--config @ --trace TRACE", READ, (2,)),
    "manager dry-run --trace": Try("RULES --trace @", READ, (2,)),
    "sim check file": Try("@", READ, (2,)),
    "sim record --data": Try("--data @ NEW", bad_paths.NO_DATA),
    "sim record out": Try("--data DATA @", bad_paths.NO_PLACE, (2,)),
    "sim replay file": Try("@", READ, (2,)),
    "sim replay --trace": Try(
        "NEW --without a --with-policy scenarios/bad_day.toml:b --trace @ --column c", READ, (2,)
    ),
    "sim serve file": Try("@", READ, (2,)),
    "sim serve --keys": Try(
        "SCENE --listen 127.0.0.1:0 --keys @", (*bad_paths.NO_FOLDER, bad_paths.in_closed), (2,)
    ),
    "sim run file": Try("@", READ, (2,)),
    "sim run --trace": Try("SCENE --trace @ --column c", READ, (2,)),
    "sim run --json": Try("SCENE --json @", bad_paths.NO_PLACE, (2,)),
    "sim decide file": Try("@", READ, (2,)),
    "sim decide --json": Try("SCENE --json @", bad_paths.NO_PLACE, (2,)),
    "sim decide --report": Try("SCENE --report @", bad_paths.NO_PLACE, (2,)),
    "sim decide --out": Try("SCENE --out @", bad_paths.NO_PLACE, (2,)),
    "sim run --out": Try("SCENE --out @", bad_paths.NO_PLACE, (2,)),
    "sim run --report": Try("SCENE --report @", bad_paths.NO_PLACE, (2,)),
    "sim run --series": Try("SCENE --series @", bad_paths.NO_PLACE, (2,)),
    "sim run --decisions": Try("SCENE --decisions @", bad_paths.NO_PLACE, (2,)),
    "sim sweep file": Try("@ --seeds 1", READ, (2,)),
    "sim sweep --json": Try("SCENE --seeds 1 --json @", bad_paths.NO_PLACE, (2,)),
    "sim sweep --shrunk": Try("SCENE --seeds 1 --shrunk @", bad_paths.NO_PLACE, (2,)),
    "sim compare first": Try("@ RESULT", READ, (2,)),
    "sim compare second": Try("RESULT @", READ, (2,)),
    "sim compare --report": Try("RESULT RESULT --report @", bad_paths.NO_PLACE, (2,)),
    "tui --key": Try("--key @ URL", READ),
    "tui --control": Try("--control @ URL", ()),  # a Manager may come later
    "tui --tls-cert": Try("--key KEY URL --web 127.0.0.1:0 --tls-cert @", READ),
    "tui --tls-key": Try("--key KEY URL --web 127.0.0.1:0 --tls-cert KEY --tls-key @", READ),
}
ALSO = {
    "exchange init --operator-key": Try("--data NEW --operator-key @", READ),
}
"""Text that may be a path."""


def paths_taken() -> Iterator[str]:
    """Yield every option and argument of type `Path`, of all commands."""
    for mount in MOUNTS:
        app: typer.Typer = import_module(MOUNTS[mount].module).app
        root = headroom.mounted(app)
        commands = getattr(root, "commands", {None: root}) or {None: root}
        for part in [*app.registered_commands, app.registered_callback]:
            function: Any = getattr(part, "callback", None)
            if function is None:
                continue
            name = getattr(part, "name", None)
            names = {each.name: each.opts[0] for each in commands.get(name, root).params}
            for parameter in inspect.signature(function).parameters.values():
                if Path in _types(parameter.annotation):
                    yield " ".join(filter(None, [mount, name, names[parameter.name]]))


def _types(hint: Any) -> list[Any]:
    return [hint, *(each for arg in get_args(hint) for each in _types(arg))]


def test_every_path_is_tried() -> None:
    # One function makes all commands of the operator, with one --key.
    taken = {name for name in paths_taken() if not name.startswith("admin")}
    assert taken == {name for name in TRIED if not name.startswith("admin")}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files and folders that can be used, by their names in `TRIED`."""
    folder = tmp_path_factory.mktemp("good")
    names = {
        name: str(folder / name) for name in ("KEY", "DATA", "DISK", "TRACE", "RULES", "RESULT")
    }
    new_key(folder / "KEY")
    init = ["exchange", "init", "--data", names["DATA"], "--operator-key", names["KEY"]]
    assert run(init).code == 0
    (folder / "DISK").write_bytes(bytes(1 << 20))
    (folder / "TRACE").write_text("t_s,rps\n0,1\n10,50\n20,1\n")
    (folder / "RULES").write_text(MANAGER)
    (folder / "RESULT").write_text(RESULT)
    return names


def filled(name: str, tried: Try, good: dict[str, str], folder: Path, path: Path) -> list[str]:
    """Return the command line of ``tried`` with ``path`` in it."""
    command = [part for part in name.split() if not part.startswith("--")]
    if not name.partition(" --")[1]:
        command = command[:-1]
    known = good | {"@": str(path), "NEW": str(folder / "new"), "SCENE": "scenarios/bad_day.toml"}
    args = [known.get(part, part) for part in tried.args.split()]
    return [*command, *[each for arg in args for each in (NOBODY if arg == "URL" else (arg,))]]


CASES = [
    pytest.param(name, tried, bad, id=f"{name}-{bad.__name__}")
    for name, tried in (TRIED | ALSO).items()
    for bad in tried.bad
]


@pytest.mark.parametrize(("name", "tried", "bad"), CASES)
def test_a_path_that_cannot_be_used(
    name: str,
    tried: Try,
    bad: Bad,
    good: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "PIPE_TIMEOUT_S", 0.01)
    path = bad(tmp_path)
    before = left_in(tmp_path)
    with as_anybody():
        done = run(filled(name, tried, good, tmp_path, path))
    assert done.code in tried.codes, done
    assert left_in(tmp_path) == before
    if name != "host doctor --state":  # a report, whatever it finds
        assert (len(done.errors.splitlines()), done.out) == (1, "")
        assert str(path) in done.errors or "Debian" in done.errors
