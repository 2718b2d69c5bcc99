"""`Hypervisor` through libvirt. `libvirt_connection` and `libvirt_events` import it too.

Blocking: the agent calls it from threads, one at a time for each VM. A domain is defined, not only
started, so that one which powers off or dies stays to be found, with our metadata, until we remove
it. Domains without our metadata are somebody else's and are neither shown nor touched.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import libvirt
import libvirt_qemu
from msgspec.structs import replace

from exchange.log import log
from hostagent.core import domain_state, domain_xml, log_events
from hostagent.core import owner as owners
from hostagent.core.console import ConsolePart, part
from hostagent.core.domain_xml import Virt
from hostagent.core.policy import UNLIMITED, Policy
from hostagent.core.ports import (
    BootFiles,
    Clock,
    DomainSpec,
    Forward,
    HypervisorError,
    Notes,
    ObservedDomain,
    Reading,
)
from hostagent.core.usernet import guest_accepted
from hostagent.machine import console_log, resident
from hostagent.machine.libvirt_connection import Connections, one_line, said
from hostagent.machine.libvirt_events import DomainEvents
from hostagent.machine.owner_file import OwnerFile

_GONE = libvirt.VIR_ERR_NO_DOMAIN
_WRONG_STATE = libvirt.VIR_ERR_OPERATION_INVALID
_NO_METADATA = libvirt.VIR_ERR_NO_DOMAIN_METADATA
_NO_FLAGS = (libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_NO_SUPPORT)
_EVERYTHING = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)
"""All that a domain may have beside its definition: its memory in a file, above all."""

_T = TypeVar("_T")


class LibvirtHypervisor:
    """``logs`` is where the guests' consoles are written, a file each."""

    def __init__(
        self,
        uri: str,
        virt: Virt,
        logs: Path,
        clock: Clock,
        owner_file: Path | None = None,
        policy: Policy = UNLIMITED,
    ) -> None:
        self._virt = virt
        self._logs = logs
        self._clock = clock
        self._owner_file = OwnerFile(owner_file)
        self._policy = policy
        self._owner = self._owner_file.owner
        self._links = Connections(uri)
        self._last: dict[str, ObservedDomain] = {}
        """What the last look showed, by the domain's name."""
        self._uri = uri
        self._events: DomainEvents | None = None

    def start(self, spec: DomainSpec, files: BootFiles, forwards: tuple[Forward, ...]) -> None:
        tried: list[str] = []

        def attempt() -> None:
            if tried and self._came_up(spec):
                return
            tried.append(spec.vm_id)
            self._start(spec, files, forwards)

        self._links.over(attempt)

    def _came_up(self, spec: DomainSpec) -> bool:
        """Tell whether it runs by a try that lost its connection; remove it if half made."""
        domain = self._ours(spec.vm_id)
        carried = self._carried(domain) if domain is not None else None
        if carried is None or carried.spec.boot != spec.boot:
            return False
        if domain.isActive():
            return True
        self._destroy(spec.vm_id)
        return False

    def _start(self, spec: DomainSpec, files: BootFiles, forwards: tuple[Forward, ...]) -> None:
        name = self._free_name(spec.vm_id)
        log_file = str(self._log_of(spec.vm_id, name))
        carried = domain_xml.Carried(spec, forwards, owners.born(self._owner))
        uid = self._qemu_user() if self._policy.calls_out else 0
        xml = domain_xml.domain_xml(carried, files, self._virt, log_file, name, self._policy, uid)
        domain = said(lambda: self._links.conn.defineXML(xml), "cannot define the domain")
        try:
            said(domain.create, "cannot start the domain")
        except HypervisorError:
            if self._links.alive():
                self._destroy(spec.vm_id)
            raise

    def _qemu_user(self) -> int:
        capabilities = said(self._links.conn.getCapabilities, "cannot read what libvirt can do")
        return domain_xml.qemu_user(capabilities)

    def own(self, owner: str) -> bool:
        before, owner = self._owner, owners.joined(owner, self._owner)
        self._owner = owner
        self._owner_file.keep(owner)
        if owner == before:
            return False
        if owners.is_restored(owner, before):
            log.write(log_events.exchange_restored(owner))
        return True

    def _free_name(self, vm_id: str) -> str:
        if self._ours(vm_id) is not None:
            raise HypervisorError(f"{vm_id} is defined already")
        for name in self._names(vm_id):
            if self._find(name) is None:
                return name
        raise HypervisorError(f"{vm_id}: somebody else's domain has its name")

    def shutdown(self, vm_id: str) -> None:
        self._links.over(lambda: self._shutdown(vm_id))

    def _shutdown(self, vm_id: str) -> None:
        domain = self._ours(vm_id)
        if domain is not None and domain.isActive():
            flags = libvirt.VIR_DOMAIN_SHUTDOWN_DEFAULT
            if self._virt != "test":
                flags = libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
            _unless_gone(lambda: domain.shutdownFlags(flags), "cannot press the power button")

    def destroy(self, vm_id: str) -> None:
        self._links.over(lambda: self._destroy(vm_id))

    def _destroy(self, vm_id: str) -> None:
        domain = self._ours(vm_id)
        if domain is not None:
            with contextlib.suppress(OSError):  # A full disk keeps nobody from stopping a VM.
                _ending(self._log_of(vm_id, domain.name())).touch()
            _unless_gone(domain.destroy, "cannot stop the domain")
            _undefine(domain)
            if self._ours(vm_id) is not None:
                raise HypervisorError(f"{vm_id} was removed, and is still there")
        for name in self._names(vm_id):
            if self._find(name) is None:
                self._remove_console(self._log_of(vm_id, name))

    def _remove_console(self, log_file: Path) -> None:
        """With what virtlogd rolled over of it, also when somebody else removed the domain."""
        for path in (log_file, *self._logs.glob(f"{log_file.name}.*")):
            path.unlink(missing_ok=True)

    def keep_notes(self, vm_id: str, notes: Notes) -> None:
        self._links.over(lambda: self._keep_notes(vm_id, notes))

    def _keep_notes(self, vm_id: str, notes: Notes) -> None:
        domain = self._ours(vm_id)
        if domain is None:
            return
        flags = libvirt.VIR_DOMAIN_AFFECT_LIVE if domain.isActive() else 0
        if domain.isPersistent():  # Somebody may have undefined it: it runs on.
            flags |= libvirt.VIR_DOMAIN_AFFECT_CONFIG
        kind, xml = libvirt.VIR_DOMAIN_METADATA_ELEMENT, domain_xml.notes_xml(notes)
        _unless_gone(
            lambda: domain.setMetadata(kind, xml, "notes", domain_xml.NOTES_URI, flags),
            "cannot keep notes",
        )

    def observe(self) -> list[ObservedDomain]:
        return self._links.over(self._observe)

    def _observe(self) -> list[ObservedDomain]:
        domains = said(lambda: self._links.conn.listAllDomains(0), "cannot list domains")
        mine = [one for one in domains if one.name().startswith(domain_xml.NAME_PREFIX)]
        shown = {domain.name(): self._shown(domain) for domain in mine}
        self._last = {name: one for name, one in shown.items() if one is not None}
        return sorted(self._last.values(), key=lambda one: one.spec.vm_id)

    def _shown(self, domain: Any) -> ObservedDomain | None:
        """One that cannot be looked at hides no other, and is not taken for gone."""
        try:
            return self._observed(domain)
        except HypervisorError as error:
            last = self._last.get(domain.name())
            if not self._links.alive():
                raise
            if last is None or last.state != "unknown":
                line = f"not looked at: {error}"
                log.write(log_events.vm_trouble(domain.name(), "state_unknown", line))
            if last is None:
                return self._known_of(domain)
            return replace(last, state="unknown", reading=None)

    def _known_of(self, domain: Any) -> ObservedDomain | None:
        try:
            return self._identified(domain)
        except HypervisorError:
            return None

    def all_vm_ids(self) -> set[str]:
        return self._links.over(self._all_vm_ids)

    def _all_vm_ids(self) -> set[str]:
        found = set()
        for domain in said(lambda: self._links.conn.listAllDomains(0), "cannot list domains"):
            xml = _metadata(domain, domain_xml.VM_URI)
            carried = None if xml is None else domain_xml.read_carried(xml)
            if carried is not None and self._may_have_files(domain, carried.owner):
                found.add(carried.spec.vm_id)
        return found

    def _may_have_files(self, domain: Any, owner: str) -> bool:
        """Another agent's VM has its files in that agent's folder, whatever its id."""
        if self._virt == "test" or not self._owner or owners.is_own(self._owner, owner):
            return True
        return f"{self._logs}/" in (_unless_gone(domain.XMLDesc, "cannot read XML") or "")

    def guest_accepts(self, vm_id: str) -> bool:
        return self._links.over(lambda: self._guest_accepts(vm_id))

    def _guest_accepts(self, vm_id: str) -> bool:
        domain = self._ours(vm_id)
        state = None if domain is None else _unless_gone(domain.state, "cannot read the state")
        if state is None or domain_state.meaning(state[0], state[1]) != "running":
            return False
        if self._virt == "test":
            return True
        carried = self._carried(domain)
        if carried is None or not carried.forwards:
            return False
        flags = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
        table = _unless_gone(
            lambda: libvirt_qemu.qemuMonitorCommand(domain, "info usernet", flags),
            "cannot ask QEMU for its connections",
        )
        return guest_accepted(table or "", carried.forwards[0].inner_port)

    def console(self, vm_id: str, lines: int, after: str | None = None) -> ConsolePart | None:
        domain = self._links.over(lambda: self._ours(vm_id))
        if domain is None:
            return None
        try:
            with console_log.opened(self._log_of(vm_id, domain.name())) as written:
                return None if written is None else part(written, lines, after)
        except OSError as error:
            raise HypervisorError(f"cannot read the console: {error.strerror}") from error

    def watch(self, tell: Callable[[], None]) -> None:
        self._events = DomainEvents(lambda: libvirt.open(self._uri), tell)

    def close(self) -> None:
        if self._events is not None:
            self._events.close()
        self._links.close()

    def _log_of(self, vm_id: str, name: str) -> Path:
        """Return the console of the domain ``name``: an id may be there once for each owner."""
        usual = domain_xml.domain_name(vm_id)
        other = name.removeprefix(usual).replace(".", "-", 1) if name.startswith(usual) else ""
        return self._logs / f"{vm_id}.log{other}"

    def _names(self, vm_id: str) -> list[str]:
        return owners.names(domain_xml.domain_name(vm_id), self._owner)

    def _find(self, name: str) -> Any:
        conn = self._links.conn
        return _unless_gone(lambda: conn.lookupByName(name), "cannot look up the domain")

    def _ours(self, vm_id: str) -> Any:
        """Return the domain of ``vm_id`` if it is there and carries our metadata."""
        found = [self._find(name) for name in self._names(vm_id)]
        ours = [one for one in found if one is not None and self._carried(one) is not None]
        return ours[0] if ours else self._renamed(vm_id)

    def _renamed(self, vm_id: str) -> Any:
        """Somebody may have given it another name: what counts is its metadata."""
        for domain in said(lambda: self._links.conn.listAllDomains(0), "cannot list domains"):
            try:
                carried = self._carried(domain)
            except HypervisorError:
                if not self._links.alive():
                    raise
                continue  # One that cannot be looked at hides no other.
            if carried is not None and carried.spec.vm_id == vm_id:
                return domain
        return None

    def _carried(self, domain: Any) -> domain_xml.Carried | None:
        xml = _metadata(domain, domain_xml.VM_URI)
        if xml is None:
            return None
        try:
            carried = domain_xml.read_carried(xml)
        except HypervisorError as error:
            log.write(log_events.vm_trouble(domain.name(), "left_alone", f"left alone: {error}"))
            return None
        return carried if self._is_own(domain, carried) else None

    def _is_own(self, domain: Any, carried: domain_xml.Carried) -> bool:
        """A domain of an older agent names no owner: it is ours if its console is in our folder."""
        if carried.owner:
            return owners.is_own(self._owner, carried.owner)
        return self._virt == "test" or str(self._logs) in said(domain.XMLDesc, "cannot read XML")

    def _observed(self, domain: Any) -> ObservedDomain | None:
        """Return what is seen of ``domain``; None when it is not ours, or went meanwhile."""
        known = self._identified(domain)
        state = _unless_gone(domain.state, "cannot read the state") if known else None
        info = _unless_gone(domain.info, "cannot read the counters") if state else None
        if known is None or state is None or info is None:
            return None
        shown = domain_state.meaning(state[0], state[1])
        if shown == "taken" and _ending(self._log_of(known.spec.vm_id, domain.name())).exists():
            shown = "stopped"  # by us, or by an agent before us that was cut short
        reading = None
        if shown == "running":
            held = 0 if self._virt == "test" else resident.held_mib(domain.name())
            used = info[4] // 1_000_000, info[2] // 1024
            reading = Reading(self._clock(), *used, held_mib=held)
        return replace(known, state=shown, reading=reading)

    def _identified(self, domain: Any) -> ObservedDomain | None:
        """Return what the metadata says, which QEMU is not asked for; None if not ours."""
        carried = self._carried(domain)
        if carried is None:
            return None
        notes_text = _metadata(domain, domain_xml.NOTES_URI)
        notes = domain_xml.read_notes(notes_text) if notes_text else Notes()
        return ObservedDomain(carried.spec, "unknown", carried.forwards, notes)


