"""`headroom sim`: the table of its commands; each is a function in a file of its own."""

import typer

from exchange.cli.common import JsonOrFileCommand
from sim.cli.check import check, list_shipped
from sim.cli.compare import compare_results
from sim.cli.decide import decide
from sim.cli.record import record
from sim.cli.replay import replay
from sim.cli.run import run
from sim.cli.serve import serve
from sim.cli.sweep import sweep_seeds

app = typer.Typer(no_args_is_help=True, help="Replay a workload peak in virtual time.")


@app.callback()
def _main() -> None:
    """Replay a workload peak in virtual time, against the product's own code."""


app.command("list")(list_shipped)
app.command("check")(check)
app.command("run", cls=JsonOrFileCommand)(run)
app.command("record")(record)
app.command("replay")(replay)
app.command("decide", cls=JsonOrFileCommand)(decide)
app.command("sweep", cls=JsonOrFileCommand)(sweep_seeds)
app.command("compare")(compare_results)
app.command("serve")(serve)
