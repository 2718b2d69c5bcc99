"""The front against an oracle, the winner, its sentence, and the root of a gap between costs."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sim.decide.break_even import MAX_RERUNS, Guess, pair, priced_at, solve
from sim.decide.decision import Decision, Point, decide, front, seeds_needed
from sim.decide.text import WIDTH, json_decide, table
from sim.results.stats import estimate, paired
from sim.scenario.file import decode
from tests.sim.scenes import TRADERS, scene

Pairs = list[tuple[float, float]]
FEW = st.integers(0, 4).map(float)  # few values, so that ties are met


def point(policy: str, totals: list[float], violated: float = 1.0, kind: str = "exchange") -> Point:
    parts = {"spares_cost": 0.0, "violation_cost": 0.0, "price_mean": 0.05}
    metrics = {name: estimate([value] * len(totals)) for name, value in parts.items()}
    metrics["slo_violation_pct"] = estimate([violated] * len(totals))
    metrics["total_cost"] = metrics["cost"] = estimate(totals)
    return Point(policy.partition(" at ")[0], {}, policy, kind, metrics)


@given(st.lists(st.tuples(FEW, FEW), max_size=12))
def test_the_front_is_what_nothing_beats(pairs: Pairs) -> None:
    def beaten(one: tuple[float, float]) -> bool:
        return any(a <= one[0] and b <= one[1] and (a, b) != one for a, b in pairs)

    assert front(pairs) == [index for index, one in enumerate(pairs) if not beaten(one)]


@pytest.mark.parametrize(
    ("points", "winner", "sentence"),
    [
        (
            [point("a", [10.0, 12.0, 11.0]), point("own", [20.0, 23.0, 21.5])],
            "a",
            "a costs 11.00 ± 2.48 credits, 10.50 ± 1.24 less than own: "
            "in 3 of 3 seeds, the whole 95 % interval is below 0",
        ),
        (
            [point("a", [10.0, 12.0]), point("b", [11.0, 11.5])],
            None,
            "no winner: a (11.00) and b (11.25) cannot be told apart with 2 seeds; "
            "about 72 seeds would",
        ),
        (
            [point("a", [10.0, 12.0]), point("b", [10.0, 12.0])],
            None,
            "no winner: a (11.00) and b (11.00) cost the same with every seed",
        ),
        (
            [point("a", [0.5]), point("b", [0.75])],
            "a",
            "a costs 0.500 credits, 0.250 less than b, with one seed: "
            "more seeds tell whether by chance",
        ),
        ([point("a", [3.0])], "a", "a costs 3.00 credits; there is nothing to compare it with"),
        (  # the nearest in cost is not the one that chance could put first
            [point("a", [10.0, 10.0]), point("b", [12.0, 12.0]), point("c", [1.0, 30.0])],
            None,
            "no winner: a (10.00) and c (15.50) cannot be told apart with 2 seeds; "
            "about 56 seeds would",
        ),
    ],
)
def test_the_sentence_says_who_wins_and_how_sure_it_is(
    points: list[Point], winner: str | None, sentence: str
) -> None:
    found = decide({}, points)
    assert found.sentence == sentence
    assert json_decide([found])["winner"] == winner
    assert found.sure == (winner is not None and len(points) > 1 and "seeds, the" in sentence)


@given(st.lists(st.integers(-50, 100).map(float), min_size=2, max_size=8))
def test_so_many_seeds_of_the_same_spread_tell_and_one_less_does_not(gaps: list[float]) -> None:
    gap = estimate(gaps)
    needed = seeds_needed(gap)
    if needed is None:
        return
    # As many seeds as there are tell exactly when the interval leaves out 0.
    assert (needed <= len(gaps)) >= (abs(gap.mean) > gap.ci95)
    if needed > len(gaps):
        assert abs(gap.mean) <= gap.ci95


@pytest.mark.parametrize(
    ("gaps", "needed"),
    # t95 of 4 seeds is 3.182, of 5 it is 2.776: 1.414 * t / sqrt(seeds) falls below 2 with 5.
    [([1.0, 3.0], 5), ([2.0, 2.0], 2), ([-1.0, 1.0], None)],
)
def test_how_many_seeds_would_tell(gaps: list[float], needed: int | None) -> None:
    assert seeds_needed(estimate(gaps)) == needed


def test_other_settings_of_the_winner_do_not_make_it_unsure() -> None:
    found = decide(
        {}, [point("a at 1", [5.0, 6.0]), point("a at 2", [5.1, 5.9]), point("b", [9.0, 9.9])]
    )
    assert (found.winner, found.as_good, found.rival) == (0, [1], 2)
    assert any("As good, as far as these seeds tell: a at 2." in line for line in table([found]))


@given(
    st.lists(
        st.tuples(
            st.text("abcdefgh -", min_size=1, max_size=90).map(lambda text: f"p{text}"),
            st.lists(st.floats(0, 1e8), min_size=3, max_size=3),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_the_table_fits_80_columns_and_cuts_no_figure(rows: list[tuple[str, list[float]]]) -> None:
    found = decide({}, [point(label, totals) for label, totals in rows])
    lines = table([found])
    assert all(len(line) <= WIDTH or " " not in line.strip() for line in lines)
    for _, totals in rows:
        mean = f"{estimate(totals).mean:,.{found.digits}f}"
        assert any(mean in line for line in lines)


@pytest.mark.parametrize(
    ("kinds", "priced", "other"),
    [
        ({"exchange": 1.0, "cloud": 2.0}, "cloud", "exchange"),
        ({"exchange": 1.0, "spares": 2.0, "cloud": 3.0}, "exchange", "spares"),
        ({"spares": 1.0, "none": 2.0, "exchange": 3.0}, "exchange", "spares"),
        ({"none": 1.0, "cloud": 2.0, "exchange": 3.0}, "cloud", "none"),
        ({"spares": 1.0, "none": 2.0}, None, None),
        ({"exchange": 1.0}, None, None),
    ],
)
def test_a_price_is_between_the_winner_and_the_best_of_another_kind(
    kinds: dict[str, float], priced: str | None, other: str | None
) -> None:
    found = pair(_decision(kinds))
    assert (found and found.priced.kind, found and found.other.kind) == (priced, other)


@given(
    st.floats(0.01, 100),
    st.floats(0, 100),
    st.floats(0.1, 10),
    st.sampled_from(["line", "root", "square"]),
)
def test_a_break_even_price_is_found_and_costs_the_same(
    bill: float, rest: float, root: float, shape: str
) -> None:
    grows: dict[str, Callable[[float], float]] = {
        "line": lambda x: x,
        "root": lambda x: x**0.5,
        "square": lambda x: x**2,
    }
    cost = rest + bill * grows[shape](root)
    runs: list[float] = []

    def at(factor: float) -> Guess:
        runs.append(factor)
        paid = bill * grows[shape](factor)
        return Guess(factor, rest + paid - cost, {"cost": estimate([paid])})

    first = at(1.0)
    found = solve(first, cost, at)
    assert found is not None
    assert abs(found.gap) <= 0.001 * cost + 1e-9
    assert len(runs) <= (2 if shape == "line" else MAX_RERUNS + 1)


@pytest.mark.parametrize(
    "total",
    [
        lambda factor: 5.0 + factor if factor < 3 else 90.0,  # it jumps over the other's cost
        lambda factor: 50.0 + factor,  # dearer even if it were free
        lambda factor: 5.0,  # never so dear
    ],
)
def test_no_break_even_price_where_there_is_none(total: Callable[[float], float]) -> None:
    def at(factor: float) -> Guess:
        bill = {"cost": estimate([min(factor, 3.0)])}
        return Guess(factor, total(factor) - 20.0, bill)

    assert solve(at(1.0), 20.0, at) is None


def test_another_rule_of_the_same_kind_is_no_alternative() -> None:
    points = [point("a", [1.0]), point("b", [2.0]), point("own", [3.0], 1.0, "spares")]
    found = pair(decide({}, points))
    assert (found and found.priced.policy, found and found.other.policy) == ("a", "own")


def test_every_price_on_the_exchange_changes_or_the_cloud_s_alone() -> None:
    scenario = decode(scene(TRADERS) + '[policy.cloud]\nlike = "threshold"\nlist_price = 0.10\n')
    trader = replace(scenario.trader[0], price=0.05)
    scenario = replace(scenario, trader=[trader, scenario.trader[1]])
    dearer = priced_at(scenario, point("threshold", [1.0]), 2.0)
    assert [one.price for one in dearer.seller] == [0.07]
    assert [one.price for one in dearer.trader] == [0.1, None]
    assert dearer.policy == scenario.policy
    cloud = priced_at(scenario, point("cloud", [1.0], 1.0, "cloud"), 0.5)
    assert cloud.policy["cloud"].list_price == 0.05
    assert replace(cloud, policy=scenario.policy) == scenario


def test_worlds_stand_apart() -> None:
    first = decide({"seller.a.price": 1}, [point("x", [1.0, 1.1]), point("y", [2.0, 2.1])])
    second = decide({"seller.a.price": 2}, [point("x", [3.0, 3.1]), point("y", [2.0, 2.1])])
    told = json_decide([first, second])
    assert told["winner"] is None
    assert [world["winner"] for world in told["worlds"]] == ["x", "y"]
    assert [one["vary"] for one in told["points"]] == [{"seller.a.price": n} for n in (1, 1, 2, 2)]
    gap = told["points"][0]["more_than_best"]
    assert gap == paired([1.0, 1.1], [1.0, 1.1])


def _decision(kinds: dict[str, float]) -> Decision:
    return decide({}, [point(kind, [cost, cost], 1.0, kind) for kind, cost in kinds.items()])
