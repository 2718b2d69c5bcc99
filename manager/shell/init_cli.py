"""`headroom manager init`: a first manager.toml from three questions. Shell."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from exchange.cli.common import EXIT_USAGE, Json, KeyOrFiles, UrlOrFiles, fail, print_json
from exchange.files import why
from manager.shell.config import ConfigError, read_config
from manager.shell.first_file import Answers, first_file

DEFAULT_FILE = Path("manager.toml")


def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="What to write.")] = DEFAULT_FILE,
    url: UrlOrFiles = None,
    key: KeyOrFiles = None,
    image: Annotated[
        str | None, typer.Option("--image", help="Folder, .tar, .qcow2, raw disk or SHA-256.")
    ] = None,
    haproxy: Annotated[
        str | None, typer.Option("--haproxy", help="HAProxy's stats socket of level admin.")
    ] = None,
    backend: Annotated[str, typer.Option("--backend", help="HAProxy's backend.")] = "farm",
    load_url: Annotated[
        str | None, typer.Option("--load-url", help="Without HAProxy: JSON with the load.")
    ] = None,
    zone: Annotated[str, typer.Option("--zone", help="Where to buy.")] = "eu-de",
    vm_class: Annotated[str, typer.Option("--vm-class", help="The size of the VM.")] = "small",
    as_json: Json = False,
) -> None:
    """Write a first, commented manager.toml; what no option tells is asked."""
    if file.exists():
        fail(f"manager init: {file} exists already", EXIT_USAGE)
    answers = Answers(
        url=url or _ask("Which exchange? (wss://HOST/v1/ws)", "--url"),
        key=str(key or _ask("Your key file?", "--key")),
        image=image or _ask("Which image shall serve? (path or SHA-256)", "--image"),
        haproxy=haproxy,
        backend=backend,
        load_url=load_url,
        zone=zone,
        vm_class=vm_class,
    )
    if haproxy is None and load_url is None:
        answers = _with_load(answers)
    _write(file, first_file(answers))
    mistakes = _mistakes(file)
    if as_json:
        print_json({"file": str(file), "mistakes": mistakes})
        return
    print(f"wrote {file}")
    for mistake in mistakes:
        print(f"to be put right: {mistake}")
    print(f"next: headroom manager check {file}")


def _with_load(given: Answers) -> Answers:
    """Ask for HAProxy's socket, or the address of a load figure."""
    where = _ask("HAProxy's socket, or a URL with the load as JSON?", "--haproxy or --load-url")
    if where.startswith(("http://", "https://")):
        return replace(given, load_url=where)
    return replace(given, haproxy=where)


def _ask(question: str, option: str) -> str:
    """Ask at the terminal; without one, name the option that is missing."""
    if not sys.stdin.isatty():
        fail(f"manager init: missing {option}", EXIT_USAGE)
    return str(typer.prompt(question)).strip()


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        fail(f"manager init: {file}: {why(error)}")


def _mistakes(file: Path) -> list[str]:
    try:
        read_config(file, "check")
    except ConfigError as error:
        return error.lines
    return []
