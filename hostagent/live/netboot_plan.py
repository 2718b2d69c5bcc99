"""The data of a network boot: addresses, byte ranges of a file, dnsmasq's options. Pure."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

SERVED: Final = (
    *("boot.ipxe", "vmlinuz", "initrd.img", "filesystem.squashfs"),
    *("headroom.iso", "SHA256SUMS", "packages.txt"),
)
"""The only names that are answered."""
SCRIPT: Final = "boot.ipxe"
LOADERS: Final = {"bios": "undionly.kpxe", "uefi": "ipxe.efi"}
"""iPXE for firmware that has none, from Debian's package ipxe."""
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return (first byte, behind the last) of a Range header; None: it cannot be satisfied.

    One range only; a header that is no such thing asks for the whole file.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:
        return (max(size - int(last), 0), size) if int(last) else None
    end = min(int(last) + 1, size) if last else size
    return (int(first), end) if int(first) < end else None


def address(text: str) -> tuple[str, int] | None:
    """Return the address and port of ``ADDR:PORT``; None: it is no such thing."""
    host, _, port = text.rpartition(":")
    try:
        plain = str(ipaddress.IPv4Address(host))
    except ValueError:
        return None
    return (plain, int(port)) if port.isdecimal() and int(port) <= 65535 else None


def advice(host: str, port: int) -> list[str]:
    """Return the lines that tell what a DHCP server must say."""
    script = f"http://{host}:{port}/{SCRIPT}"
    return [
        f"serving {script}",
        "A network's DHCP server must send:",
        f"  to iPXE (user class iPXE):   file name {script}",
        f"  to other firmware:           next server {host}, file name {LOADERS['bios']} (BIOS)",
        f"                               or {LOADERS['uefi']} (UEFI), by TFTP; --tftp serves them",
        "Where nobody may change it: --proxy-dhcp IFACE answers network boots only.",
    ]


def dnsmasq(host: str, port: int, loaders: str, tftp: bool, iface: str) -> Sequence[str]:
    """Return the command that serves iPXE by TFTP from ``loaders`` and, with ``iface``, says so."""
    command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"]
    command += ["--log-facility=-", "--bind-interfaces", "--user=root"]
    if tftp or iface:
        command += ["--enable-tftp", f"--tftp-root={loaders}", "--tftp-no-fail"]
    if not iface:
        return [*command, f"--listen-address={host}"]
    script = f"http://{host}:{port}/{SCRIPT}"
    return [
        *command,
        *(f"--interface={iface}", "--except-interface=lo"),
        *(f"--dhcp-range={host},proxy", "--dhcp-userclass=set:ipxe,iPXE"),
        f"--pxe-service=tag:!ipxe,x86PC,Headroom,{LOADERS['bios']}",
        f"--pxe-service=tag:!ipxe,X86-64_EFI,Headroom,{LOADERS['uefi']}",
        f"--pxe-service=tag:ipxe,x86PC,Headroom,{script}",
        f"--pxe-service=tag:ipxe,X86-64_EFI,Headroom,{script}",
    ]
