"""A recording without somebody: what others pay, what ids then mean, and a Manager instead.

Seen to fail on planted bugs: ids taken over as recorded, reports of a VM that moved played as
recorded, leases from before the recording kept, and the time before it in the cost.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.cli.common import moment
from exchange.journal.rows import JournalRow
from exchange.model.commands import HostBack
from exchange.storage.sqlite_journal import create
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE
from exchange.wire.codec import MSGPACK
from exchange.wire.requests import HostSynced, LeaseRelease
from sim.cli.app import app
from tests.exchange.support.lease_market import LeaseMarket
from tests.sim.record.test_record import data_of, refusal, sim
from tests.sim.scenes import TRADERS, scene, world

CHEAP_UCR, DEAR_UCR = 36_000, 72_000
STATIC = """
[policy.static]
units = 2
price_max = 0.04
[policy.cloud]
like = "threshold"
list_price = 0.1
"""


def release(market: LeaseMarket, account: str, lease_id: str) -> None:
    market.must(LeaseRelease(req_id=1, lease_id=lease_id), account)


def day() -> LeaseMarket:
    """Return a market where ``early`` took two cheap units for an hour and ``buyer`` a dear one.

    The dear unit is on another host, where the buyer runs a VM for the second half of the hour.
    """
    market = LeaseMarket()
    market.open_account("early")
    market.open_account("rich")
    dear_host = market.add_host("rich")
    market.advance(MS_PER_MINUTE)
    market.place("seller.ask", "sell", 2, CHEAP_UCR)
    market.place("rich.ask", "sell", 1, DEAR_UCR)
    market.advance(MS_PER_MINUTE)
    market.place("early.bid", "buy", 2, CHEAP_UCR)
    market.place("buyer.bid", "buy", 1, DEAR_UCR)
    market.advance(MS_PER_HOUR // 2)
    mine = market.lease_frames("buyer")[-1].lease_id
    vm_id = market.start(mine)
    market.report(vm_id, "running", ready=True, host=dear_host)
    market.advance(MS_PER_HOUR // 2)
    release(market, "early", market.lease_frames("early")[-1].lease_id)
    release(market, "buyer", mine)
    market.report(vm_id, "stopped", host=dear_host)
    return market


def recorded(folder: Path, market: LeaseMarket, *words: str) -> Path:
    data, out = folder / "data", folder / "day.rec"
    rows = [
        JournalRow(number, now_ms, MSGPACK.encode(command))
        for number, (command, now_ms) in enumerate(market.journal, 1)
    ]
    create(data, rows)
    sim("record", "--data", data, *words, out)
    return out


def test_the_next_buyer_gets_the_cheap_unit(tmp_path: Path) -> None:
    out = recorded(tmp_path, day())
    found = sim("replay", out, "--without", "early")["without"]
    # By hand: 2 units x 0.036 x 1 h; the buyer 1 x 0.072 x 1 h, without the other 1 x 0.036 x 1 h.
    assert found["recorded"]["cost"] == 0.072
    assert found["recorded"]["unit_hours"] == 2.0
    assert found["recorded"]["others_cost"] == 0.072
    assert found["played"]["cost"] == found["played"]["units_bought"] == 0
    assert found["played"]["others_cost"] == pytest.approx(0.036, abs=0.0011)  # a simulated boot
    text = CliRunner().invoke(app, ["replay", str(out), "--without", "early"]).stdout
    answer = text.splitlines()[1:]
    assert "What this cannot know:" in answer
    assert max(map(len, answer)) <= 80
    # Its order and its release; the VM's two reports are played by a simulated host.
    assert found["fates"] == {"taken_out": 2, "simulated": 2, "time": 1}
    assert (found["refused"], found["unchanged"]) == ({}, 0)


def test_a_host_that_is_back_names_the_vms_that_a_simulated_one_runs(tmp_path: Path) -> None:
    """The buyer's VM, which now runs on the host that was cut off, is not over before it says so:
    its last use of CPU is paid. (Seen to fail with the recorded inventory alone.)"""
    market = LeaseMarket()
    market.open_account("early")
    market.open_account("rich")
    dear_host = market.add_host("rich")
    symbol = "small.eu-de.metered.spot"
    market.place("seller.ask", "sell", 1, CHEAP_UCR, symbol=symbol)
    market.place("rich.ask", "sell", 1, DEAR_UCR, symbol=symbol)
    market.place("early.bid", "buy", 1, CHEAP_UCR, symbol=symbol)
    market.place("buyer.bid", "buy", 1, DEAR_UCR, symbol=symbol)
    mine = market.lease_frames("buyer")[-1].lease_id
    vm_id = market.start(mine)
    market.report(vm_id, "running", ready=True, host=dear_host)
    market.advance(MS_PER_HOUR // 2)
    market.silent(market.now_ms)
    market.must(HostBack(market.host))
    release(market, "buyer", mine)
    market.must(HostSynced(instruction_id="i", boot_id="boot 1", vms=[]), "seller", market.host)
    market.report(vm_id, "stopped", host=dear_host)
    market.advance(3 * MS_PER_MINUTE)
    market.place("buyer.last", "buy", 1, 1)
    found = sim("replay", recorded(tmp_path, market), "--without", "early")["without"]
    # Simulated VMs use half of their CPU.
    assert found["played"]["others_cost"] == pytest.approx(0.036 / 2 / 2, rel=0.01)


def test_without_somebody_who_did_nothing_it_is_what_was_recorded(tmp_path: Path) -> None:
    out = recorded(tmp_path, day())
    found = sim("replay", out, "--without", "operator")["without"]
    assert found["recorded"] == found["played"]
    assert (found["fates"], found["refused"], found["unchanged"]) == ({"time": 1}, {}, 0)


def test_a_manager_acts_instead(tmp_path: Path) -> None:
    rules = (tmp_path / "rules.toml", scene(STATIC, 600).replace("sd_s = 10", "sd_s = 0"))
    rules[0].write_text(rules[1], encoding="utf-8")
    out = recorded(tmp_path, day())
    told = sim("replay", out, "--without", "early", "--with-policy", f"{rules[0]}:static")
    found = told["without"]
    assert found["played"]["units_bought"] == found["played"]["peak_units"] == 2
    # Its bid was there before the ask, so it pays what it bid; the boots are free.
    assert found["played"]["price_mean"] == 0.04
    ready = found["played"]["ready_unit_hours"]
    assert found["played"]["cost"] == pytest.approx(ready * 0.04, rel=0.01)
    assert 2.0 < ready < 2.02
    assert found["played"]["others_cost"] == found["recorded"]["others_cost"] == 0.072


def test_from_a_moment_on_it_gives_back_what_it_has(tmp_path: Path) -> None:
    market = day()
    half_ms = market.journal[-1][1] - MS_PER_HOUR // 2
    out = recorded(tmp_path, market, "--from", f"{moment(half_ms)[:-1]}.{half_ms % 1000:03}")
    found = sim("replay", out, "--without", "early")["without"]
    assert found["given_back"] == 1
    assert found["recorded"]["cost"] == 0.036  # half an hour of two units
    assert found["recorded"]["unit_hours"] == 1.0
    assert found["played"]["cost"] == 0.0
    assert found["recorded"]["others_cost"] == found["played"]["others_cost"]
    assert found["refused"] == {}


def test_an_order_that_was_open_at_the_start_is_canceled(tmp_path: Path) -> None:
    market = LeaseMarket()
    market.open_account("early")
    market.advance(MS_PER_MINUTE)
    market.place("early.bid", "buy", 1, CHEAP_UCR)
    market.advance(MS_PER_MINUTE)
    since = f"{moment(market.now_ms)[:-1]}.{market.now_ms % 1000:03}"
    market.place("seller.ask", "sell", 1, CHEAP_UCR)
    market.advance(MS_PER_HOUR // 2)
    market.place("buyer.bid", "buy", 1, CHEAP_UCR)
    found = sim("replay", recorded(tmp_path, market, "--from", since), "--without", "early")
    bought = [found["without"][one]["units_bought"] for one in ("recorded", "played")]
    assert bought == [1, 0]


def test_a_lease_is_known_by_its_order(tmp_path: Path) -> None:
    """Without the first one's lease, the second one's is released at its time all the same."""
    market = LeaseMarket()
    market.open_account("rich")
    market.add_host("rich")
    market.advance(MS_PER_MINUTE)
    market.place("rich.ask", "sell", 1, DEAR_UCR)
    market.place("buyer.first", "buy", 1, DEAR_UCR, time_in_force="ioc")
    market.lease()
    second = market.lease_frames("buyer")[-1].lease_id
    market.advance(MS_PER_HOUR // 2)
    release(market, "buyer", second)
    market.advance(MS_PER_HOUR // 2)
    market.place("buyer.late", "buy", 1, CHEAP_UCR)
    found = sim("replay", recorded(tmp_path, market), "--without", "rich")["without"]
    assert (found["fates"], found["refused"]) == ({"taken_out": 1, "time": 1}, {})
    # By hand: half an hour of 0.036. (Of the first, nothing was charged before its hour was over.)
    assert found["played"]["others_cost"] == pytest.approx(0.018)


def test_a_run_with_its_own_rules_again_costs_what_it_cost(tmp_path: Path) -> None:
    text = scene(TRADERS, duration_s=900)
    run = world(tmp_path, text, keep_rows=True)
    run.run()
    data, out = data_of(tmp_path, run.stage.marketplace.rows), tmp_path / "run.rec"
    sim("record", "--data", data, out)
    policy = f"{tmp_path / 'scene.toml'}:threshold"
    found = sim("replay", out, "--without", "shop", "--with-policy", policy)["without"]
    before, after = found["recorded"], found["played"]
    assert after["units_bought"] == before["units_bought"] > 0
    assert after["cost"] == pytest.approx(before["cost"], rel=0.03)
    assert found["refused"] == {}
    quality = found["recorded_quality"], found["played_quality"]
    violated = [one["slo_violation_pct"] for one in quality]
    assert violated[0] == pytest.approx(violated[1], abs=1.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--without nobody", "--without nobody: the recording has no such account"),
        ("--with-policy SCENE:static", "--with-policy needs --without"),
        ("--without early --with-policy static", "not FILE:NAME"),
        ("--without early --with-policy SCENE:none", "the scenario has"),
        ("--without early --with-policy SCENE:cloud", "buys from a cloud"),
        ("--without early --with-policy FAR:static", "has no small.mars.flat.spot"),
        ("--without early --trace x --column y", "--trace needs --with-policy"),
    ],
)
def test_what_cannot_be_asked_is_one_line(tmp_path: Path, words: str, said: str) -> None:
    out = recorded(tmp_path, day())
    text = scene(STATIC, 600)
    (tmp_path / "SCENE").write_text(text, encoding="utf-8")
    far = text.replace('"eu-de"', '"mars"') + '[[zone]]\nname = "mars"\n'
    (tmp_path / "FAR").write_text(far, encoding="utf-8")
    given = words.replace("SCENE", str(tmp_path / "SCENE")).replace("FAR", f"{tmp_path}/FAR")
    assert said in refusal("replay", out, *given.split())
