"""The command line: `headroom exchange|host|manager|tui|demo|sim|key|account|admin|...` (`MOUNTS`).

Each sub-command lives in its own package and is imported only when it is asked for, so that
`headroom --help` is quick and a host without Textual or an exchange without libvirt still runs.
"""

import os
import re
import signal
import sys


def leave_at_once(number: int, frame: object) -> None:
    """End the process; nothing has been begun, or all of it is done."""
    os._exit(128 + number)  # EXIT_INTERRUPTED, which may not be imported yet


def quiet() -> bool:
    """Let Ctrl-C end the process at once from here on; False: it stays as it was.

    Who set a handler of his own, or ignores the signal, keeps it.
    """
    try:
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return False
        signal.signal(signal.SIGINT, leave_at_once)
    except ValueError:  # not the main thread, which alone is interrupted
        return False
    return True


# Half an import raises a traceback or, inside a compiled module, whatever it makes of one.
_QUIET = quiet()
try:
    from collections.abc import Callable, Iterator, MutableMapping
    from contextlib import contextmanager
    from importlib import import_module, metadata
    from typing import Annotated, Any, Final, NoReturn

    import typer
    from typer.core import TyperCommand, TyperGroup
    from typer.main import get_command

    from exchange.cli.common import EXIT_INTERRUPTED, EXIT_NOT_SO, EXIT_USAGE
    from exchange.cli.mounts import MOUNTS
finally:
    if _QUIET:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Let Ctrl-C end the process at once while modules are imported."""
    quieted = quiet()
    try:
        yield
    finally:
        if quieted:
            signal.signal(signal.SIGINT, signal.default_int_handler)


# What Typer raises for wrong usage: every release has this class, under names of its own.
UsageError: Final[Any] = typer.BadParameter.__mro__[1]


class Root(TyperGroup):
    """The root command; its help lists the sub-commands' own sub-commands too."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        parsed = self.commands
        self.commands = dict(listed(parsed))
        try:
            super().format_help(ctx, formatter)
        finally:
            self.commands = parsed


def listed(commands: MutableMapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each sub-command, and behind it what is below it, as lines of the help."""
    for name, command in commands.items():
        yield name, command
        for part, text in MOUNTS[name].parts.items():
            yield f"{name} {part}", TyperCommand(f"{name} {part}", help=text)


# How Typer shows the variables of an option that has a list of them.
ENV_LIST: Final = re.compile(r"\((env var: )'\[([^\]]*)\]'\)")

# What a plain `pip install headroom` leaves out, and the extra that brings it.
EXTRAS: Final = {
    "libvirt": "host",
    "libvirtaio": "host",
    "lightmatchingengine": "bench",
    "aiohttp": "web",
    "textual_serve": "web",
}


def run_mounted(name: str, args: list[str]) -> None:
    """Import the sub-command ``name`` and run it with ``args``; leaves by `SystemExit`."""
    for before, arg in zip(["", *args], args, strict=False):
        option = arg if arg.startswith("--") else before if before.startswith("--") else ""
        if arg == "" or (option == arg and arg.find("=") == len(arg) - 1 and arg):
            # Most often a shell variable that was never set: an empty path would mean "here".
            typer.echo(f"headroom: {name}: {option.rstrip('=')} '': an argument is empty", err=True)
            sys.exit(EXIT_USAGE)
    try:
        with quiet_imports():
            command = mounted(import_module(MOUNTS[name].module).app)
        run(command, args, f"headroom {name}")
    except ModuleNotFoundError as error:
        sys.exit(missing_package(name, error))


def run(command: Any, args: list[str], name: str) -> NoReturn:
    """Run ``command`` and leave with its exit code; wrong usage is one line and exit code 2."""
    try:
        code = command.main(args=args, prog_name=name, standalone_mode=False)
    except UsageError as error:
        # Without any argument Typer has printed the help by now.
        if type(error).__name__ != "NoArgsIsHelpError":
            typer.echo(usage_line(error, name), err=True)
        sys.exit(EXIT_USAGE)
    except typer.Abort:
        sys.exit(EXIT_NOT_SO)
    except OSError as error:
        flush()  # if it was standard output that failed, this says so
        typer.echo(f"headroom: {os_error_line(error)}", err=True)
        sys.exit(EXIT_NOT_SO)
    sys.exit(code if isinstance(code, int) else 0)


def os_error_line(error: OSError) -> str:
    """Return what a failing disk or network says, in one line with its file if there is one."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return ": ".join([*names, error.strerror or str(error) or type(error).__name__])


def usage_line(error: Any, name: str) -> str:
    """Return what is wrong with a command line, in one line that names the command."""
    path = error.ctx.command_path if error.ctx is not None else name
    text = " ".join(error.format_message().split()).rstrip(".")
    text = ENV_LIST.sub(lambda found: f"({found[1]}{found[2]})".replace("'", ""), text)
    for other in getattr(getattr(error, "param", None), "secondary_opts", ()):
        # A switch that must be said either way, such as --halted or --no-halted.
        text = text.replace(f"'{error.param.opts[0]}'", f"'{error.param.opts[0]}' or '{other}'")
    return f"{path.replace(' ', ': ', 1)}: {text[:1].lower()}{text[1:]}; {path} --help says more"


def mounted(app: typer.Typer) -> Any:
    """Return the command that ``app`` makes, its help trimmed to what is really there."""
    command: Any = get_command(app)
    # Completion is installed for `headroom` as a whole, never for one of its parts.
    command.params = [p for p in command.params if not str(p.name).endswith("_completion")]
    parts = getattr(command, "commands", {}).values()
    if all(part.hidden for part in parts):
        command.subcommand_metavar = ""
    return command


def missing_package(name: str, error: ModuleNotFoundError) -> int:
    """Say in one line which package `headroom NAME` needs, and return the exit code."""
    package = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(package)
    fix = f"pip install 'headroom[{extra}]'" if extra else "reinstall headroom"
    line = f"headroom {name}: the Python package {error.name!r} is missing; {fix}"
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
    app = typer.Typer(cls=Root, no_args_is_help=True, add_completion=False)
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
        with quiet_imports():
            root = get_command(build_app())
        run(root, sys.argv[1:], "headroom")
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    finally:
        quiet()
        flush()


def flush() -> None:
    """Write out what was printed; a full disk behind standard output is an error as any other."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # Python would try again at its end and print a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            typer.echo(f"headroom: standard output: {os_error_line(error)}", err=True)
        sys.exit(EXIT_NOT_SO)


if __name__ == "__main__":
    main()
