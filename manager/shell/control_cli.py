"""`headroom manager status`, `explain`, `burst` and others: what the control socket can do. Shell.

Each command sends one request to the Manager that runs on this machine.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import typer

from exchange.cli.common import Json, fail, print_json
from exchange.units import count_text, go_text
from manager.control.requests import (
    BurstEnd,
    BurstStart,
    BuyingResume,
    BuyingStop,
    ControlRequest,
    DryRun,
    Hibernate,
    ReleaseAll,
    Reload,
    RuleDelete,
    RuleExplain,
    RulePause,
    RuleResume,
    WebLink,
)
from manager.control.tables import status_lines
from manager.core.dry_run import Outcome
from manager.shell import control_client
from manager.shell.control_client import ControlError
from manager.shell.control_path import found_path

Control = Annotated[
    Path | None,
    typer.Option(
        "--control",
        metavar="PATH",
        help="The Manager's control socket; default: that of your own Manager.",
        envvar="HEADROOM_CONTROL",
    ),
]
RuleName = Annotated[str, typer.Argument(metavar="RULE", help="A rule of the Manager.")]
Vm = Annotated[str, typer.Argument(metavar="VM", help="A stored VM.")]
NOTHING: Final = "done"
Say: TypeAlias = Callable[[Any], str]


def _go(units: int) -> str:
    return go_text(units) if units else "nothing is rented; bids that wait are canceled"


def _bought(units: int) -> str:
    return f"{count_text(units, 'unit')} {'is' if units == 1 else 'are'} being bought"


def _at_work(rules: int) -> str:
    return f"{count_text(rules, 'rule')} at work"


def status(control: Control = None, as_json: Json = False) -> None:
    """Show load, rules, units, stored VMs and what is sold."""
    shown = done(control_client.status, control)
    if as_json:
        print_json(msgspec.to_builtins(shown))
        return
    for line in status_lines(shown):
        print(line)


def explain(rule: RuleName, control: Control = None, as_json: Json = False) -> None:
    """Say in words what RULE reads, what it needs and why it does not act."""
    show(asked(RuleExplain(req_id=1, rule=rule), control), as_json, "text")


def pause(rule: RuleName, control: Control = None, as_json: Json = False) -> None:
    """Let RULE do nothing until it is resumed; what it has bought stays."""
    show(asked(RulePause(req_id=1, rule=rule), control), as_json)


def resume(rule: RuleName, control: Control = None, as_json: Json = False) -> None:
    """Let a paused or stopped RULE act again."""
    show(asked(RuleResume(req_id=1, rule=rule), control), as_json)


def delete_rule(rule: RuleName, control: Control = None, as_json: Json = False) -> None:
    """Take RULE away; what it has bought is drained and released."""
    show(asked(RuleDelete(req_id=1, rule=rule), control), as_json)


def burst(
    vm: Vm,
    units: Annotated[int | None, typer.Argument(metavar="N", help="How many units.")] = None,
    price_max: Annotated[
        float | None, typer.Option("--price-max", help="Credits per unit-hour at most.")
    ] = None,
    zones: Annotated[
        str | None,
        typer.Option("--zones", metavar="A,B", help="Where, in this order; default: as the rules."),
    ] = None,
    end: Annotated[
        bool, typer.Option("--end", help="Give back what was bought by hand for VM.")
    ] = False,
    control: Control = None,
    as_json: Json = False,
) -> None:
    """Buy N units and start VM on each, by hand; --end gives them back."""
    if end:
        show(asked(BurstEnd(req_id=1, vm=vm), control), as_json, "units", _go)
        return
    if units is None or price_max is None:
        fail("manager burst: how many units and for how much? N and --price-max, or --end", 2)
    given = {"type": "burst.start", "req_id": 1, "vm": vm, "units": units}
    request = valid(
        {**given, "price_max": price_max, "zones": zones.split(",") if zones else []}, BurstStart
    )
    show(asked(request, control), as_json, "units", _bought)


def stop_buying(control: Control = None, as_json: Json = False) -> None:
    """Buy nothing any more and cancel all bids; what runs goes on."""
    show(asked(BuyingStop(req_id=1), control), as_json)


def resume_buying(control: Control = None, as_json: Json = False) -> None:
    """Buy again as the rules say."""
    show(asked(BuyingResume(req_id=1), control), as_json)


def release_all(control: Control = None, as_json: Json = False) -> None:
    """Drain and release every unit; rules go on unless buying is stopped."""
    show(asked(ReleaseAll(req_id=1), control), as_json, "units", _go)


def hibernate(
    off: Annotated[bool, typer.Option("--off", help="Sell again as the groups say.")] = False,
    control: Control = None,
    as_json: Json = False,
) -> None:
    """Withdraw every ask and recall what is sold, until --off."""
    show(asked(Hibernate(req_id=1, on=not off), control), as_json)


def reload(control: Control = None, as_json: Json = False) -> None:
    """Have the Manager read its file again; a mistake in it changes nothing."""
    told = asked(Reload(req_id=1), control)
    if not as_json:
        for what in [*told.get("changes", []), *(f"warning: {w}" for w in told["warnings"])]:
            print(what)
    show(told, as_json, "rules", _at_work)


def web_link(control: Control = None, as_json: Json = False) -> None:
    """Print a link that lets one browser into the terminal of this Manager."""
    show(asked(WebLink(req_id=1), control), as_json, "url")


def played_by_manager(given: dict[str, Any], control: Path | None) -> Outcome:
    """Return what a dry run of the Manager's own rules on its last day of load came to."""
    fields = {name: value for name, value in given.items() if value is not None}
    request = valid({"type": "dry_run", "req_id": 1} | fields, DryRun)
    outcome: Outcome = msgspec.convert(asked(request, control), Outcome)
    return outcome


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "status": status,
    "explain": explain,
    "burst": burst,
    "stop-buying": stop_buying,
    "resume-buying": resume_buying,
    "release-all": release_all,
    "pause": pause,
    "resume": resume,
    "delete-rule": delete_rule,
    "hibernate": hibernate,
    "reload": reload,
    "web-link": web_link,
}


def add_to(app: typer.Typer) -> None:
    """Make these sub-commands of ``app``."""
    for name, command in COMMANDS.items():
        app.command(name)(command)


def asked(request: ControlRequest, control: Path | None) -> Any:
    return done(lambda path: control_client.ask(path, request), control)


def done(act: Callable[[Path], Any], control: Path | None) -> Any:
    try:
        return act(control or found_path())
    except ControlError as error:
        fail(str(error))


def valid(given: dict[str, Any], kind: Any) -> Any:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        fail(f"manager: {error}".replace("`", "'"), 2)


def show(result: Any, as_json: bool, field: str = "", text: Say = str) -> None:
    if as_json:
        print_json(result or {})
    else:
        print(text(result[field]) if field else NOTHING)
