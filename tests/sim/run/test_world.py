"""Whole runs: the farm is helped, everything ends, and the same seed is the same run."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.engine.engine import Engine
from exchange.journal.replay import read_genesis, recorded_events
from exchange.wire.codec import MSGPACK
from exchange.wire.console_requests import VmConsole
from sim.network.identity import Identity
from sim.network.pump import run_paced
from sim.results.replay import replay_rows
from tests.sim.scenes import TRADERS, loaded, outcome, scene, world

REPO = Path(__file__).parents[3]

DIGEST_OF_A_RUN = """
import sys
from pathlib import Path
from tests.sim.scenes import TRADERS, outcome, scene
print(outcome(Path(sys.argv[1]), scene(TRADERS, duration_s=600)).digest)
"""


def test_two_rules_carry_a_farm_over_its_peak(tmp_path: Path) -> None:
    helped = outcome(tmp_path, scene()).metrics
    alone = outcome(tmp_path, scene(), "no_burst").metrics
    assert alone["slo_violation_pct"] > 40
    assert helped["slo_violation_pct"] < 20
    assert alone["cost"] == alone["leases"] == alone["peak_units"] == 0
    assert 0 < helped["cost"] < 1
    assert 4 <= helped["peak_units"] <= 8
    assert 0.0315 <= helped["price_mean"] <= helped["price_max"] <= 0.0385
    assert helped["boot_p95_s"] >= 20
    # One per cent, rounded down at each charge, of what sellers and exchange share.
    paid = helped["seller_revenue"] + helped["exchange_fees"]
    assert paid == pytest.approx(helped["cost"] - helped["penalties"], abs=1e-9)
    assert helped["exchange_fees"] == pytest.approx(helped["cost"] / 100, rel=0.01)


def test_units_over_time_follow_the_load(tmp_path: Path) -> None:
    found = outcome(tmp_path, scene())
    assert found.units[0] == 2
    assert max(found.units) > 6
    assert found.units[-1] < max(found.units)
    assert max(found.need) == pytest.approx(9, abs=0.5)


def test_a_fixed_number_is_bought_once_and_kept(tmp_path: Path) -> None:
    found = outcome(tmp_path, scene("[policy.static]\nunits = 7\n"), "static")
    assert found.metrics["peak_units"] == 7
    assert found.units[-1] == 9


def test_a_cloud_sells_the_same_rules_at_its_list_price(tmp_path: Path) -> None:
    cloud = '[policy.cloud]\nlike = "threshold"\nlist_price = 0.2\n'
    found = outcome(tmp_path, scene(cloud), "cloud").metrics
    assert found["price_mean"] == found["price_max"] == 0.2
    assert found["cost"] > 3 * outcome(tmp_path, scene(cloud)).metrics["cost"]


def test_a_budget_too_small_for_a_unit_buys_nothing(tmp_path: Path) -> None:
    text = scene().replace("max_units = 8", "max_units = 8\nbudget_day = 0.001")
    assert outcome(tmp_path, text).metrics["leases"] == 0


def test_asks_above_the_rules_price_stay_unsold(tmp_path: Path) -> None:
    found = outcome(tmp_path, scene().replace("price = 0.035", "price = 0.5")).metrics
    assert found["leases"] == 0
    assert found["unfilled_units"] > 0


def test_a_residual_seller_opens_at_night_and_recalls_in_the_morning(tmp_path: Path) -> None:
    """The owner's own load crosses the limit 10 minutes into the run."""
    own = '{kind = "profile", points = [[0, 0.05], [600, 0.05], [601, 0.5]]}'
    text = scene().replace(
        "jitter = 0.1",
        f'offer = {{kind = "residual", below_pct = 10}}\nown_load = {own}',
    )
    found = outcome(tmp_path, text)
    assert found.metrics["recalls"] > 0
    assert found.metrics["penalties"] > 0, "in a lease's first hour the bond pays its buyer"
    assert max(found.units) > 4


def test_a_fixed_offer_sells_no_more_than_it_says(tmp_path: Path) -> None:
    text = scene().replace("jitter = 0.1", 'offer = {kind = "fixed", units = 1}')
    assert outcome(tmp_path, text).metrics["peak_units"] == 3


def test_a_metered_lease_of_hours_breaks_no_law(tmp_path: Path) -> None:
    """Each of its hours is held, and the last one until its CPU is reported. (Seen to fail: the
    checker knew of two hours.)"""
    text = scene(duration_s=9000).replace("jitter", 'pricing = "metered"\njitter')
    found = outcome(tmp_path, text.replace("hold_s = 480", "hold_s = 8400")).metrics
    assert found["leases"] > 0
    assert found["unit_hours"] > 15


