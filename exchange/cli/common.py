"""What every command of `headroom` needs: exit codes, the one line that ends it, options. Shell."""

import math
from typing import Final, NoReturn

import typer

EXIT_NOT_SO: Final = 1
EXIT_USAGE: Final = 2


def fail(text: str, code: int = EXIT_NOT_SO) -> NoReturn:
    """Print one line and leave with ``code``."""
    typer.echo(f"headroom: {text}", err=True)
    raise typer.Exit(code)


def finite(number: float | None) -> float | None:
    """Check an option's number: every comparison with "nan" is false, so no bound refuses it."""
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"{number} is not a finite number")
    return number
