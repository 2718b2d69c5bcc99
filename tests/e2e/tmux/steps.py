"""What a person does on each screen, and what the pane has to show after each step.

Every table leaves the account as it was, so that the next size begins like the first. ``{rack}``
is the name of the size's own group of hosts, ``{folder}`` where the stand has its files. A form
takes no key before it is seen.
"""

from typing import Final, NamedTuple


class Step(NamedTuple):
    """Press ``keys``, then wait for ``wanted``; ``load``: requests/s that the farm has from now."""

    keys: str
    wanted: str
    without: str = ""
    load: int | None = None


Steps = tuple[Step, ...]

MARKET: Final[Steps] = (
    Step("F2 1", r"LADDER.*\n(.*\n)*.*0\.0200"),
    Step("b p 0.02 Enter Enter", r"BUY +1 × 0\.020000"),
    Step("Enter", r"Bought 1 at 0\.020000"),
    Step("b p 0.019 Enter q 2 Enter Enter", r"BUY +2 × 0\.019000"),
    Step("Enter", r"Working: buy 2 at 0\.019000"),
    Step("4 e", r"o-\d+: stays as it is"),
    Step("q 3 Enter Enter", r"─ ARMED"),
    Step("Enter", r"Replaced: now buy 3"),
    Step("4 c", r"no open orders"),
)
PLACED: Final[Steps] = (*MARKET[:5], MARKET[-1])
ORDERS: Final[Steps] = (
    Step("F2 1 b p 0.019 Enter q 2 Enter Enter", r"BUY +2 × 0\.019000"),
    Step("Enter", r"Working: buy 2 at 0\.019000"),
    Step("F3", r"›o-\d+ +buy +small\S+ +0\.019000 +2"),
    Step("e", r"Replace o-\d+: buy 2"),
    Step("0.018 Enter 3 Enter", r"Replace o-\d+ by buy 3"),
    Step("Enter", r"›o-\d+ +buy +small\S+ +0\.018000 +3"),
    Step("c", r"no open orders"),
)
LEASES: Final[Steps] = (
    Step("F4", r"›l-\d+ +rent +small"),
    Step("s", r"Start a VM on l-\d+"),
    Step("Enter Enter Enter Enter Enter", r"Starting vm-|vm-\w+ +l-\d+"),
    Step("Tab", r"›vm-\w+ +l-\d+ +ready +80 at [\d.]+:\d+"),
    Step("x", r"Stop vm-\w+\?"),
    Step("Enter", r"no VM runs"),
    Step("BTab r", r"Release l-\d+"),
    Step("Enter Enter", r"Release all of l-\d+ now\?"),
    Step("Enter", r"you rent and let nothing"),
)
OFFERED: Final[Steps] = (
    Step("F5", r"r{rack}-01 +live"),
    Step("/ rack-{rack} Enter", r"›rack-{rack} +none"),
    Step("w", r"group +‹ rack-{rack} ›"),
    Step("Down Right Enter", r"nothing is no price"),
    Step("0.015 Enter", r"put it in force"),
    Step("Enter", r"›rack-{rack} +residual"),
)
ASKED: Final[Steps] = (
    Step("F3", r"sell +small\S+ +0\.015000"),
    Step("F5", r"›rack-{rack} +residual"),
    Step("w", r"sell +what is left"),
    Step("Down Left Enter", r"put it in force"),
    Step("Enter", r"›rack-{rack} +none"),
    Step("Escape F3", r"no open orders"),
)
FIND: Final[Steps] = (
    Step("F6", r"offers of [1-9]\d* hosts", load=50),
    Step("n 1 Space small Space in Space Germany Space below Space 0.03 Enter", r"1 small, in DE"),
    Step("r", r"stored VM +web"),
    Step("Enter Enter Enter", r"Rent 1 small for at most 0\.029999 each, and start web\?"),
    Step("Enter", r"in the balancer"),
    Step("e", r"Give back what was rented by hand"),
    Step("Enter", r"nothing yet"),
    Step("BTab Escape Escape", r"offers of [1-9]\d* hosts"),
)
LIBRARY: Final[Steps] = (
    Step("F7", r"›web +small"),
    Step("i", r"Import an image"),
    Step("spare Enter {folder}/web.raw Enter Enter Enter Enter Enter", r"spare +small"),
    Step("/ spare Enter", r"›spare +small"),
    Step("v", r"spare is what was imported"),
    Step("x", r"Delete spare\?"),
    Step("Enter", r"nothing has these words"),
    Step("Escape", r"›web +small"),
)
AUTOMATION: Final[Steps] = (
    Step("F8", r"›calm +", load=50),
    Step("n", r"New rule"),
    Step("burst{rack} Down util Space > Space 70 Space for Space 500ms Enter", r"✗ missing; for"),
    Step("buy Space 1 Enter", r"a highest price"),
    Step("0.1 Down 1 Enter", r"burst{rack} +\S+.* buy 1 ", r"New rule"),
    Step("", r"burst{rack} +\S.* buy 1 .* 1 ", load=90),
    Step("/ burst Enter", r"last fired"),
    Step("", r"nothing is rented|burst{rack} +\S.* buy 1 +.*  0 ", load=10),
    Step("D", r"Delete rule burst{rack}\?"),
    Step("Enter", r"RULES", r"burst{rack} +\S+ +buy"),
    Step("Escape", r"calm +\S+ +release all"),
)
SCENARIOS: Final[Steps] = (
    Step("F9", r"›short.toml"),
    Step("r", r"›short.toml.* passed"),
    Step("Tab", r"no_burst: cost <= 0 +passed"),
    Step("Tab Tab Space", r"PLAYER threshold"),
    Step("", r"units 10\.0 of 9\.0"),
)
LOG: Final[Steps] = (
    Step("F10", r"LOG"),
    Step("/ Bought Enter", r"Bought 1"),
    Step("Escape", r"LOG", r"/Bought"),
)
VISITED: Final[Steps] = (
    Step("F2", r"LADDER"),
    Step("F6", r"offers of [1-9]\d* hosts"),
    Step("F7", r"›web +small"),
    Step("F9", r"›short.toml"),
    *LOG,
)
OPERATOR: Final[Steps] = (
    Step("F11", r"APPLICATIONS"),
    Step("Tab / buyer Enter", r"›buyer"),
    Step("m", r"Book money in or out"),
    Step("Enter 1.5 Enter of-{rack} Enter", r"buyer +\d+\.\d{{4}}", r"Book money in or out"),
)
WHOLE: Final[tuple[Steps, ...]] = (
    MARKET,
    ORDERS,
    LEASES,
    FIND,
    AUTOMATION,
    OFFERED,  # it opens while the next ones are done
    LIBRARY,
    SCENARIOS,
    LOG,
    ASKED,
)
"""Every act on every screen."""
SHORT: Final[tuple[Steps, ...]] = (
    PLACED,
    AUTOMATION,
    OFFERED,
    LEASES,
    VISITED,
    ASKED,
)
"""Every screen, and of the acts: place, take, cancel, a VM, a rule, an ask."""
