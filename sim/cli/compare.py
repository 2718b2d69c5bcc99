"""`headroom sim compare`: what differs between two results, and how surely. Shell."""

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from exchange.cli.common import EXIT_NOT_SO, EXIT_USAGE, Json, fail, print_json
from exchange.files import read, why
from exchange.log.line import clean
from sim.cli.outputs import Report
from sim.cli.written import check_outputs, written
from sim.page.page import render
from sim.results.compare import Told, compare
from sim.results.compare_text import heads, lines, page
from sim.results.table import wrapped

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
First = Annotated[Path, typer.Argument(help="A: what `headroom sim run --json` wrote.")]
Second = Annotated[Path, typer.Argument(help="B: the same, of later or other runs.")]


def compare_results(
    first: First, second: Second, report: Report = None, as_json: Json = False
) -> None:
    """Compare two results by seed; exit 1 when an expectation fails that held before."""
    check_outputs({"--report": report}, [first, second])
    a, b = _read(first), _read(second)
    found, names = compare(a, b), (str(first), str(second))
    wrong = list(written("--report", report, [render(page(found, names, a, b))]))
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        head = [line for one in heads(names, a, b) for line in wrapped(one, 3)]
        # The files may come from elsewhere, and their names with them.
        print("\n".join(map(clean, [*head, *lines(found)])))
    if wrong:
        fail("\n".join(wrong))
    if found.worse:
        raise typer.Exit(EXIT_NOT_SO)


def _read(file: Path) -> Told:
    try:
        told = msgspec.json.decode(read(file, FILE_BYTES_MAX), type=Told)
        compare(told, told)  # its metrics are what they should be
        return told
    except OSError as error:
        fail(f"{file}: {why(error)}", EXIT_USAGE)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        fail(f"{file}: no result of headroom sim run --json: {error}", EXIT_USAGE)
