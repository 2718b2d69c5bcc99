"""The market's terms: what they are, and that nobody keeps a copy of them."""

import ast
import re
from pathlib import Path

import pytest

from exchange.units import MAX_PRICE_UCR
from exchange.wire import terms
from exchange.wire.types import Side
from tests.tidy_rules import PACKAGES

ROOT = Path(__file__).parents[3]
HOME = ROOT / "exchange/wire/terms.py"

# Each row: side, delivery, price of an hour, what a unit sets aside (rules.md 3.1, 3.3).
HOLDS: list[tuple[Side, str, int, int]] = [
    ("buy", "spot", 31_201, 31_201),
    ("buy", "2026-11-29T18Z", 31_201, 31_201),
    ("sell", "spot", 31_201, 5_200),
    ("sell", "2026-11-29T18Z", 31_201, 15_600),
    ("sell", "spot", 5, 0),
]

# Each row: side, best price, the worst a market order may trade at (rules.md 4.1).
LIMITS: list[tuple[Side, int, int]] = [
    ("buy", 30_000, 33_000),
    ("buy", 31_209, 34_329),
    ("buy", MAX_PRICE_UCR, MAX_PRICE_UCR),
    ("sell", 30_000, 27_000),
    ("sell", 31_201, 28_081),
    ("sell", 1, 1),
]


@pytest.mark.parametrize(("side", "delivery", "price_ucr", "held_ucr"), HOLDS)
def test_what_a_unit_sets_aside(side: Side, delivery: str, price_ucr: int, held_ucr: int) -> None:
    assert terms.hold_unit_ucr(side, delivery, price_ucr) == held_ucr


@pytest.mark.parametrize(("side", "best_ucr", "limit_ucr"), LIMITS)
def test_how_far_a_market_order_goes(side: Side, best_ucr: int, limit_ucr: int) -> None:
    assert terms.market_limit_ucr(side, best_ucr) == limit_ucr


def rows(page: str, head: str) -> list[list[str]]:
    """Return the rows of the first table of ``page`` whose head begins with ``head``."""
    table = (ROOT / page).read_text().partition(f"| {head} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def test_the_rules_name_the_default_classes() -> None:
    told = {}
    for name, mvcpu, memory, disk in rows("docs/rules.md", "class"):
        figures = [int(cell.split()[0]) for cell in (mvcpu, memory, disk)]
        told[name.strip("`")] = (figures[0], figures[1], figures[2] * 1024)
    assert told == {
        name: (shape.mvcpu, shape.mem_mib, shape.disk_mib)
        for name, shape in terms.DEFAULT_CLASSES.items()
    }


def test_the_page_for_hosts_says_who_is_liable() -> None:
    told = {
        reason: liable
        for reasons, _, liable in rows("docs/hosts.md", "reason")
        if liable.startswith(("host", "buyer"))
        for reason in re.findall(r"`(\w+)`", reasons)
    }
    assert set(terms.FAILURE_FAULTS) < set(told)
    for reason, liable in told.items():
        assert (terms.failure_fault(reason) == "host") == liable.startswith("host"), reason


def test_who_says_no_reason_is_liable() -> None:
    assert terms.failure_fault(None) == terms.failure_fault("of a newer host") == "host"


# --- nobody keeps a copy ---

NAMES = set(re.findall(r"^([A-Z_]+): Final", HOME.read_text("utf-8"), re.MULTILINE))
SYNONYMS = re.compile(r"OVERHEAD|SLIPPAGE|BOND\w*DIVISOR|PROTECTION_PCT|FAULTS?$|NOTICE_MS")
CLASSES = {"nano", "small", "medium"}
REASONS = {"image_invalid", "not_ready"}


def copies(source: str) -> list[int]:
    """Return the lines of ``source`` that say one of the market's terms again."""
    nodes = [node for node in ast.walk(ast.parse(source)) if is_copy(node)]
    return [node.lineno for node in nodes if isinstance(node, ast.stmt | ast.expr)]


def is_copy(node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in NAMES or (name.isupper() and bool(SYNONYMS.search(name)))
        case ast.Dict(keys=keys, values=values):
            shapes = all(isinstance(value, ast.Call) for value in values)
            return words(keys) >= REASONS or (shapes and words(keys) >= CLASSES)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return words(parts) >= REASONS
        case ast.BinOp(left=ast.Attribute(attr="mem_mib"), op=ast.Add(), right=right):
            return isinstance(right, ast.Constant | ast.Name)
        case _:
            return False


def words(parts: list[ast.expr] | list[ast.expr | None]) -> set[object]:
    return {part.value for part in parts if isinstance(part, ast.Constant)}


def test_no_end_keeps_a_copy() -> None:
    """The simulator's second books are written from the rules and keep numbers of their own."""
    books = ROOT / "sim" / "oracle"
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    files = [path for path in files if books not in path.parents]
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files
        if path != HOME
        for line in copies(path.read_text("utf-8"))
    ]
    assert HOME in files
    assert not found, "take it from exchange/wire/terms.py"


PLANTED = [
    "VM_OVERHEAD_MIB = 100",
    "MEM_OVERHEAD_MIB = 100",
    "BOND_SPOT_DIVISOR: Final = 6",
    "PROTECTION_PCT: Final = 10",
    'BUYERS_FAULT = ("image_invalid", "image_unknown", "not_ready")',
    'theirs = {"image_invalid", "not_ready"}',
    'shapes = {"nano": Capacity(1, 2, 3), "small": f(2), "medium": f(3)}',
    "need = shape.mem_mib + 100",
    "SILENT_MS = 15_000",
    "RECALL_NOTICE_MS: int = 120_000",
]


@pytest.mark.parametrize("source", PLANTED)
def test_a_planted_copy_is_found(source: str) -> None:
    assert copies(source)
