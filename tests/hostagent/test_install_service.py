"""`host install-service`: what is written, again, with other options, and taken away."""

import re
import shlex
from pathlib import Path

import pytest

from exchange.cli.common import KEY_ENV, URL_ENV
from exchange.keys import new_key
from hostagent.service_unit import NAME, SETTINGS, UNIT, WANTED
from tests.command import Outcome, run

URL = "wss://headroom.example/v1/ws"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    new_key(tmp_path / "host.pem")
    return tmp_path / "root"


def install(root: Path, *told: str) -> Outcome:
    where = ("--root", str(root), "--key", str(root.parent / "host.pem"), "--url", URL)
    return run(["host", "install-service", *where, *told])


def test_it_is_written_once_and_again_only_when_something_changed(root: Path) -> None:
    first = install(root, "--advertise", "203.0.113.7")
    assert (first.code, first.errors, first.out.count("wrote ")) == (0, "", 3)
    files = {name: (root / name).read_bytes() for name in (SETTINGS, UNIT)}
    assert (root / WANTED).readlink() == Path(f"/{UNIT}")
    assert (root / "var/lib/headroom").is_dir()
    again = install(root, "--advertise", "203.0.113.7")
    assert again == (0, f"{NAME} starts with the system\n", "")
    assert files == {name: (root / name).read_bytes() for name in files}
    other = install(root, "--advertise", "203.0.113.8")
    assert other.out == f"wrote {root / SETTINGS}\n{NAME} starts with the system\n"


def test_the_agent_gets_the_options_that_were_told(root: Path) -> None:
    """Whatever `host run` takes: it reads what systemd would hand it."""
    told = ("--advertise", "2001:db8::7", "--ports", "40000-40099", "--mvcpu", "3000")
    assert install(root, *told, "--classes", "a=1000/512/0,b=2000/512/0").code == 0
    lines = (root / SETTINGS).read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert settings[URL_ENV] == URL
    assert settings[KEY_ENV] == str(root.parent / "host.pem")
    words = settings["HEADROOM_OPTIONS"].split()
    assert words[:6] == ["--advertise", "2001:db8::7", "--ports", "40000-40099", *words[4:6]]
    assert "--mvcpu" in words
    [command] = re.findall("^ExecStart=(.*)$", (root / UNIT).read_text(), re.MULTILINE)
    program, *parts = shlex.split(command)
    assert Path(program).is_absolute()
    assert [*parts[-6:]] == ["host", "run", "--service", *parts[-3:]]
    assert parts[-3:] == ["--state", "/var/lib/headroom", "$HEADROOM_OPTIONS"]


def test_a_stop_ends_no_vm_and_wrong_settings_no_loop(root: Path) -> None:
    install(root)
    lines = (root / UNIT).read_text().splitlines()
    assert "KillMode=mixed" in lines, "only what the agent itself started is killed"
    assert not [line for line in lines if line.startswith(("PartOf", "BindsTo", "Requires"))]
    assert {"Restart=on-failure", "RestartPreventExitStatus=2 3"} <= set(lines)


def test_print_writes_nothing(root: Path) -> None:
    shown = install(root, "--print", "--state", "/srv/headroom")
    assert (shown.code, shown.errors) == (0, "")
    assert {f"# /{SETTINGS}", f"# /{UNIT}", "ReadWritePaths=/srv/headroom"} <= set(
        shown.out.splitlines()
    )
    assert not root.exists()


def test_it_is_taken_away_once_and_key_and_state_stay(root: Path) -> None:
    install(root)
    gone = install(root, "--uninstall")
    assert (gone.code, gone.out.count("removed ")) == (0, 3)
    assert gone.out.endswith("key, state and VMs stay\n")
    assert install(root, "--uninstall") == (0, f"{NAME} is not installed\n", "")
    assert (root / "var/lib/headroom").is_dir()
    assert (root.parent / "host.pem").exists()


@pytest.mark.parametrize(
    ("told", "code", "line"),
    [
        (("--outbound", "proxy"), 2, "--outbound proxy and --proxy ADDRESS:PORT belong together"),
        (("--outbound", "some"), 2, "--outbound some: not none, proxy or all"),
        (("--hypervisor", "xen"), 2, "--hypervisor xen: not qemu:///system"),
        (("--tag", "a=b=c"), 2, "--tag 'a=b=c': not a word"),
        (("--mvcpu", str(2**53 + 1)), 2, "--mvcpu 9007199254740993: not a whole number from 0"),
        (("--advertise", "0.0.0.0"), 2, "--advertise '0.0.0.0': not an address"),  # noqa: S104
        (("--ports", "9-1"), 2, "--ports 9-1: not LO-HI"),
        (("--classes", "a"), 2, "--classes 'a': not NAME="),
        (("--nonsense", "1"), 2, "host run: no such option: --nonsense"),
        (("--mvcpu", "many"), 2, "host run: invalid value for '--mvcpu'"),
        (("--state", "/srv/a b"), 2, "'/srv/a b': systemd would read it otherwise"),
        (("--state", "/srv/%n"), 2, "'/srv/%n': systemd would read it otherwise"),
        (("--url", "ftp://x"), 1, "ftp://x"),
        (("--key", "/nowhere/host.pem"), 1, "key file /nowhere/host.pem: No such file"),
        (("--root", "/", "--state", "/tmp/x"), 2, "a service has a /tmp of its own"),
    ],
)
def test_what_the_agent_would_refuse_is_refused_before_anything_is_written(
    told: tuple[str, ...], code: int, line: str, root: Path
) -> None:
    done = install(root, *told)
    assert (done.code, done.out, done.errors.count("\n")) == (code, "", 1)
    assert line in done.errors
    assert not root.exists()