def _ending(log_file: Path) -> Path:
    """Return the mark that we, and nobody else, end a domain; it goes with the console."""
    return log_file.with_name(f"{log_file.name}.ending")


def _undefine(domain: Any) -> None:
    """Remove the definition and all that libvirt keeps beside it."""
    _unless_gone(lambda: _remove_save(domain), "cannot remove the saved memory")
    try:
        domain.undefineFlags(_EVERYTHING)
    except libvirt.libvirtError as error:
        if error.get_error_code() not in (_GONE, *_NO_FLAGS):
            raise HypervisorError(f"cannot remove the domain: {one_line(error)}") from error
        # A driver that does not know each of the flags has nothing of the kind to remove.
        _unless_gone(domain.undefine, "cannot remove the domain")


def _remove_save(domain: Any) -> None:
    if domain.hasManagedSaveImage():
        domain.managedSaveRemove()


def _metadata(domain: Any, uri: str) -> str | None:
    kind = libvirt.VIR_DOMAIN_METADATA_ELEMENT
    try:
        return str(domain.metadata(kind, uri, libvirt.VIR_DOMAIN_AFFECT_CURRENT))
    except libvirt.libvirtError as error:
        if error.get_error_code() in (_GONE, _NO_METADATA):
            return None
        raise HypervisorError(f"cannot read metadata: {error.get_error_message()}") from error


def _unless_gone(call: Callable[[], _T], what: str) -> _T | None:
    """As `said`, but None when the domain is gone or already in the state that is asked for."""
    try:
        return call()
    except libvirt.libvirtError as error:
        if error.get_error_code() in (_GONE, _WRONG_STATE):
            return None
        raise HypervisorError(f"{what}: {one_line(error)}") from error
