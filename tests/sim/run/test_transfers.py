"""What travels takes its time: messages of each party, images to each host."""

from pathlib import Path

import pytest

from exchange.model.commands import Command, Out
from exchange.wire.frames import VmUpdate
from sim.run.world import World
from tests.sim.scenes import scene, world

STEADY = "mean_s = 40\nsd_s = 0\nmin_s = 20"


def prepared(folder: Path, boot: str = "", seller: str = "", farm: str = "") -> World:
    """Return the short peak with boots that all take 40 s, on one host with room for all units."""
    text = scene(duration_s=900).replace("mean_s = 40\nsd_s = 10\nmin_s = 20", STEADY + boot)
    text = text.replace("hosts = 3", "hosts = 1").replace("jitter = 0.1", seller)
    text = text.replace("mvcpu = 4000, mem_mib = 8800", "mvcpu = 8000, mem_mib = 17600")
    text = text.replace("deposit = 50.0", "deposit = 50.0" + farm)
    return world(folder, f"{text}[network]\nlatency_ms = 20\njitter_ms = 0\n")


def ran(folder: Path, boot: str = "", seller: str = "", farm: str = "") -> World:
    played = prepared(folder, boot, seller, farm)
    played.run()
    return played


def first_ready_ms(played: World) -> int:
    """Return when the first rented unit served."""
    return next(at_ms for at_ms, units in played.stage.farm.ready if units > 2)


def boots_of(folder: Path, boot: str, seller: str = "") -> list[float]:
    """Return how long each VM took from its request to its first answer, in seconds."""
    asked: dict[str, int] = {}
    took: dict[str, float] = {}

    def note(command: Command, outs: list[Out], now_ms: int) -> None:
        for _, event in outs:
            if isinstance(event, VmUpdate):
                asked_ms = asked.setdefault(event.vm_id, event.ts_ms)
                if event.ready_ms is not None:
                    took[event.vm_id] = (event.ready_ms - asked_ms) / 1000

    played = prepared(folder, boot, seller)
    played.stage.marketplace.observers.append(note)
    played.run()
    return list(took.values())


def test_a_party_with_a_slow_network_waits_for_it(tmp_path: Path) -> None:
    near = first_ready_ms(ran(tmp_path))
    slow = "{latency_ms = 520, jitter_ms = 0}"
    far_farm = first_ready_ms(ran(tmp_path, farm=f"\nnetwork = {slow}"))
    far_host = first_ready_ms(ran(tmp_path, seller=f"network = {slow}"))
    # The order goes to the exchange, the lease to the Manager, `vm.start` back, the guest's
    # readiness to the Manager: 4 trips. The host gets the launch and tells of the guest: 2 trips.
    assert far_farm - near == pytest.approx(4 * 500, abs=1000), "probes come once a second"
    assert far_host - near == pytest.approx(2 * 500, abs=1000)
    assert far_farm > far_host > near


def test_the_first_start_on_a_host_waits_for_the_image(tmp_path: Path) -> None:
    """500 MiB at 100 Mbit/s take 41.9 s."""
    plain, loading = ran(tmp_path), ran(tmp_path, boot="\nimage_mib = 500\nlink_mbit = 100")
    assert first_ready_ms(loading) - first_ready_ms(plain) == pytest.approx(41_943, abs=1000)


def test_later_starts_on_a_host_do_without(tmp_path: Path) -> None:
    took = boots_of(tmp_path, "\nimage_mib = 500\nlink_mbit = 100")
    assert max(took) == pytest.approx(40 + 41.9, abs=1)
    assert min(took) == pytest.approx(40, abs=1), "the image was there"


def test_a_sellers_own_link(tmp_path: Path) -> None:
    took = boots_of(tmp_path, "\nimage_mib = 500\nlink_mbit = 100", "link_mbit = 10000")
    assert max(took) == pytest.approx(40.4, abs=1)
