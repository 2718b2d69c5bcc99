"""Values that cannot be, on the command line: one line, the right code, nothing done or left."""

from pathlib import Path

import pytest

from exchange.keys import new_key
from exchange.server.clock import BEHIND_MAX_MS, behind_ms, clock_fault
from exchange.wire.image_kind import by_magic, mistake
from exchange.wire.types import ImageFormat
from tests.bad_paths import left_in
from tests.command import run

HOST = "host run --key KEY --url ws://127.0.0.1:1 --hypervisor memory --state new"
DRY = "manager dry-run none.toml --trace none.csv"
SIM = "sim run scenarios/bad_day.toml --trace none.csv --column c"
STATE = "account state --key KEY --url"
WRONG = [
    ("account statement --key KEY --from 2026-11-02 --to 2026-11-01", 2, "--to 2026-11-01"),
    ("account statement --key KEY --from 2026-11-02 --to 2026-11-02", 2, "--to 2026-11-02"),
    ("account statement --key KEY --from 1969-12-31", 2, "'--from': 1969-12-31: before 1970"),
    ("account statement --key KEY --to 1969-12-31", 2, "'--to': 1969-12-31: before 1970"),
    ("exchange init --data EMPTY --operator-key KEY", 2, "exchange: --data ''"),
    ("exchange init --data= --operator-key KEY", 2, "exchange: --data ''"),
    ("key new EMPTY", 2, "an argument is empty"),
    (f"{DRY} --per-s nan", 2, "'--per-s': nan is not a finite number"),
    (f"{DRY} --scale inf", 2, "'--scale': inf is not a finite number"),
    (f"{DRY} --unit-rps nan", 2, "'--unit-rps': nan is not a finite number"),
    (f"{DRY} --boot-s nan", 2, "'--boot-s': nan is not a finite number"),
    (f"{SIM} --scale nan", 2, "'--scale': nan is not a finite number"),
    (f"{SIM} --from-s nan", 2, "'--from-s': nan is not a finite number"),
    (f"{SIM} --per-s nan", 2, "'--per-s': nan is not a finite number"),
    ("demo --headless --for nan", 2, "invalid value for '--for'"),
    (f"{STATE} ws://127.0.0.1:99999", 1, "ws://127.0.0.1:99999: not an address"),
    (f"{STATE} ws://127.0.0.1:x", 1, "ws://127.0.0.1:x: not an address"),
    (f"{STATE} ws://[::1", 1, "ws://[::1: not an address"),
    (f"{STATE} ws://:8750", 1, "ws://:8750: not an address"),
    (f"{STATE} ftp://127.0.0.1", 1, "ftp://127.0.0.1: not an address"),
    (f"{HOST} --ports 31000-30000", 2, "--ports 31000-30000"),
    (f"{HOST} --ports 0-65536", 2, "--ports 0-65536"),
    ("exchange serve --data new --listen 127.0.0.1:70000", 2, "--listen 127.0.0.1:70000"),
]


@pytest.mark.parametrize(("line", "code", "part"), WRONG)
def test_a_value_that_cannot_be(line: str, code: int, part: str, tmp_path: Path) -> None:
    new_key(tmp_path / "KEY")
    known = {"KEY": str(tmp_path / "KEY"), "new": str(tmp_path / "new"), "EMPTY": ""}
    done = run([known.get(word, word) for word in line.split()])
    assert (done.code, done.out, len(done.errors.splitlines())) == (code, "", 1), done
    assert part in done.errors
    assert left_in(tmp_path) == ["KEY"]


ON_A_FULL_DISK = [
    ("key new AT/k.pem", (1,)),
    ("exchange init --data AT/d --operator-key KEY", (1,)),
    ("exchange backup --data DATA AT/b", (1,)),
    ("exchange rebuild --data DATA", (1, 70)),
    ("exchange serve --data DATA --listen 127.0.0.1:0 --ready-file AT/r", (1, 70)),
    ("host enroll --key AT/k.pem --url ws://127.0.0.1:1 --token t --name n", (1,)),
    ("image put AT/guest --key KEY --url ws://127.0.0.1:1", (1,)),
]


