"""`headroom lease`: what a seller may do with a lease. Shell.

The same as `headroom host recall`, for those who think of leases.
"""

import typer

from exchange.cli.fleet.cli import recall

app = typer.Typer(no_args_is_help=True, help="Leases that you sold.")


@app.callback()
def group() -> None:
    """Leases that you sold."""


app.command("recall")(recall)