def test_where_all_is_metered_the_farm_pays_for_what_its_vms_use(tmp_path: Path) -> None:
    """Simulated VMs use half of their CPU."""
    flat = outcome(tmp_path, scene()).metrics
    metered = outcome(tmp_path, scene().replace("jitter", 'pricing = "metered"\njitter')).metrics
    assert metered["leases"] == flat["leases"] > 0
    assert metered["price_mean"] == flat["price_mean"]
    assert 0.1 < metered["cost"] / flat["cost"] < 0.9


def test_two_policies_of_a_seed_see_the_same_load_and_boots(tmp_path: Path) -> None:
    helped, alone = world(tmp_path, scene()), world(tmp_path, scene(), "no_burst")
    assert helped.loads == alone.loads
    other = world(tmp_path, scene().replace("seed = 7", "seed = 8"))
    assert other.loads != helped.loads


def digest_under(hash_seed: str, folder: Path) -> subprocess.Popen[str]:
    """Start a run under the hash seed, so that two can go side by side; it prints its digest."""
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", DIGEST_OF_A_RUN, str(folder)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_digest_is_the_same_under_every_hash_seed(tmp_path: Path) -> None:
    """Shown to fail once with the seller's hosts walked as a set in `Seller._list_free`."""
    runs = [digest_under(hash_seed, tmp_path / hash_seed) for hash_seed in ("0", "777")]
    found = [run.communicate(timeout=120)[0].strip() for run in runs]
    assert found[0] == found[1]
    assert found[0] == outcome(tmp_path, scene(TRADERS, duration_s=600)).digest


def test_the_digest_is_the_same_at_every_pace(tmp_path: Path) -> None:
    text = scene(duration_s=300)
    paced = world(tmp_path, text)
    paced.begin()
    asyncio.run(run_paced(paced.stage.env, paced.end_ms, speed=10_000.0))
    assert paced.result(1.0).digest == outcome(tmp_path, text).digest


def test_a_recorded_run_replays_to_the_same_bytes_and_state(tmp_path: Path) -> None:
    """Over a thousand commands: as they happened, through the pump again, and row by row."""
    lived = world(tmp_path, scene(TRADERS, duration_s=2400), keep_rows=True)
    bytes_lived: list[bytes] = []
    lived.stage.marketplace.observers.append(
        lambda command, outs, now_ms: bytes_lived.append(MSGPACK.encode(outs))
    )
    digest = lived.run().digest
    rows = lived.stage.marketplace.rows
    assert len(rows) > 1000
    replayed = replay_rows(rows)
    assert replayed.events == bytes_lived
    assert replayed.state_hash == lived.stage.marketplace.engine.state_hash()
    assert replayed.digest == digest
    fresh = Engine(read_genesis(rows[0]).config)
    assert list(recorded_events(fresh.apply, rows)) == bytes_lived
    assert fresh.state_hash() == replayed.state_hash


def test_the_checker_sees_every_command(tmp_path: Path) -> None:
    checked = world(tmp_path, scene(TRADERS))
    checked.run()
    assert checked.stage.checker.commands == checked.stage.marketplace.commands > 500


def test_a_trace_takes_the_place_of_the_workload(tmp_path: Path) -> None:
    (tmp_path / "load.csv").write_text("t_s,v\n0,30000\n300,210000\n900,30000\n", encoding="utf-8")
    head, _, tail = scene().partition("[workload]")
    trace = '[workload]\nkind = "trace"\nfile = "load.csv"\ncolumn = "v"\nper_s = 300\n[boot]'
    found = loaded(tmp_path, head + trace + tail.partition("[boot]")[2])
    assert len(found.traces) == 1
    lived = outcome(tmp_path, head + trace + tail.partition("[boot]")[2])
    assert max(lived.need) == 9
    assert lived.metrics["peak_units"] >= 4


def test_a_look_at_a_console_reaches_the_simulated_host_and_changes_nothing(tmp_path: Path) -> None:
    text = scene("[network]\njitter_ms = 0\n", duration_s=600)
    looked = world(tmp_path, text)
    looked.begin()
    looked.stage.env.run(until=looked.scenario.start_ms + 400_000)
    account = looked.scenario.farm.account
    vm = looked.stage.marketplace.engine.account_state(account).vms[0]
    request = VmConsole(req_id=1, vm_id=vm.vm_id, lines=9)
    asked = looked.stage.ask("reader", Identity(looked.stage.seed, account), [request])
    process = looked.stage.env.process(asked)
    looked.stage.env.run(until=process)
    told = f"{vm.vm_id} boots in memory\n{vm.vm_id} is ready"
    assert process.value == [{"vm_id": vm.vm_id, "text": told}]
    looked.stage.env.run(until=looked.end_ms)
    assert looked.result(0).digest == outcome(tmp_path, text).digest
