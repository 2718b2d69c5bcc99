"""Carries out the requests of the control socket, one that changes something at a time. Shell.

What a request changes is in manager.toml, and in force, before it is acknowledged.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from exchange.client import Refused, Unknown, Unreachable
from exchange.log import log
from exchange.units import ucr_from_credits
from manager.control.explain import explain
from manager.control.frames import (
    Ack,
    ControlFrame,
    ControlReason,
    ErrorReply,
    OfferShown,
    Snapshot,
)
from manager.control.groups_view import group_rows, offer_shown
from manager.control.requests import (
    BurstEnd,
    BurstStart,
    BuyingResume,
    BuyingStop,
    ControlRequest,
    DryRun,
    Hibernate,
    LoadPast,
    OfferPreview,
    OfferSet,
    OfferWithdraw,
    ReleaseAll,
    Reload,
    RuleDelete,
    RuleExplain,
    RulePause,
    RuleRead,
    RuleResume,
    RuleSet,
    VmDelete,
    VmImport,
    VmSet,
    VmUpload,
    VmVerify,
    WebLink,
)
from manager.control.view import snapshot, vm_in_use
from manager.core import log_events
from manager.core.administration import Administration
from manager.core.core import Manager
from manager.core.hand import hand_name, hand_rule
from manager.core.library import find
from manager.core.messages import Out, Resume
from manager.selling.preview import Preview
from manager.shell.config import ConfigError
from manager.shell.config_edit import (
    Edit,
    NoSuchError,
    add_vm,
    delete,
    edited,
    rule_of,
    set_offer,
    set_rule,
    set_rule_key,
    set_switch,
    set_vm,
)
from manager.shell.daemon import Daemon
from manager.shell.dry_run_process import DryRunError, DryRuns
from manager.shell.file_changes import file_changes
from manager.shell.group_tables import PlaceError, changed_offer, group_of_table
from manager.shell.image_check import unchecked
from manager.shell.settings import FAILURES, NeedsRestartError, Settings, mistake
from manager.shell.stored import LIBRARY, delete_vm, import_vm, verify_vm
from manager.shell.web_process import WebError, WebProcess

Result = TypeVar("Result")
MESSAGE_CHARS_MAX: Final = 1_000
UNKNOWN: Final[dict[str, ControlReason]] = {
    "rule": "unknown_rule",
    "vm": "unknown_vm",
    "group": "unknown_group",
}


class RefusedError(Exception):
    """The request cannot be done; nothing was changed."""

    def __init__(self, reason: ControlReason, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.reason: ControlReason = reason
        self.field = field


class Actions:
    """Answers requests for one running Manager."""

    def __init__(self, daemon: Daemon, settings: Settings, web: WebProcess | None = None) -> None:
        self._daemon = daemon
        self._web = web
        self._settings = settings
        self._turn = asyncio.Lock()
        self._dry_runs = DryRuns(daemon.past_load)

    def shown(self) -> Snapshot:
        """Return everything as it is now."""
        groups = group_rows(self._daemon.selling)
        rows = self._daemon.alerting.alerts.rows
        seen = snapshot(self._daemon.manager, self._daemon.now_ms(), rows, groups)
        library = self._settings.uploads.rows(self._daemon.last_use.rows(seen.library))
        return replace(seen, library=library)

    async def answer(self, request: ControlRequest) -> ControlFrame:
        """Do ``request``; whatever is wrong with it becomes an `ErrorReply`."""
        try:
            return Ack(request.req_id, await self._do(request))
        except DryRunError as error:
            return ErrorReply(request.req_id, error.reason, _clip(str(error)))
        except WebError as error:
            return ErrorReply(request.req_id, "busy", _clip(str(error)))
        except RefusedError as error:
            reason, field = error.reason, error.field
            return ErrorReply(request.req_id, reason, _clip(str(error)), field)
        except FAILURES as error:
            return ErrorReply(request.req_id, _reason(error), _clip(mistake(error)))

    async def reload(self) -> None:
        """Read the file again, as after SIGHUP, and log how it went."""
        try:
            await self._read_again()
        except FAILURES as error:
            log.write(log_events.not_reloaded(mistake(error)))

    async def _read_again(self) -> dict[str, Any]:
        async with self._turn:
            before = self._settings.file
            file = await self._settings.reload(self._daemon)
        changes = file_changes(before, file)
        log.write(log_events.reloaded(len(file.rules), changes))
        return {"rules": len(file.rules), "warnings": file.warnings, "changes": changes}

    async def verify(self) -> None:
        """Look after every stored VM, and log what is wrong."""
        for why in await self._settings.verify_all():
            log.write(log_events.vm_damaged(why))

    async def _do(self, request: ControlRequest) -> Any:
        match request:
            case Reload():
                return await self._read_again()
            case RuleSet(rule=rule):
                await self._edit(set_rule(rule))
            case RulePause(rule=name):
                await self._edit(set_rule_key(name, "paused", True))
            case RuleResume(rule=name):
                await self._edit(set_rule_key(name, "paused", None))
                await self._daemon.do(lambda manager, now_ms: manager.apply(Resume(name), now_ms))
            case RuleDelete(rule=name):
                await self._edit(delete("rule", name))
            case RuleRead(rule=name):
                return {"rule": self._written(name)}
            case RuleExplain(rule=name):
                return {"text": self._explained(name)}
            case BuyingStop():
                await self._edit(set_switch("buying", False))
            case BuyingResume():
                await self._edit(set_switch("buying", None))
            case BurstStart():
                return await self._start_burst(request)
            case BurstEnd(vm=vm):
                return {"units": await self._by_hand(lambda hand: hand.end(hand_name(vm)))}
            case ReleaseAll():
                return {"units": await self._by_hand(lambda hand: hand.end_all())}
            case _:
                return await self._do_vm(request)
        return None

    async def _do_vm(self, request: ControlRequest) -> Any:
        match request:
            case OfferSet(group=group, offer=offer):
                await self._edit(set_offer(group, offer))
            case OfferPreview(group=group, offer=offer):
                return msgspec.to_builtins(await self._preview(group, offer))
            case OfferWithdraw(group=group):
                await self._edit(set_offer(group, {"kind": "none"}))
            case Hibernate(on=on):
                await self._edit(set_switch("hibernate", on or None))
            case LoadPast(points=points):
                return {"rows": self._daemon.past_load.rows(points)}
            case DryRun():
                return await self._dry_runs.play(self._settings.file.path, request)
            case VmImport():
                return await self._import(request)
            case VmVerify(vm=vm):
                folder = self._vm_folder(vm)
                return {"sha256": (await asyncio.to_thread(verify_vm, folder)).sha256}
            case VmUpload(vm=vm):
                self._vm_folder(vm)
                return {"sha256": await self._settings.upload(vm)}
            case VmSet(vm=vm, settings=settings):
                await self._edit(set_vm(vm, msgspec.to_builtins(settings)))
            case VmDelete(vm=vm):
                await self._delete_vm(vm)
            case WebLink():
                if self._web is None:
                    raise RefusedError("not_allowed", "this Manager was started without --web")
                return {"url": await self._web.link()}
            case _:
                raise RefusedError("not_supported", "this version cannot do that")
        return None

    async def _preview(self, name: str, keys: dict[str, Any]) -> OfferShown:
        """Return what a group would ask for, by the plan that it sells by."""
        table = next((one for one in self._settings.file.groups if one.name == name), None)
        selling = self._daemon.selling
        if table is None or selling is None:
            raise RefusedError("unknown_group", f"there is no group {name!r} in the file", "group")
        try:
            changed, offer = changed_offer(table, keys)
        except PlaceError as error:
            raise RefusedError("config_invalid", str(error), "offer") from error
        found: list[Preview] = []

        def call(_: Manager, now_ms: int) -> list[Out]:
            outs, result = selling.preview(group_of_table(changed), now_ms)
            found.append(result)
            return outs

        await self._daemon.do(call)
        return offer_shown(offer, found[0])

    async def _import(self, request: VmImport) -> dict[str, Any]:
        """Import, then have it in the file and in the exchange's store; or nothing of it."""
        name, library = request.vm, self._settings.file.base / LIBRARY
        if any(vm.name == name for vm in self._settings.file.vms):
            raise RefusedError("vm_exists", f"there is a stored VM {name!r} already", "vm")
        source = Path(request.path)
        entry = await asyncio.to_thread(import_vm, library, name, source, request.settings)
        try:
            await self._edit(add_vm(name, f"{LIBRARY}/{name}"))
        except BaseException:
            await asyncio.to_thread(delete_vm, library, name)
            raise
        told: dict[str, Any] = {"sha256": entry.sha256, "size": entry.size, "format": entry.format}
        note = unchecked(entry.format)
        return told if note is None else {**told, "note": note}

    async def _delete_vm(self, name: str) -> None:
        if (why := vm_in_use(self._daemon.manager, name)) is not None:
            raise RefusedError("in_use", f"{name} stays: {why}", "vm")
        folder = self._vm_folder(name)
        await self._edit(delete("vm", name))
        if folder.parent.name == LIBRARY:
            await asyncio.to_thread(delete_vm, folder.parent, folder.name)

    def _vm_folder(self, name: str) -> Path:
        file = self._settings.file
        image = next((vm.image for vm in file.vms if vm.name == name), None)
        if image is None:
            raise RefusedError("unknown_vm", f"there is no stored VM {name!r}", "vm")
        return file.base / image

    async def _edit(self, edit: Edit) -> None:
        try:
            async with self._turn:
                with edited(self._settings.file.path, edit) as file:
                    await self._settings.take_over(file, self._daemon)
        except NoSuchError as error:
            raise RefusedError(UNKNOWN[error.kind], str(error), error.kind) from error

    def _written(self, name: str) -> dict[str, Any]:
        try:
            return rule_of(self._settings.file.path, name)
        except NoSuchError as error:
            raise RefusedError("unknown_rule", str(error), "rule") from error

    def _explained(self, name: str) -> str:
        text = explain(self.shown(), name)
        if text is None:
            raise RefusedError("unknown_rule", f"there is no rule {name!r}", "rule")
        return text

    async def _start_burst(self, request: BurstStart) -> dict[str, Any]:
        config = self._daemon.manager.config
        if find(config.library, request.vm) is None:
            raise RefusedError("unknown_vm", f"there is no stored VM {request.vm!r}", "vm")
        if request.hosts:
            raise RefusedError("not_supported", "an order to buy cannot name hosts", "hosts")
        zones = tuple(request.zones) or self._zones()
        if not zones:
            raise RefusedError("invalid_field", "where? no rule names a zone", "zones")
        price_ucr = max(1, ucr_from_credits(request.price_max))
        rule = hand_rule(request.vm, request.units, price_ucr, zones)
        if held := await self._by_hand(lambda hand: hand.buy(rule, request.units)):
            raise RefusedError("not_allowed", "; ".join(held))
        return {"burst": rule.name, "units": request.units, "zones": list(zones)}

    def _zones(self) -> tuple[str, ...]:
        """Return the zones of all rules, in the order of the file."""
        rules = self._daemon.manager.config.rules
        return tuple(dict.fromkeys(zone for rule in rules for zone in rule.zones))

    async def _by_hand(self, act: Callable[[Administration], Result]) -> Result:
        found: list[Result] = []

        def call(manager: Manager, now_ms: int) -> list[Out]:
            outs, result = manager.administer(act, now_ms)
            found.append(result)
            return outs

        await self._daemon.do(call)
        return found[0]


def _reason(error: Exception) -> ControlReason:
    match error:
        case ConfigError():
            return "config_invalid"
        case NeedsRestartError():
            return "needs_restart"
        case Refused():
            return "refused"
        case Unknown() | Unreachable():
            return "exchange_gone"
        case _:
            return "file_error"


def _clip(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARS_MAX else text[: MESSAGE_CHARS_MAX - 1] + "…"
