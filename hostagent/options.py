"""Parses the owner's options of `headroom host run`. Pure.

Everything here is refused before the agent dials: an owner reads one line now rather than an
offer that no renter can use. Raises `OptionError`.
"""

import ipaddress
import os
from pathlib import Path

import msgspec

from exchange.units import MAX_INT
from exchange.wire.address import can_be_dialed
from exchange.wire.types import Capacity, HostTag, Name, Outbound
from hostagent.core.inventory import Override
from hostagent.core.policy import Policy, Proxy, gid_of
from hostagent.core.rates import MIB_S_MAX, Rates

CLASSES_MAX = 64
TAGS_MAX = 16
LIMITED_BROADCAST = ipaddress.IPv4Address(2**32 - 1)


class OptionError(Exception):
    """An option that cannot be. ``str(error)`` is one line naming it."""


def hypervisor(text: str) -> str:
    if text not in ("memory", "qemu:///system") and not text.startswith("test:"):
        raise OptionError(f"--hypervisor {text}: not qemu:///system, test:///default or memory")
    return text


def override(mvcpu: int | None, mem_mib: int | None, disk_mib: int | None) -> Override:
    """Return what the owner wants to offer, within what the exchange can be told."""
    given = {"--mvcpu": mvcpu, "--mem-mib": mem_mib, "--disk-mib": disk_mib}
    for option, number in given.items():
        if number is not None:
            _bounded(option, number, MAX_INT)
    return Override(mvcpu=mvcpu, mem_mib=mem_mib, disk_mib=disk_mib)


def rates(disk_mib_s: int, net_mib_s: int) -> Rates:
    _bounded("--disk-mib-s", disk_mib_s, MIB_S_MAX)
    _bounded("--net-mib-s", net_mib_s, MIB_S_MAX)
    return Rates(disk_mib_s, net_mib_s)


def _bounded(option: str, number: int, most: int) -> None:
    if not 0 <= number <= most:
        raise OptionError(f"{option} {number}: not a whole number from 0 to {most}")


def port_range(text: str) -> tuple[int, int]:
    """Return (LO, HI) of ``LO-HI``."""
    low, _, high = text.partition("-")
    fits = low.isdecimal() and high.isdecimal() and 1 <= int(low) <= int(high) <= 65535
    if not fits:
        raise OptionError(f"--ports {text}: not LO-HI with 1 <= LO <= HI <= 65535")
    return int(low), int(high)


def address(text: str) -> str:
    """Return ``text`` if renters can dial it: an IP address, or a name of at most 64 characters."""
    if not can_be_dialed(text):
        raise OptionError(f"--advertise {text!r}: not an address that renters can dial")
    return text


def classes(text: str) -> dict[str, Capacity]:
    """Return the shapes of ``NAME=MVCPU/MEM_MIB/DISK_MIB,...``, in that order."""
    parts = text.split(",")
    shapes = dict(_shape(part) for part in parts)
    if len(shapes) < len(parts) or len(shapes) > CLASSES_MAX:
        raise OptionError(f"--classes: a class twice, or more than {CLASSES_MAX}")
    return shapes


def tags(texts: list[str]) -> tuple[str, ...]:
    """Return the owner's words for this server, each once, sorted."""
    for text in texts:
        try:
            msgspec.convert(text, HostTag)
        except msgspec.ValidationError:
            raise OptionError(f"--tag {text!r}: not a word, or NAME=WORD") from None
    if len(set(texts)) > TAGS_MAX:
        raise OptionError(f"--tag: more than {TAGS_MAX}")
    return tuple(sorted(set(texts)))


def policy(rates: Rates, outbound: str, proxy: str | None, state: Path) -> Policy:
    """Return what guests are allowed by ``--outbound`` and ``--proxy``."""
    if (outbound == "proxy") != (proxy is not None):
        raise OptionError("--outbound proxy and --proxy ADDRESS:PORT belong together")
    where = None if proxy is None else _proxy(proxy)
    try:
        allowed = msgspec.convert(outbound, Outbound)
    except msgspec.ValidationError:
        raise OptionError(f"--outbound {outbound}: not none, proxy or all") from None
    return Policy(rates, allowed, where, gid_of(os.path.realpath(state)))


def _proxy(text: str) -> Proxy:
    address, _, port = text.rpartition(":")
    try:
        found = ipaddress.IPv4Address(address)
    except ValueError:
        found = ipaddress.IPv4Address(0)
    usable = not (found.is_unspecified or found.is_multicast or found == LIMITED_BROADCAST)
    if not (usable and port.isdecimal() and 1 <= int(port) <= 65535):
        raise OptionError(f"--proxy {text}: not ADDRESS:PORT with an IPv4 address")
    return Proxy(found, int(port))


def _shape(part: str) -> tuple[str, Capacity]:
    name, _, numbers = part.partition("=")
    try:
        mvcpu, mem_mib, disk_mib = (int(number) for number in numbers.split("/"))
        fields = {"mvcpu": mvcpu, "mem_mib": mem_mib, "disk_mib": disk_mib}
        found = msgspec.convert(name.strip(), Name), msgspec.convert(fields, Capacity)
    except ValueError:
        raise OptionError(f"--classes {part!r}: not NAME=MVCPU/MEM_MIB/DISK_MIB") from None
    if not (mvcpu and mem_mib):
        raise OptionError(f"--classes {part!r}: a VM needs CPU and memory")
    return found
