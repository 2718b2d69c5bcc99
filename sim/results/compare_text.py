"""A comparison of two results for people: lines of 80 columns, and a page. Pure."""

from collections.abc import Iterator, Sequence

from exchange.units import count_text
from sim.page.figures import figure
from sim.page.model import Check, Page, Table, Value
from sim.results.compare import Comparison, Gap, Policy, Told
from sim.results.metric_tables import named, value
from sim.results.table import METRICS, wrapped

HEAD = ("", "A", "B", "B less A", "")


def heads(names: tuple[str, str], a: Told, b: Told) -> list[str]:
    """Return what A and B are; ``names``: their files."""
    return [
        f"{letter}: {name}: {told.scenario}, {count_text(told.runs, 'seed')} from {told.seed}"
        for letter, name, told in (("A", names[0], a), ("B", names[1], b))
    ]


def lines(found: Comparison) -> list[str]:
    """Return what a person reads below the heads."""
    told = ["", *wrapped(pairing(found))]
    for policy in found.policies:
        told += ["", *wrapped(f"{policy.name}: {digests(policy)}")]
        told += _table([list(HEAD), *(_row(gap) for gap in policy.gaps)]) if policy.gaps else []
    told += [""] if found.changes or found.only_a or found.only_b else []
    for sentence in others(found):
        told += wrapped(sentence)
    for change in found.changes:
        told += wrapped(f"{_word(change.passed)}  {change.text}", 8)
    return told


def pairing(found: Comparison) -> str:
    if not found.seeds:
        return "No seed was run in both: nothing is paired, and the intervals are wide."
    first, last = found.seeds[0], found.seeds[-1]
    which = f"seed {first}" if first == last else f"seeds {first} to {last}"
    return f"Paired by seed: {which}. ± is half the 95 % interval of the difference."


def digests(policy: Policy) -> str:
    if not policy.common:
        same = "no digests to compare"
    elif policy.common == 1:
        same = "digest equal" if policy.equal else "digest differs"
    elif policy.equal == policy.common:
        same = f"all {policy.common} digests equal"
    else:
        same = f"{policy.equal} of {policy.common} digests equal"
    return same if policy.gaps else f"{same}, no metric differs"


def others(found: Comparison) -> Iterator[str]:
    """Yield what only one of them has."""
    for letter, names in (("A", found.only_a), ("B", found.only_b)):
        if names:
            yield f"Only in {letter}: {', '.join(names)}."


def page(found: Comparison, names: tuple[str, str], a: Told, b: Told) -> Page:
    """Return the page of a comparison: a table for each policy, changed expectations first."""
    title = a.scenario if a.scenario == b.scenario else f"{a.scenario} and {b.scenario}"
    first = f"{_count(found.changes, 'expectation')} judged otherwise."
    return Page(
        title=f"{title}: two results",
        subtitle="; ".join(heads(names, a, b)),
        sentence="\n".join([first, pairing(found), *others(found)]),
        checks=[Check(bool(change.passed), change.text) for change in found.changes],
        tables=[
            Table(
                policy.name,
                ["metric", *HEAD[1:]],
                [
                    [named(gap.metric), value(gap.a), value(gap.b), *_told(gap)]
                    for gap in policy.gaps
                ],
                digests(policy),
            )
            for policy in found.policies
        ],
    )


def _count(changes: Sequence[object], noun: str) -> str:
    return count_text(len(changes), noun) if changes else f"No {noun} is"


def _told(gap: Gap) -> tuple[Value, str]:
    return value(gap.gap), gap.verdict


def _row(gap: Gap) -> list[str]:
    label, _ = METRICS.get(gap.metric, (gap.metric, 3))
    more = f"{gap.gap.mean:+.4g}"
    more += f" ± {gap.gap.ci95:.2g}" if len(gap.gap.per_seed) > 1 else ""
    return [label, figure(gap.a.mean), figure(gap.b.mean), more, gap.verdict]


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    made = []
    for label, *figures, word in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(figures, widths[1:], strict=False))
        made.append("  ".join((f"  {label:<{widths[0]}}", *cells, word)).rstrip())
    return made


def _word(passed: bool | None) -> str:
    return "gone  " if passed is None else "passed" if passed else "FAILED"
