"""`headroom account statement`: an account's history as CSV or JSON, to keep or to check. Shell."""

import asyncio
import csv
import sys
from typing import Annotated, Any, get_args

import typer

from exchange.cli.common import (
    DEFAULT_URL,
    EXIT_USAGE,
    Json,
    Key,
    Url,
    date_option,
    fail,
    moment,
    print_json,
)
from exchange.cli.fleet import work
from exchange.cli.one_request import refusal
from exchange.cli.statement_text import statement_lines
from exchange.client import Client, Refused, Unknown, Unreachable
from exchange.keys import KeyFileError, load_private_key
from exchange.wire.requests import AccountStatement, StatementKind


def statement(
    key: Key,
    kind: Annotated[str, typer.Option(help=", ".join(get_args(StatementKind)))] = "postings",
    since: Annotated[int | None, date_option("--from", "First day or moment, UTC.")] = None,
    until: Annotated[int | None, date_option("--to", "Up to before this day or moment.")] = None,
    form: Annotated[str, typer.Option("--format", help="csv, json, or table: for people.")] = "csv",
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Print your account's postings, trades, charges, usage or invoices, oldest first."""
    if kind not in get_args(StatementKind):
        fail(f"--kind {kind}: not one of {', '.join(get_args(StatementKind))}", EXIT_USAGE)
    if form not in ("csv", "json", "table"):
        fail(f"--format {form}: not csv, json or table", EXIT_USAGE)
    from_ms, to_ms = since or 0, until
    if to_ms is not None and from_ms >= to_ms:
        fail(f"--to {moment(to_ms)}: not after --from {moment(from_ms)}", EXIT_USAGE)
    try:
        private_key = load_private_key(key)
        found = asyncio.run(_all(url or DEFAULT_URL, private_key, kind, from_ms, to_ms))
    except (KeyFileError, Unreachable, Unknown) as error:
        fail(str(error))
    except Refused as error:
        fail(refusal(error))
    _print(kind, *found, "json" if as_json else form)


async def _all(
    url: str, key: Any, kind: Any, from_ms: int, to_ms: int | None
) -> tuple[list[str], list[dict[str, Any]]]:
    """Ask for page after page; returns the names of the columns and all rows."""
    columns: list[str] = []
    rows: list[dict[str, Any]] = []
    offset: int | None = 0
    async with Client(url, key) as client:
        while offset is not None:
            asked = AccountStatement(
                req_id=1, kind=kind, from_ms=from_ms, to_ms=to_ms, offset=offset
            )
            found = await client.request(asked)
            columns = found["columns"]
            rows.extend(found["rows"])
            offset = found.get("next")
    return columns, rows


def _print(kind: str, columns: list[str], rows: list[dict[str, Any]], form: str) -> None:
    if form == "json":
        print_json(rows)
    elif form == "table":
        for line in statement_lines(kind, columns, rows, work.width()):
            sys.stdout.write(line + "\n")
    else:
        writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
