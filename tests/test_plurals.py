"""No text that a person reads says ``1 units``: a count and its noun go through `count_text`.

(Seen to fail: texts of the Manager, its commands, the agent and the terminal did.)
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from exchange.units import count_text, go_text

ROOT = Path(__file__).parent.parent
READ = ("manager", "exchange/cli", "hostagent", "tui", "sim")
NOUN = re.compile(
    r" (?:stored |more |sold )?(units|rules|groups|hosts|servers|leases|orders|VMs|times|days"
    r"|unit-hours|alerts|images|windows|commands|seeds|points|farms|sellers|policies|faults"
    r"|requests|rows|keys|connections|accounts|clients|processes|copies|lines|books|trades"
    r"|zones|classes)\b"
)
FEW = {
    "tui/view/desk.py: orders": "one is picked at once",
    "tui/view/releasing.py: VMs": "few are named",
    "tui/view/automation.py: units": "one has a sentence of its own",
    "exchange/cli/find_text.py: units": "one is never too few",
    "exchange/cli/fleet/cli.py: hosts": "few are named",
    "tui/view/lease_acts.py: units": "part of several",
    "tui/view/host_rows.py: units": "more than one",
    "manager/shell/cli.py: unit-hours": "a decimal",
    "sim/decide/text.py: times": "a decimal",
    "sim/cli/decide.py: times": "a decimal",
    "tui/view/dry_run.py: unit-hours": "a decimal",
    "manager/shell/config_checks.py: VMs": "of one it is clear which",
    "exchange/cli/order_text.py: trades": "the first of many",
    "sim/scenario/fault_check.py: faults": "more than are allowed",
    "sim/decide/decision.py: seeds": "one has a sentence of its own",
    "tui/screens/leases.py: units": "a word, not a count",
}
"""Where the count is never one."""


def test_a_count_and_its_noun_agree() -> None:
    assert [count_text(count, "unit") for count in (0, 1, 2)] == ["0 units", "1 unit", "2 units"]
    assert [go_text(count) for count in (1, 2)] == ["1 unit goes", "2 units go"]
    found = {
        f"{path.relative_to(ROOT)}: {noun}"
        for folder in READ
        for path in (ROOT / folder).rglob("*.py")
        for noun in plurals(ast.parse(path.read_text("utf-8")), handled=False)
    }
    assert found == set(FEW)


def test_a_planted_one_is_found() -> None:
    planted = 'f"{n} units"; "1 unit" if n == 1 else f"{n} units"; f"{MOST} units"; f"{n} of it"'
    assert list(plurals(ast.parse(planted), handled=False)) == ["units"]


def plurals(node: ast.AST, handled: bool) -> Iterator[str]:
    """Yield the nouns after a count, but where one is told apart or the count is a constant."""
    if isinstance(node, ast.IfExp):
        handled = handled or bool(re.search(r"\b1\b", ast.unparse(node.test)))
    if isinstance(node, ast.JoinedStr) and not handled:
        yield from _in_text(node)
    for child in ast.iter_child_nodes(node):
        yield from plurals(child, handled)


def _in_text(text: ast.JoinedStr) -> Iterator[str]:
    for count, words in zip(text.values, text.values[1:], strict=False):
        if isinstance(count, ast.FormattedValue) and isinstance(words, ast.Constant):
            noun = NOUN.match(str(words.value))
            if noun is not None and not ast.unparse(count.value).split(".")[-1].isupper():
                yield noun[1]
