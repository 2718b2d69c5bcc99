"""A VM as libvirt's domain XML, and back. Pure; built with ElementTree only.

Everything a renter can say goes in as text of an element or attribute, so it cannot become markup;
what XML cannot carry unchanged is refused. QEMU arguments are built from constants and integers
alone: a renter's text in one once injected others. For the same reason user data travels as a file:
libvirt 9 hands the text of a fwcfg entry to QEMU without escaping its commas, so that user data
``x,file=/etc/shadow`` would have been an argument.

The guest's network is QEMU's user network with ``restrict=on`` (docs/decisions, "guest network"):
it reaches nothing at all, and is reached only through the forwarded ports. Where the owner lets
guests call out it has no ``restrict``, and `fence` says what they reach.
"""

import re
from typing import Literal, TypeAlias, TypeVar
from xml.etree import ElementTree as ET

import msgspec
from msgspec.structs import replace

from hostagent.core.policy import UNLIMITED, Policy
from hostagent.core.ports import BootFiles, DomainSpec, Forward, HypervisorError, Notes

Virt: TypeAlias = Literal["kvm", "qemu", "test"]

NAME_PREFIX = "headroom-"
VM_URI = "urn:headroom:domain:vm:1"
NOTES_URI = "urn:headroom:domain:notes:1"
_QEMU_URI = "http://libvirt.org/schemas/domain/qemu/1.0"

BASE_CMDLINE = "console=ttyS0 no_timer_check tsc=reliable panic=1"
"""Without ``no_timer_check`` one in twelve guests that boot together under TCG panics."""
PERIOD_US = 100_000
NETWORK_SLOT = "0x10"
"""A PCI slot that libvirt, which numbers from 1 and knows nothing of this device, leaves free."""

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_USER = re.compile(r"\+(\d+):\+\d+\Z")
_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z")

ET.register_namespace("qemu", _QEMU_URI)


class Carried(msgspec.Struct, frozen=True):
    """What a domain's metadata holds from its start on. ``spec`` is without its user data."""

    spec: DomainSpec
    forwards: tuple[Forward, ...]
    owner: str = ""
    """As in `owner.named`; "" by an older agent."""


_Kind = TypeVar("_Kind", Carried, Notes)


def domain_name(vm_id: str) -> str:
    """Return the domain's name; raises `HypervisorError` for an id that is no plain word."""
    if not _SAFE_ID.match(vm_id):
        raise HypervisorError(f"VM id {vm_id!r} is not a plain name")
    return NAME_PREFIX + vm_id


