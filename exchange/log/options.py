"""The two options of every command that runs and logs. Shell: Typer reads them."""

from enum import StrEnum
from typing import Annotated

import typer

from exchange.log import log


class LogLevel(StrEnum):
    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


class LogFormat(StrEnum):
    text = "text"
    json = "json"


Level = Annotated[LogLevel, typer.Option("--log-level", help="The least that is logged.")]
Format = Annotated[LogFormat, typer.Option("--log-format", help="A sentence, or JSON, a line.")]
INFO = LogLevel.info
TEXT = LogFormat.text


def set_up(level: LogLevel, form: LogFormat) -> None:
    """Begin to log to stderr."""
    log.set_up(level.value, form.value)
