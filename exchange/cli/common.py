"""What every command of `headroom` shares: exit codes, how it ends, options, money and time. Shell.

An option that several commands take is declared here and nowhere else, so that it has one name, one
type and one environment variable. `headroom --help` imports this module: it imports nothing slow.
"""

import json
import math
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperCommand

from exchange.units import MS_PER_SECOND, credits_text, ucr_from_credits

EXIT_NOT_SO: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, what a shell reports for Ctrl-C
EXIT_TERMINATED: Final = 143  # 128 + SIGTERM

URL_ENV: Final = "HEADROOM_URL"
KEY_ENV: Final = "HEADROOM_KEY"
OPERATOR_KEY_ENV: Final = "HEADROOM_OPERATOR_KEY"

DEFAULT_URL: Final = "ws://127.0.0.1:8750/v1/ws"


def _url(default: str) -> Any:
    text = f"The exchange, ws:// or wss://; several with commas between. Default: {default}."
    return typer.Option("--url", metavar="URL", help=text, envvar=URL_ENV)


def _key(text: str, *env: str) -> Any:
    return typer.Option("--key", metavar="FILE", help=text, envvar=[*env, KEY_ENV])


Url = Annotated[str | None, _url(DEFAULT_URL)]
UrlOrFiles = Annotated[str | None, _url(f"the settings file's, else {DEFAULT_URL}")]
"""For a command with a settings file that may name the exchange."""
UrlOrLater = Annotated[str | None, _url("none, it is told at the boot")]
"""For an image that a server is booted from."""
UrlToCompare = Annotated[str | None, _url("none, the clock is not compared")]
"""For the doctor, which needs no exchange."""

Key = Annotated[Path, _key("Your key file.")]
KeyOrNone = Annotated[Path | None, _key("Your key file; without it there is no login.")]
KeyOrFiles = Annotated[Path | None, _key("Your key file; default: the settings file's.")]
HostKey = Annotated[Path, _key("This host's own key file.")]
OperatorKey = Annotated[Path, _key("The operator's key file.", OPERATOR_KEY_ENV)]

Mvcpu = Annotated[
    int | None, typer.Option("--mvcpu", min=0, help="Offer this much CPU, in 1/1000 vCPU.")
]
MemMib = Annotated[int | None, typer.Option("--mem-mib", min=0, help="Offer this much memory.")]
DiskMib = Annotated[int | None, typer.Option("--disk-mib", min=0, help="Offer this much disk.")]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
JsonAnyway = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, as without this switch.")
]
"""For a command that always prints JSON: it accepts the switch, so that scripts can pass it to
every command."""

JsonOrFile = Annotated[
    Path | None,
    typer.Option("--json", metavar="[FILE]", help="Print one JSON object, or write it to FILE."),
]
"""For `headroom sim`, whose contract gives --json a file; use `JsonOrFileCommand`."""
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write one JSON object to FILE.")
]

LAST_MOMENT_MS: Final = 253_402_300_799_999
"""The end of the year 9999, the last that Python's dates can hold; the wire allows more."""
_CREDITS: Final = re.compile(r"[+-]?[0-9]{1,16}(\.[0-9]{1,6})?")


def credits_option(name: str, text: str) -> Any:
    """Return an option for money that a person types in credits; its value is micro-credits."""
    return typer.Option(name, metavar="CREDITS", parser=ucr, help=text)


def date_option(name: str, text: str) -> Any:
    """Return an option for a UTC day or moment; its value is epoch milliseconds."""
    return typer.Option(name, metavar="DATE", parser=utc_ms, help=text)


def either(command: str, given: dict[str, int | None], required: bool = False) -> int | None:
    """Return the value of options that mean the same in two units, such as --price-ucr and --price.

    Exit 2 when more than one is given, or ``required`` and none.
    """
    told = [(name, value) for name, value in given.items() if value is not None]
    if len(told) > 1:
        fail(f"{command}: {' or '.join(given)}, not both", EXIT_USAGE)
    if required and not told:
        names = " or ".join(f"'{name}'" for name in given)
        fail(f"{command}: missing option {names}", EXIT_USAGE)
    return told[0][1] if told else None


class JsonOrFileCommand(TyperCommand):
    """A command whose --json takes a file, or nothing: then it stands for ``-``, the console."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, json_to_console(args))


def json_to_console(args: list[str]) -> list[str]:
    """Return ``args`` with ``-`` behind a --json that is the last word or before an option."""
    given: list[str] = []
    for word, after in zip(args, [*args[1:], "--"], strict=True):
        given.append(word)
        if word == "--json" and after.startswith("-") and after != "-":
            given.append("-")
    return given


def fail(text: str, code: int = EXIT_NOT_SO) -> NoReturn:
    """Print what is wrong, a line each, and leave with ``code``."""
    for line in text.splitlines():
        typer.echo(f"headroom: {line}", err=True)
    raise typer.Exit(code)


def print_json(result: Any) -> None:
    """Print one JSON value on one line."""
    sys.stdout.write(json.dumps(result) + "\n")


def finite(number: float | None) -> float | None:
    """Check an option's number: every comparison with "nan" is false, so no bound refuses it."""
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"{number} is not a finite number")
    return number


def money(amount_ucr: int) -> str:
    """Return an amount for people: ``0.025000 credits``."""
    return f"{credits_text(amount_ucr)} credits"


def moment(ms: int) -> str:
    """Return a UTC time for people: ``2026-11-29T20:40:46Z``, which `utc_ms` reads again."""
    if ms > LAST_MOMENT_MS:
        return "after the year 9999"
    told = datetime.fromtimestamp(ms // MS_PER_SECOND, UTC).replace(tzinfo=None)
    return f"{told.isoformat()}Z"


def ucr(text: str) -> int:
    """Return the micro-credits of an amount that a person typed in credits, exactly.

    More than six decimals are refused: the booked amount must be exactly the typed one.
    """
    if not _CREDITS.fullmatch(text):
        raise typer.BadParameter(f"{text} is not an amount of credits such as 500 or 0.025")
    return ucr_from_credits(text)


def utc_ms(text: str) -> int:
    """Return a day or a moment that a person typed, as UTC milliseconds."""
    try:
        told = datetime.fromisoformat(text)
        ms = int(told.replace(tzinfo=told.tzinfo or UTC).timestamp() * MS_PER_SECOND)
    except (ValueError, OverflowError):
        example = "2026-11-01 or 2026-11-01T12:00"
        raise typer.BadParameter(f"{text}: not a date such as {example}") from None
    if ms < 0:
        raise typer.BadParameter(f"{text}: before 1970")
    return ms
