"""The doctor tells what is offered and why: total, reserve, own use of the last day, limit."""

from pathlib import Path

from exchange.wire.types import ToldCapacity
from hostagent.core.kept import Kept, KeptOffer
from hostagent.core.own_use import DayUse, Slot, Used
from hostagent.machine import facts
from hostagent.machine.kept_file import KeptFile
from hostagent.offer_check import default_offering, told


def test_a_server_that_was_not_measured_keeps_its_reserve(tmp_path: Path) -> None:
    known = facts.read_facts(tmp_path)
    said = told(default_offering(tmp_path))
    assert f"the server has {known.cpus * 1000} mvcpu and {known.mem_mib} MiB; its reserve" in said
    assert "(not measured yet); no limit" in said


def test_what_the_last_agent_measured_is_told_and_left_to_the_server(tmp_path: Path) -> None:
    """(Seen to fail: the doctor knew only the reserve.)"""
    known = facts.read_facts(tmp_path)
    day = DayUse((Slot(1, 7, 8),) * 6, Used(known.cpus * 1000, 77))
    file = KeptFile(tmp_path / "offer-x.json")
    file.keep_offer(KeptOffer(limit=ToldCapacity(9, 9, 9), day=day))
    now = default_offering(tmp_path)
    assert now.offered.mvcpu == 0
    assert f"its own work takes {known.cpus * 1000} mvcpu and 77 MiB" in told(now)
    assert "(measured over 0.5 of 24 h); the owner's limit is 9 mvcpu" in told(now)
    assert KeptFile(tmp_path / "offer-x.json").kept == Kept(None, KeptOffer(now.limit, day=day))
