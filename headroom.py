"""The command line: `headroom exchange|host|manager|sim|tui|demo|key|account|admin|image`.

Each sub-command lives in its own package and is imported only when it is asked for, so that
`headroom --help` is quick and a host without Textual or an exchange without libvirt still runs.
"""

import sys
from collections.abc import Callable
from importlib import import_module, metadata
from typing import Annotated, Final, NamedTuple

import typer
from typer.main import get_command

EXIT_NOT_SO: Final = 1
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, what a shell reports for Ctrl-C


class Mount(NamedTuple):
    """Where a sub-command lives; the module exposes a `typer.Typer` called ``app``."""

    module: str
    help: str


MOUNTS: Final[dict[str, Mount]] = {
    "demo": Mount("tui.demo", "All of it in one terminal: exchange, hosts, traders, the market."),
    "tui": Mount("tui.cli", "The market in the terminal, or in a browser with --web."),
    "exchange": Mount("exchange.cli", "Run the Marketplace: init, serve, verify, backup."),
    "host": Mount("hostagent.cli", "Run a server as a host: enroll, run, doctor, build-guest."),
    "manager": Mount("manager.cli", "Run the administrator's robot: rules that buy and release."),
    "sim": Mount("sim.cli", "Replay a workload peak in virtual time."),
    "key": Mount("exchange.key_cli", "Make and show Ed25519 key files."),
    "account": Mount("exchange.account_cli", "Your own account: state, orders, leases, VMs."),
    "admin": Mount("exchange.admin_cli", "The operator's requests to a running exchange."),
    "image": Mount("exchange.image_cli", "Put VM images into the exchange's store."),
}

# What a plain `pip install headroom` leaves out, and the extra that brings it.
EXTRAS: Final = {"libvirt": "host", "libvirtaio": "host", "lightmatchingengine": "bench"}


def run_mounted(name: str, args: list[str]) -> None:
    """Import the sub-command ``name`` and run it with ``args``; leaves by `SystemExit`."""
    try:
        app = import_module(MOUNTS[name].module).app
        command = get_command(app)
        # Completion is installed for `headroom` as a whole, never for one of its parts.
        command.params = [p for p in command.params if not str(p.name).endswith("_completion")]
        command.main(args=args, prog_name=f"headroom {name}")
    except ModuleNotFoundError as error:
        sys.exit(missing_package(name, error))


def missing_package(name: str, error: ModuleNotFoundError) -> int:
    """Say in one line which package `headroom NAME` needs, and return the exit code."""
    package = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(package)
    mend = f"pip install 'headroom[{extra}]'" if extra else "reinstall headroom"
    line = f"headroom {name}: the Python package {error.name!r} is missing; {mend}"
    typer.echo(line, err=True)
    return EXIT_NOT_SO


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"headroom {metadata.version('headroom')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Headroom: an exchange for the capacity that stands idle in data centres."""


def _forward(name: str) -> Callable[[typer.Context], None]:
    def forward(ctx: typer.Context) -> None:
        run_mounted(name, ctx.args)

    return forward


def build_app() -> typer.Typer:
    """Return the root command: one forwarding command per mount, none of them imported yet."""
    app = typer.Typer(no_args_is_help=True, add_completion=False)
    app.callback()(_root)
    for name, mount in MOUNTS.items():
        # The mounted command parses its own options, `--help` among them.
        app.command(
            name,
            help=mount.help,
            add_help_option=False,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        )(_forward(name))
    return app


def main() -> None:
    """Entry point of the `headroom` script."""
    try:
        get_command(build_app()).main(prog_name="headroom")
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
