"""The seed of a cloud image: read back here by the format's own rules, in both of its trees.

That Linux and cloud-init read it is shown by a real guest (tests/e2e).
"""

import hashlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.wire.types import MAX_USER_DATA_CHARS, ToldCapacity
from hostagent.core.ports import DomainSpec
from hostagent.core.seed import SECTOR, seed, volume

PRIMARY, JOLIET = 16, 17
SPEC = DomainSpec(
    vm_id="v-7",
    lease_id="l-3",
    boot="b",
    shape=ToldCapacity(mvcpu=1000, mem_mib=2048, disk_mib=10_240),
    image="a" * 64,
    user_data="#cloud-config\n",
    born_ms=1_800_000_000_000,
)
EXTREMES = [
    "",
    "x",
    "\0" * MAX_USER_DATA_CHARS,
    "\r\n\0\x1a\ufeff\u2028",
    "x" * SECTOR,
    "x" * (SECTOR + 1),
    "\u20ac" * MAX_USER_DATA_CHARS,
    "\U0010ffff" * MAX_USER_DATA_CHARS,
]


def number(data: bytes, at: int) -> int:
    """Return a number that stands there in both byte orders."""
    little, big = struct.unpack_from("<I", data, at)[0], struct.unpack_from(">I", data, at + 4)[0]
    assert little == big
    return int(little)


def read(data: bytes, tree: int) -> tuple[str, dict[str, bytes]]:
    """Return a volume's label and files, as one of its trees tells them."""
    coding = "utf-16-be" if tree == JOLIET else "ascii"
    descriptor = data[tree * SECTOR : (tree + 1) * SECTOR]
    assert descriptor[:7] == bytes((2 if tree == JOLIET else 1,)) + b"CD001\x01"
    assert number(descriptor, 80) * SECTOR == len(data)
    label = descriptor[40:72].decode(coding).rstrip()
    root = number(descriptor, 158) * SECTOR
    files, at = {}, root
    while (size := data[at]) != 0:
        start, length = number(data, at + 2) * SECTOR, number(data, at + 10)
        name = data[at + 33 : at + 33 + data[at + 32]]
        if data[at + 25] == 0:
            files[name.decode(coding)] = data[start : start + length]
        at += size
    assert at < root + SECTOR
    return label, files


@given(st.text(max_size=3 * SECTOR))
def test_user_data_comes_back_byte_by_byte(text: str) -> None:
    made = seed(replace(SPEC, user_data=text))
    assert read(made, JOLIET)[1]["user-data"] == text.encode()
    assert read(made, PRIMARY)[1]["USER_DAT.;1"] == text.encode()


@pytest.mark.parametrize("text", EXTREMES, ids=range(len(EXTREMES)))
def test_extremes_come_back_too(text: str) -> None:
    label, files = read(seed(replace(SPEC, user_data=text)), JOLIET)
    assert (label, sorted(files)) == ("cidata", ["meta-data", "user-data"])
    assert files["user-data"] == text.encode()


def test_the_instance_is_the_vm_and_its_birth() -> None:
    """A VM that gets an id a second time is a new instance: cloud-init runs again."""
    told = json.loads(read(seed(SPEC), JOLIET)[1]["meta-data"])
    assert told == {"instance-id": "v-7-1800000000000", "local-hostname": "v-7"}
    again = json.loads(read(seed(replace(SPEC, born_ms=5)), JOLIET)[1]["meta-data"])
    assert again["instance-id"] == "v-7-5"


@pytest.mark.parametrize(
    ("vm_id", "hostname"), [("V_1.x", "v-1-x"), ("_", "vm"), ("a" * 64, "a" * 63)]
)
def test_every_id_gives_a_hostname(vm_id: str, hostname: str) -> None:
    told = json.loads(read(seed(replace(SPEC, vm_id=vm_id)), JOLIET)[1]["meta-data"])
    assert told["local-hostname"] == hostname


def test_both_labels_are_those_that_cloud_init_looks_for() -> None:
    made = volume("cidata", {"a": b"1"})
    assert [read(made, tree)[0] for tree in (PRIMARY, JOLIET)] == ["CIDATA", "cidata"]


def test_equal_vms_get_equal_bytes() -> None:
    """(The bytes as xorriso and blkid have read them.)"""
    digest = hashlib.sha256(seed(SPEC)).hexdigest()
    assert digest == "66e2c3fa546806517ef12f3d755e355efeacc292404cc58a3ed079f95ae51af4"
