"""Bugs by which state changes without its row, each in the place of one handler while planted."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

from msgspec import Struct

from exchange.engine import handling
from exchange.model.commands import Command
from exchange.model.state import State
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminHalt
from exchange.wire.requests import HostSynced, VmStart
from exchange.wire.results import Done, Refused

RIGHT: Final = dict(handling.HANDLERS)
_CALLS: Final = count()


def halt_of_all_is_a_duplicate(state: State, command: Command, request: AdminHalt) -> Any:
    """Every market is as it should be, so nothing is said to have changed."""
    reply = RIGHT[AdminHalt](state, command, request)
    if isinstance(reply, Done):
        reply.duplicate = reply.result == {"changed": 0}
    return reply


def report_opens_a_host(state: State, command: Command, report: HostSynced) -> Any:
    """It was synced before, so nothing is said to have changed."""
    host = state.hosts[command.host]
    unchanged = host.synced and not any(vm.state == "stopping" for vm in state.vms.values())
    reply = RIGHT[HostSynced](state, command, report)
    if isinstance(reply, Done):
        reply.duplicate = unchanged
    return reply


def refusal_uses_a_number(state: State, command: Command, request: VmStart) -> Any:
    """The number is taken before everything is checked."""
    reply = RIGHT[VmStart](state, command, request)
    if isinstance(reply, Refused):
        state.counters.vm += 1
    return reply


def repeat_refreshes_a_deposit(state: State, command: Command, request: AdminDeposit) -> Any:
    """The 24 h of its ref begin anew."""
    reply = RIGHT[AdminDeposit](state, command, request)
    if isinstance(reply, Done) and reply.duplicate:
        amount_ucr, _ = state.deposits[request.account, request.ref]
        state.deposits[request.account, request.ref] = (amount_ucr, state.now_ms + 1)
    return reply


def row_does_not_say_all(state: State, command: Command, request: AdminAccount) -> Any:
    """What is done hangs on something that neither state nor row holds."""
    reply = RIGHT[AdminAccount](state, command, request)
    if isinstance(reply, Done) and not reply.duplicate:
        state.ledger.accounts[request.account].name += f" {next(_CALLS)}"
    return reply


BUGS: Final[dict[type[Struct], Any]] = {
    AdminHalt: halt_of_all_is_a_duplicate,
    HostSynced: report_opens_a_host,
    VmStart: refusal_uses_a_number,
    AdminDeposit: repeat_refreshes_a_deposit,
    AdminAccount: row_does_not_say_all,
}


@contextmanager
def planted(kind: type[Struct]) -> Iterator[None]:
    """Put the bug in the place of the handler of ``kind``, and the right one back."""
    handling.HANDLERS[kind] = BUGS[kind]
    try:
        yield
    finally:
        handling.HANDLERS[kind] = RIGHT[kind]


def wire_name(kind: type[Struct]) -> str:
    return str(kind.__struct_config__.tag)
