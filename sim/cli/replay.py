"""`headroom sim replay`: a recording again, as it was or without one account."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from exchange.cli.common import EXIT_USAGE, Json, fail, moment, print_json
from exchange.units import count_text
from sim.cli.files import scenario_of
from sim.cli.progress import Progress
from sim.cli.run import Column, FromS, PerS, Scale, Time, TraceFile, load_override
from sim.cli.without_text import told_without, without_lines
from sim.record.file import Recording, RecordingError
from sim.record.instead import Instead
from sim.record.replay import Replayed, replayed
from sim.record.without import Outcome, Without
from sim.scenario.farms import views
from sim.scenario.workload import Trace

RecordingFile = Annotated[Path, typer.Argument(help="What `headroom sim record` wrote.")]
Account = Annotated[str | None, typer.Option("--without", help="Take this account's orders out.")]
WithPolicy = Annotated[
    str | None,
    typer.Option(
        metavar="FILE:NAME",
        help="With --without: let a Manager act instead, by policy NAME of scenario FILE.",
    ),
]


def replay(
    file: RecordingFile,
    without: Account = None,
    with_policy: WithPolicy = None,
    trace: TraceFile = None,
    column: Column = None,
    time: Time = "t_s",
    per_s: PerS = 1.0,
    from_s: FromS = 0.0,
    scale: Scale = 1.0,
    as_json: Json = False,
) -> None:
    """Replay a recording, as it was or without one account; exit 1 when it comes out differently.

    The load of FILE, or of --trace, begins at the start that FILE names, else with the recording.
    """
    override = load_override(trace, column, time, per_s, from_s, scale)
    instead = _instead(without, with_policy, override)
    try:
        recording = Recording(file)
        found = replayed(recording, Progress("replayed", recording.size))
        if not found.same:
            text = f"state {found.state_hash}, events {found.digest}"
            recorded = f"recorded were {found.expected.state_hash}, {found.expected.digest}"
            fail(f"recording {file}: comes to {text}; {recorded}")
        outcome = None
        if without is not None:
            outcome = _without(recording, found, without, instead)
    except RecordingError as error:
        fail(str(error), EXIT_USAGE)
    _print(found, without, with_policy, outcome, as_json)


def _instead(account: str | None, named: str | None, override: Trace | None) -> Instead | None:
    if named is None:
        if override is not None:
            fail("--trace needs --with-policy", EXIT_USAGE)
        return None
    if account is None:
        fail("--with-policy needs --without, the account to act for", EXIT_USAGE)
    file, _, name = named.rpartition(":")
    if not file:
        fail(f"--with-policy {named}: not FILE:NAME", EXIT_USAGE)
    loaded = scenario_of(Path(file), override)
    policies = loaded.scenario.policy
    if name not in policies:
        fail(f"--with-policy {named}: the scenario has {', '.join(policies)}", EXIT_USAGE)
    if policies[name].tariff is not None:
        fail(f"--with-policy {named}: buys from a cloud, not on this exchange", EXIT_USAGE)
    mine = [view for view in views(loaded.scenario) if view.farm.account == account]
    return Instead(structs.replace(loaded, scenario=mine[0]) if mine else loaded, name)


def _without(
    recording: Recording, found: Replayed, account: str, instead: Instead | None
) -> Outcome:
    if not found.engine.has_account(account):
        fail(f"--without {account}: the recording has no such account", EXIT_USAGE)
    if instead is not None and instead.symbol not in found.engine.symbols():
        fail(f"--with-policy: the recorded exchange has no {instead.symbol}", EXIT_USAGE)
    progress = Progress(f"without {account}", recording.size)
    return Without(recording, found, account, instead, progress).run()


def _print(
    found: Replayed,
    account: str | None,
    policy: str | None,
    outcome: Outcome | None,
    as_json: bool,
) -> None:
    if as_json:
        told = _told(found)
        if outcome is not None:
            told["without"] = {"account": account, "policy": policy, **told_without(outcome)}
        print_json(told)
        return
    span = f"{moment(found.first_ms)} to {moment(found.last_ms)}"
    commands = count_text(found.commands, "command")
    print(f"{commands}, {span}: the recorded state again, {found.state_hash}")
    if outcome is not None and account is not None:
        print("\n".join(without_lines(account, policy, outcome)))


def _told(found: Replayed) -> dict[str, object]:
    return {
        "commands": found.commands,
        "from_ms": found.first_ms,
        "to_ms": found.last_ms,
        "state_hash": found.state_hash,
        "digest": found.digest,
        "same": found.same,
    }
