"""Several farms in one scenario: they compete, keep policies of their own, are measured apart."""

from pathlib import Path
from random import Random
from statistics import correlation, stdev

import pytest
from typer.testing import CliRunner

from exchange.units import UCR_PER_CREDIT, ucr_from_credits
from sim.cli.app import app
from sim.run.world import World
from sim.scenario.file import decode
from sim.scenario.loads import SharedNoise
from tests.sim.scenes import RULES, loaded, outcome, scene, world

MARKET = ("cost", "wind_down_cost", "penalties")


def rivals(*more: str, rules: str = RULES, top: str = "", duration_s: int = 1200) -> str:
    """Return the short peak with a further farm for each of ``more``, its table's keys."""
    text = scene(duration_s=duration_s, rules=rules).replace("[farm]", f"{top}\n[[farm]]")
    tables = "".join(f"[[farm]]\n{keys}\n" for keys in more)
    return text.replace("[workload]", f"{tables}[workload]")


def test_one_farm_in_a_list_is_the_one_farm(tmp_path: Path) -> None:
    alone = outcome(tmp_path, scene(duration_s=600))
    listed = outcome(tmp_path, rivals(duration_s=600))
    assert (listed.digest, listed.metrics) == (alone.digest, alone.metrics)
    assert listed.farms == {}


def test_sellers_sell_what_the_first_farm_buys_and_others_buy_it_too() -> None:
    text = rivals('account = "b"').replace('class = "small"', 'class = "medium"')
    found = decode(text)
    assert [farm.class_ for farm in found.farms] == ["medium", "medium"]
    assert {seller.class_ for seller in found.seller} == {"medium"}


def test_farms_compete_for_the_last_hosts(tmp_path: Path) -> None:
    """What a farm has of a scarce host the other one lacks."""
    alone = outcome(tmp_path, scene())
    both = outcome(tmp_path, rivals('account = "shop-2"'))
    assert alone.metrics["peak_units"] == 8, "alone it gets all that it may have"
    held = {name: found["peak_units"] for name, found in both.farms.items()}
    assert sum(held.values()) == 12, "three hosts of four units"
    assert both.farms["shop"] == both.metrics
    late = min(held, key=lambda name: held[name])
    assert both.farms[late]["slo_violation_pct"] > alone.metrics["slo_violation_pct"]
    assert max(each["missing_unit_hours"] for each in both.farms.values()) > 0


def test_the_farms_metrics_sum_to_the_books(tmp_path: Path) -> None:
    run = world(tmp_path, rivals('account = "shop-2"', 'account = "shop-3"\ncore_units = 5'))
    found = run.run()
    balances = run.stage.marketplace.engine.balances()
    for account, metrics in found.farms.items():
        owned_ucr = sum((balances[account].available_ucr, balances[account].held_ucr))
        charged = metrics["cost"] + metrics["wind_down_cost"] - metrics["penalties"]
        assert ucr_from_credits(50.0 - charged) == owned_ucr
    paid = sum(each["cost"] + each["wind_down_cost"] for each in found.farms.values())
    bonds = sum(each["penalties"] for each in found.farms.values())
    earned = found.metrics["seller_revenue"] + found.metrics["exchange_fees"]
    assert paid - bonds == pytest.approx(earned, abs=1 / UCR_PER_CREDIT)


def test_a_rival_keeps_its_policy(tmp_path: Path) -> None:
    text = rivals('account = "rival"\npolicy = "hoard"') + "[policy.hoard]\nunits = 10\n"
    for policy in ("threshold", "no_burst"):
        found = outcome(tmp_path, text, policy)
        assert found.farms["rival"]["peak_units"] == 10
    assert found.metrics["leases"] == 0, "the farm under test buys nothing by no_burst"
    assert "rival" in outcome(tmp_path, text, "hoard").farms


def test_a_rival_keeps_out_of_a_cloud(tmp_path: Path) -> None:
    rules = f'{RULES}[policy.cloud]\nlike = "threshold"\nlist_price = 0.1\n'
    text = rivals('account = "rival"\npolicy = "threshold"', 'account = "twin"', rules=rules)
    found = outcome(tmp_path, text, "cloud")
    assert list(found.farms) == ["shop", "twin"]
    assert found.farms["twin"]["cost"] > 0


def test_farms_in_other_zones_and_of_other_classes(tmp_path: Path) -> None:
    zones = '[[zone]]\nname = "eu-de"\n[[zone]]\nname = "eu-fr"\n'
    seller = '[[seller]]\nname = "paris"\nhosts = 1\nprice = 0.02\nzone = "eu-fr"\nclass = "nano"\n'
    far = 'account = "far"\nzone = "eu-fr"\nclass = "nano"'
    found = outcome(tmp_path, rivals(far).replace("[workload]", zones + seller + "[workload]"))
    assert found.farms["far"]["price_max"] == pytest.approx(0.02), "paris sells to far alone"
    assert found.metrics["price_mean"] > 0.03


def test_one_farm_more_changes_no_others_load(tmp_path: Path) -> None:
    two = world(tmp_path, rivals('account = "b"'))
    three = world(tmp_path, rivals('account = "a"', 'account = "b"'))
    assert two.loads == world(tmp_path, scene()).loads == three.loads
    assert two.buyers[1].loads == three.buyers[2].loads
    assert two.buyers[1].loads != two.loads, "each has noise of its own"


def correlated(folder: Path, share: float) -> World:
    return world(
        folder, rivals('account = "b"', 'account = "c"', top=f"load_correlation = {share}")
    )