@pytest.mark.parametrize(("line", "codes"), ON_A_FULL_DISK)
def test_a_disk_without_room(
    line: str, codes: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file may grow, as on a full disk. A path and a reason are told, and nothing is left."""
    key, data, at = (tmp_path / name for name in ("KEY", "DATA", "at"))
    new_key(key)
    assert run(["exchange", "init", "--data", str(data), "--operator-key", str(key)]).code == 0
    (at / "guest").mkdir(parents=True)
    for name in ("vmlinuz", "initrd.gz"):
        (at / "guest" / name).write_bytes(bytes(10_000))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    known = {"KEY": str(key), "DATA": str(data)}
    before, args = left_in(at), [known.get(word, word) for word in line.split()]
    done = run([arg.replace("AT/", f"{at}/") for arg in args], bytes_max=0)
    assert done.code in codes, done
    assert len(done.errors.splitlines()) == 1
    assert str(tmp_path) in done.errors
    assert left_in(at) == before
    assert run(["exchange", "verify", "--data", str(data)]).code == 0


TAR = bytes(257) + b"ustar\0" + b"00" + bytes(247)
QCOW2 = b"QFI\xfb\0\0\0\3" + bytes(504)
KINDS: list[tuple[ImageFormat, int, bytes, str | None]] = [
    ("raw", 0, b"", "not a raw disk"),
    ("raw", 8, b"headroom", "not a raw disk"),
    ("raw", 511, bytes(511), "not a raw disk"),
    ("raw", 512, bytes(512), None),
    ("raw", 1 << 30, bytes(512), None),
    ("raw", 1024, QCOW2, "it is a qcow2 image"),
    ("qcow2", 8, b"headroom", "not a qcow2 image"),
    ("qcow2", 8, QCOW2[:8], "not a qcow2 image"),
    ("qcow2", 4096, b"QFI\xfb\0\0\0\1" + bytes(504), "not a qcow2 image"),
    ("qcow2", 4096, QCOW2, None),
    ("bundle", 8, b"headroom", "not a tar archive"),
    ("bundle", 512, TAR, "not a tar archive"),
    ("bundle", 10_240, bytes(512), "not a tar archive"),
    ("bundle", 10_240, TAR, None),
]


@pytest.mark.parametrize(("image_format", "size", "head", "part"), KINDS)
def test_what_is_no_image(
    image_format: ImageFormat, size: int, head: bytes, part: str | None
) -> None:
    told = mistake(image_format, size, head)
    assert told is None if part is None else told is not None and part in told


def test_a_qcow2_image_is_known_by_its_first_bytes() -> None:
    assert by_magic(QCOW2, "raw") == "qcow2"
    assert by_magic(bytes(512), "raw") == "raw"
    assert by_magic(QCOW2, "bundle") == "bundle"


@pytest.mark.parametrize("name", ["tiny.img", "no.qcow2", "no.tar"])
def test_what_is_no_image_is_not_uploaded(name: str, tmp_path: Path) -> None:
    new_key(tmp_path / "KEY")
    (tmp_path / name).write_bytes(b"headroom")
    key, url = str(tmp_path / "KEY"), "ws://127.0.0.1:1"
    done = run(["image", "put", str(tmp_path / name), "--key", key, "--url", url])
    assert (done.code, len(done.errors.splitlines())) == (1, 1)
    assert f"{tmp_path / name}: not a" in done.errors


LAST_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("behind", "wait_ms", "refused"),
    [
        (-1_000, 0, False),
        (0, 0, False),
        (1, 1, False),
        (1_000, 1_000, False),
        (BEHIND_MAX_MS, BEHIND_MAX_MS, False),
        (BEHIND_MAX_MS + 1, BEHIND_MAX_MS + 1, True),
    ],
)
def test_a_small_step_back_is_waited_out(behind: int, wait_ms: int, refused: bool) -> None:
    assert behind_ms(LAST_MS, LAST_MS - behind) == wait_ms
    assert (clock_fault(LAST_MS, LAST_MS - behind) is not None) == refused