def domain_xml(
    carried: Carried,
    files: BootFiles,
    virt: Virt,
    console: str,
    name: str = "",
    policy: Policy = UNLIMITED,
    uid: int = 0,
) -> str:
    """Return the XML of a domain that boots ``files``; ``console`` is the path of its log.

    ``name`` is for where the usual one is somebody else's; ``policy`` is the server's owner's.
    ``uid`` is QEMU's user, which is said only where its group is not the usual one.

    Raises `HypervisorError` when ``spec`` holds text that a domain cannot carry unchanged.
    """
    spec, forwards = carried.spec, carried.forwards
    check_spec(spec)
    root = ET.Element("domain", type=virt)
    _text(root, "name", name or domain_name(spec.vm_id))
    root.append(_metadata(replace(carried, spec=replace(spec, user_data=""))))
    _text(root, "memory", str(spec.shape.mem_mib), unit="MiB")
    vcpus = -(-spec.shape.mvcpu // 1000)
    _text(root, "vcpu", str(vcpus))
    if virt != "test":
        _cputune(root, spec.shape.mvcpu, vcpus)
        _firmware_entries(root, spec.vm_id, files.user_data, policy)
    _os(root, files, spec.cmdline, virt)
    ET.SubElement(ET.SubElement(root, "features"), "acpi")
    if virt == "kvm":
        ET.SubElement(root, "cpu", mode="host-model")
    ET.SubElement(root, "clock", offset="utc")
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        _text(root, f"on_{event}", action)
    _devices(root, files, virt, console, policy.rates.disk_bytes_s(spec.shape.mvcpu))
    if virt != "test":
        if policy.calls_out:
            _run_as(root, uid, policy.gid)
        _network(root, forwards, policy)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def vm_element(carried: Carried) -> ET.Element:
    """Return the metadata element for ``carried``."""
    return _json_element(VM_URI, "vm", carried)


def notes_xml(notes: Notes) -> str:
    """Return the metadata element for ``notes`` as text."""
    return ET.tostring(_json_element(NOTES_URI, "notes", notes), encoding="unicode")


def read_carried(xml: str) -> Carried:
    """Return what `vm_element` wrote; raises `HypervisorError` when it is not ours to read."""
    return _read(xml, Carried)


def read_notes(xml: str) -> Notes:
    return _read(xml, Notes)


def _read(xml: str, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(ET.fromstring(xml).text or "", type=kind)  # noqa: S314 our own
    except (ET.ParseError, msgspec.DecodeError) as error:
        raise HypervisorError(f"metadata cannot be read: {error}") from error


def qemu_user(capabilities: str) -> int:
    """Return the user id that libvirt gives to QEMU; raises `HypervisorError` if it gives none."""
    for model in ET.fromstring(capabilities).iterfind("host/secmodel"):  # noqa: S314 libvirt's own
        label = _USER.match(model.findtext("baselabel[@type='qemu']", ""))
        if model.findtext("model") == "dac" and label:
            return int(label[1])
    raise HypervisorError("libvirt gives QEMU no user of its own: guests cannot be fenced in")


def check_spec(spec: DomainSpec) -> None:
    """Raise `HypervisorError` when ``spec`` holds text that a domain cannot carry unchanged."""
    domain_name(spec.vm_id)
    if not _PRINTABLE.match(spec.cmdline):
        raise HypervisorError("cmdline may hold printable ASCII only", "cmdline_invalid")
    if not all(_PRINTABLE.match(text) for text in (spec.lease_id, spec.boot, *spec.allow_from)):
        raise HypervisorError("ids and networks of a VM may hold printable ASCII only")
    if not _SHA256.match(spec.image):
        raise HypervisorError("an image is named by its SHA-256")


def _metadata(carried: Carried) -> ET.Element:
    metadata = ET.Element("metadata")
    metadata.append(vm_element(carried))
    return metadata


def _json_element(uri: str, tag: str, value: Carried | Notes) -> ET.Element:
    element = ET.Element(f"{{{uri}}}{tag}")
    element.text = msgspec.json.encode(value).decode()
    return element


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def _cputune(root: ET.Element, mvcpu: int, vcpus: int) -> None:
    """Cap a fractional class; libvirt applies the quota to each vCPU."""
    if mvcpu % 1000:
        tune = ET.SubElement(root, "cputune")
        _text(tune, "period", str(PERIOD_US))
        _text(tune, "quota", str(PERIOD_US * mvcpu // 1000 // vcpus))


def _firmware_entries(root: ET.Element, vm_id: str, user_data: str | None, policy: Policy) -> None:
    """What the guest can read of itself, as QEMU firmware configuration entries.

    The id is a plain word (`domain_name`) and the path is ours: neither can hold a comma.
    """
    info = ET.SubElement(root, "sysinfo", type="fwcfg")
    _text(info, "entry", vm_id, name="opt/org.headroom/name")
    if policy.proxy is not None:
        _text(info, "entry", policy.proxy.seen_by_guest(), name="opt/org.headroom/proxy")
    if user_data is not None:
        if "," in user_data:
            raise HypervisorError(f"the path {user_data} holds a comma; choose another --state")
        ET.SubElement(info, "entry", name="opt/org.headroom/user-data", file=user_data)


def _os(root: ET.Element, files: BootFiles, cmdline: str, virt: Virt) -> None:
    system = ET.SubElement(root, "os")
    machine = {} if virt == "test" else {"arch": "x86_64", "machine": "q35"}
    _text(system, "type", "hvm", **machine)
    if files.kernel is not None and files.initrd is not None:
        _text(system, "kernel", files.kernel)
        _text(system, "initrd", files.initrd)
        _text(system, "cmdline", f"{BASE_CMDLINE} {cmdline}".rstrip())


def _devices(
    root: ET.Element, files: BootFiles, virt: Virt, console: str, disk_bytes_s: int
) -> None:
    devices = ET.SubElement(root, "devices")
    if files.disk is not None:
        disk = _disk(devices, files.disk, "vda")
        if disk_bytes_s and virt != "test":
            _text(ET.SubElement(disk, "iotune"), "total_bytes_sec", str(disk_bytes_s))
    if files.seed is not None:
        # No CD-ROM: a cloud's kernel may have no driver for one.
        ET.SubElement(_disk(devices, files.seed, "vdb"), "readonly")
    if virt == "test":
        return
    ET.SubElement(devices, "controller", type="usb", model="none")
    serial = ET.SubElement(devices, "serial", type="file")
    ET.SubElement(serial, "source", path=console)
    ET.SubElement(devices, "memballoon", model="none")


def _disk(devices: ET.Element, path: str, name: str) -> ET.Element:
    disk = ET.SubElement(devices, "disk", type="file", device="disk")
    # The type is always said: a guest could write another format's header into its disk.
    ET.SubElement(disk, "driver", name="qemu", type="raw")
    ET.SubElement(disk, "source", file=path)
    ET.SubElement(disk, "target", dev=name, bus="virtio")
    return disk


def _run_as(root: ET.Element, uid: int, gid: int) -> None:
    """The server's firewall tells what a guest's QEMU sends by the group that it runs as."""
    label = ET.SubElement(root, "seclabel", type="static", model="dac", relabel="yes")
    _text(label, "label", f"+{uid}:+{gid}")


def _network(root: ET.Element, forwards: tuple[Forward, ...], policy: Policy) -> None:
    reach = "ipv6=off" if policy.calls_out else "restrict=on,ipv6=off"
    rules = "".join(
        f",hostfwd=tcp:127.0.0.1:{forward.inner_port}-:{forward.guest_port}" for forward in forwards
    )
    command = ET.SubElement(root, f"{{{_QEMU_URI}}}commandline")
    for argument in (
        "-netdev",
        f"user,id=headroom0,{reach}{rules}",
        "-device",
        f"virtio-net-pci,netdev=headroom0,bus=pcie.0,addr={NETWORK_SLOT},romfile=",
    ):
        ET.SubElement(command, f"{{{_QEMU_URI}}}arg", value=argument)