@pytest.mark.parametrize("share", [0.0, 0.25, 0.8, 1.0])
def test_noise_is_normal_and_as_correlated_as_it_is_told(share: float) -> None:
    farms = [SharedNoise(share, Random("common"), Random(name)) for name in ("a", "b")]
    drawn: list[list[float]] = [[], []]
    for _ in range(4000):
        for farm, found in zip(farms, drawn, strict=True):
            farm.step()
            found.append(farm.gauss(0.0, 1.0))
    assert [stdev(found) for found in drawn] == pytest.approx([1.0, 1.0], abs=0.04)
    assert correlation(*drawn) == pytest.approx(share, abs=0.04)


def test_loads_that_are_wholly_correlated_are_one(tmp_path: Path) -> None:
    first, *others = [buyer.loads for buyer in correlated(tmp_path, 1.0).buyers]
    assert others == [first, first]


def test_loads_that_are_not_correlated_peak_apart(tmp_path: Path) -> None:
    plain = world(tmp_path, scene()).loads
    first, *others = [buyer.loads for buyer in correlated(tmp_path, 0.0).buyers]
    assert first == pytest.approx(plain), "the first farm's peak stays where the file has it"
    for other in others:
        assert max(other) == pytest.approx(max(first), rel=0.1)
        assert sum(other) == pytest.approx(sum(first), rel=0.05), "what leaves comes in again"
    centres = sorted(_centre(loads) for loads in (first, *others))
    assert centres[-1] - centres[0] > 10, "the peaks lie apart"


def _centre(loads: list[float]) -> float:
    """Return the middle of the samples near the peak."""
    near = [at for at, load in enumerate(loads) if load > 0.9 * max(loads)]
    return sum(near) / len(near)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ('account = "shop"', "farm.account: 'shop' is used twice"),
        ('account = "b"\nzone = "mars"', "farm[1].zone: there is no zone 'mars'"),
        ('account = "b"\nclass = "huge"', "farm[1].class: there is no class 'huge'"),
        ('account = "b"\npolicy = "hoard"', "farm[1].policy: there is no policy 'hoard'; there is"),
        ('account = "b"\npolicy = "cloud"', "farm[1].policy: 'cloud' buys in a cloud"),
        ('account = "b"\ncolour = 1', "farm[1]: unknown key 'colour'"),
        ('zone = "eu-de"', "farm[1]: missing key 'account'"),
        ('account = "uni-lab"', "seller[0].name: 'uni-lab' is a farm's account"),
    ],
)
def test_a_mistake_in_a_farm_is_one_line(tmp_path: Path, more: str, line: str) -> None:
    cloud = f'{RULES}[policy.cloud]\nlike = "threshold"\nlist_price = 0.1\n'
    _one_line(tmp_path, rivals(more, rules=cloud), line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (scene().replace("[boot]", "[boot]\nimage_mib = 20000"), "boot.image_mib: 20000 is too"),
        (scene().replace("[farm]", "load_correlation = 0.5\n[farm]"), "load_correlation: needs"),
        (rivals().replace('account = "shop"', 'account = "shop"\npolicy = "threshold"'), "first"),
        (
            rivals() + '[[expect]]\npolicy = "no_burst"\nmetric = "cost"\nmax = 1\nfarm = "x"\n',
            "expect[0].farm: there is no farm 'x'",
        ),
    ],
)
def test_a_mistake_around_farms_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    _one_line(tmp_path, text, line)


def _one_line(folder: Path, text: str, line: str) -> None:
    file = folder / "scene.toml"
    file.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(file)])
    assert done.exit_code == 2
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_each_farm_stands_in_the_report_and_is_expected_of(tmp_path: Path) -> None:
    expect = '[[expect]]\npolicy = "threshold"\nmetric = "peak_units"\nmax = 8\nfarm = "shop-2"\n'
    file = tmp_path / "scene.toml"
    file.write_text(rivals('account = "shop-2"', duration_s=600) + expect, encoding="utf-8")
    done = CliRunner().invoke(app, ["run", str(file), "--policy", "threshold", "--jobs", "1"])
    assert done.exit_code == 0, done.stdout
    assert "threshold: peak_units of shop-2" in done.stdout
    [head] = [row for row in done.stdout.splitlines() if row.startswith("threshold, each farm")]
    below = done.stdout.splitlines()[done.stdout.splitlines().index(head) + 1 :]
    assert [row.split()[0] for row in below[:2]] == ["shop", "shop-2"]
    assert max(map(len, below[:2])) <= 80
    assert loaded(tmp_path, rivals('account = "shop-2"')).scenario.farms[1].unit_rps == 100


def test_a_partition_cuts_off_the_farm_that_it_names(tmp_path: Path) -> None:
    fault = '[[fault]]\nkind = "partition"\nat_s = 0\nbetween = ["shop-2", "exchange"]\n'
    text = rivals('account = "shop-2"', duration_s=900).replace("[boot]", f"{fault}[boot]")
    found = outcome(tmp_path, text)
    assert found.farms["shop"]["leases"] > 0
    assert found.farms["shop-2"]["leases"] == 0


def test_the_rest_of_the_market_may_be_patient(tmp_path: Path) -> None:
    """A buyer takes what the farm then lacks; a seller brings what it then has."""
    alone, buyer, seller = (
        outcome(tmp_path, _scarce(kind)).metrics for kind in ("", "buyer", "seller")
    )
    assert buyer["slo_violation_pct"] > alone["slo_violation_pct"]
    assert seller["peak_units"] > alone["peak_units"] == 8, "all that two hosts have"
    assert seller["price_max"] >= 0.04


def _scarce(kind: str) -> str:
    trader = f'[[trader]]\nkind = "{kind}"\nsymbol = "small.eu-de.flat.spot"\nprice = 0.04\n'
    text = scene(f"{trader}units = 8\nhosts = 2\n" if kind else "")
    return text.replace("hosts = 3", "hosts = 2", 1).replace("max_units = 8", "max_units = 12")
