"""Domain XML: the exact text of three kinds of VM, and what a renter's text can never do.

`HEADROOM_WRITE_GOLDEN=1 pytest` writes the golden files anew; look at their diff.
"""

import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.units import MIB
from exchange.wire.types import ToldCapacity
from hostagent.core import domain_xml
from hostagent.core.domain_xml import Carried, Virt
from hostagent.core.policy import Policy
from hostagent.core.ports import BootFiles, DomainSpec, Forward, HypervisorError, Notes
from hostagent.core.rates import Rates

GOLDEN = Path(__file__).parent.parent / "golden"
SPEC = DomainSpec(
    vm_id="v-7",
    lease_id="l-3",
    boot="boot-1",
    shape=ToldCapacity(mvcpu=1000, mem_mib=2048, disk_mib=10_240),
    image="a" * 64,
    cmdline="quiet",
    user_data="motd=hello",
    ports=(80, 443),
    allow_from=("10.0.0.0/8",),
    until_ms=1_800_000_000_000,
)
NANO = replace(SPEC, shape=ToldCapacity(mvcpu=250, mem_mib=256, disk_mib=1024), until_ms=None)
WIDE = replace(SPEC, shape=ToldCapacity(mvcpu=2500, mem_mib=4096, disk_mib=1024))
FORWARDS = (Forward(80, 30_000, 40_001), Forward(443, 30_001, 40_002))
KERNEL = BootFiles("/i/vmlinuz", "/i/initrd.gz", user_data="/v/user-data")
DISK = BootFiles(disk="/v/disk.raw")
SEEDED = replace(DISK, seed="/v/seed.iso")


def xml(spec: DomainSpec, files: BootFiles = KERNEL, virt: Virt = "qemu") -> str:
    return domain_xml.domain_xml(Carried(spec, FORWARDS), files, virt, "/l/v-7.log")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kernel_emulated", xml(SPEC)),
        ("disk_kvm", xml(WIDE, DISK, "kvm")),
        ("disk_seeded", xml(WIDE, SEEDED)),
        ("nano_emulated", xml(NANO)),
        ("test_driver", xml(SPEC, KERNEL, "test")),
    ],
)
def test_the_text_is_as_it_was(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.xml"
    if os.environ.get("HEADROOM_WRITE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_a_disk_is_as_fast_as_its_class_may() -> None:
    policy = Policy(Rates(disk_mib_s=100))
    for spec, mib_s in ((NANO, 25), (WIDE, 250)):
        text = domain_xml.domain_xml(
            Carried(spec, FORWARDS), DISK, "qemu", "/l/v-7.log", policy=policy
        )
        told = ET.fromstring(text).findtext("devices/disk/iotune/total_bytes_sec")  # noqa: S314
        assert told == str(mib_s * MIB)


printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80)
plain_ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)


@given(plain_ids, printable, printable)
def test_whatever_a_renter_says_comes_back_as_said(vm_id: str, cmdline: str, network: str) -> None:
    """And only there: the rest of the domain is as it is without those texts."""
    spec = replace(SPEC, vm_id=vm_id, cmdline=cmdline, allow_from=(network,))
    root = parsed(spec)
    assert root.findtext("name") == f"headroom-{vm_id}"
    told = root.findtext("os/cmdline")
    assert told == f"{domain_xml.BASE_CMDLINE} {cmdline}".rstrip()
    element = root.find(f"metadata/{{{domain_xml.VM_URI}}}vm")
    assert element is not None
    carried = domain_xml.read_carried(ET.tostring(element, encoding="unicode"))
    assert carried == Carried(replace(spec, user_data=""), FORWARDS)
    assert arguments(root) == arguments(parsed(SPEC))


@given(st.text(max_size=30))
def test_a_renters_text_is_kept_whole_or_refused(text: str) -> None:
    """Never cut or changed in silence, and never more than one element of its kind."""
    try:
        root = parsed(replace(SPEC, vm_id=text, cmdline=text))
    except HypervisorError:
        return
    assert root.findtext("name") == f"headroom-{text}"
    assert len(root.findall("os/cmdline")) == 1


def test_user_data_is_never_text_of_the_domain() -> None:
    """libvirt 9 passes the text of a fwcfg entry to QEMU with its commas as they are.

    Shown to fail with user data as the entry's text, when QEMU took ``file=`` for an argument.
    """
    text = xml(replace(SPEC, user_data="x,file=/etc/shadow"))
    assert "shadow" not in text
    assert 'file="/v/user-data"' in text


def test_a_path_with_a_comma_is_refused() -> None:
    with pytest.raises(HypervisorError, match="comma"):
        xml(SPEC, replace(KERNEL, user_data="/a,b/user-data"))


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "../../etc"},
        {"image": "A" * 64},
        {"lease_id": "l\n3"},
        {"allow_from": ("\x00",)},
        {"cmdline": "caf\xe9"},
    ],
)
def test_what_a_domain_cannot_carry_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(HypervisorError):
        xml(replace(SPEC, **changes))


def test_notes_come_back() -> None:
    notes = Notes(until_ms=1, ready_ms=2, net_rx_total=3, net_tx_total=4)
    assert domain_xml.read_notes(domain_xml.notes_xml(notes)) == notes


@pytest.mark.parametrize("text", ["", "<vm>", "<vm>{}</vm>", "<vm>[1]</vm>", "<vm/>"])
def test_metadata_that_is_not_ours_is_said_to_be_so(text: str) -> None:
    with pytest.raises(HypervisorError, match="metadata"):
        domain_xml.read_carried(text)


def parsed(spec: DomainSpec) -> ET.Element:
    return ET.fromstring(xml(spec))  # noqa: S314 it is our own


def arguments(root: ET.Element) -> list[str | None]:
    return [one.get("value") for one in root.iter() if one.tag.endswith("}arg")]
