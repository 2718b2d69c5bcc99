"""What the agent keeps beside its VMs, and the disk that counts as its own."""

import os
import tempfile
from pathlib import Path

import pytest

from exchange.keys import load_private_key, new_key
from exchange.wire.types import Capacity, ToldCapacity
from hostagent.core.kept import Kept, KeptOffer
from hostagent.core.residual import Residual
from hostagent.machine.facts import read_facts
from hostagent.machine.kept_file import KeptFile
from hostagent.machine.owner_file import OwnerFile
from hostagent.setup import kept_file

MIB = 1024 * 1024
CAPACITY = Capacity(3500, 14_746, 90_000)
OFFER = KeptOffer(ToldCapacity(1000, 2048, 10_240), Residual(40, True, 5))


def test_the_next_agent_with_the_key_reads_what_was_kept(tmp_path: Path) -> None:
    for name in ("one", "other"):
        new_key(tmp_path / name)
    one, other = (load_private_key(tmp_path / name) for name in ("one", "other"))
    state = tmp_path / "state"
    file = kept_file(state, one)
    assert not state.exists()
    file.keep_capacity(CAPACITY)
    file.keep_offer(OFFER)
    assert kept_file(state, one).kept == Kept(CAPACITY, OFFER)
    assert kept_file(state, other).kept == Kept()


@pytest.mark.parametrize("spoiled", [b"", b"{", b'{"capacity": 3}', b"\xff" * 9, b"0" * 99_999])
def test_a_spoiled_file_is_as_none(tmp_path: Path, spoiled: bytes) -> None:
    (tmp_path / "offer.json").write_bytes(spoiled)
    file = KeptFile(tmp_path / "offer.json")
    assert file.kept == Kept()
    file.keep_offer(OFFER)
    assert KeptFile(tmp_path / "offer.json").kept.offer == OFFER


def test_where_nothing_can_be_written_the_agent_goes_on(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"")
    file = KeptFile(tmp_path / "state" / "offer.json")
    file.keep_offer(OFFER)
    assert file.kept.offer == OFFER


@pytest.mark.parametrize("name", ["images", "vms/v-1", "logs"])
def test_a_guest_that_writes_leaves_the_hosts_disk_as_it_was(name: str) -> None:
    """(Seen to fail: less by all that the guest wrote, so a restarted agent offered less.)"""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        state = Path(folder)
        (state / name).mkdir(parents=True)
        before = read_facts(state).disk_mib
        with (state / name / "disk.raw").open("wb") as disk:
            disk.write(os.urandom(MIB) * 48)
            disk.truncate(1024 * MIB)
        assert abs(read_facts(state).disk_mib - before) <= 8


OWNER = "an-exchange/h-1/b2 b1"


@pytest.mark.parametrize("spoiled", [b"\xff" * 9, b"0" * 9_999])
def test_a_spoiled_owner_file_is_as_none(tmp_path: Path, spoiled: bytes) -> None:
    (tmp_path / "owner").write_bytes(spoiled)
    file = OwnerFile(tmp_path / "owner")
    assert file.owner == ""
    file.keep(OWNER)
    assert OwnerFile(tmp_path / "owner").owner == OWNER


def test_a_full_disk_leaves_the_owner_that_was_kept_before(tmp_path: Path) -> None:
    """(Seen to fail: the file was empty, and VMs of before a restore were nobody's.)"""
    OwnerFile(tmp_path / "owner").keep("an-exchange/h-1/b1")
    file = OwnerFile(tmp_path / "owner")
    full = tmp_path / "owner.part"
    full.symlink_to("/dev/full")
    file.keep(OWNER)
    assert OwnerFile(tmp_path / "owner").owner == "an-exchange/h-1/b1"
    file.keep(OWNER)
    assert OwnerFile(tmp_path / "owner").owner == OWNER, "tried again, with room"
