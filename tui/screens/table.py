"""The table of screens. A new screen is one file, one stylesheet and one line here."""

from typing import Final, NamedTuple

from tui.actions import Action
from tui.screens.automation import AutomationScreen
from tui.screens.base import TabScreen
from tui.screens.hosts import HostsScreen
from tui.screens.leases import LeasesScreen
from tui.screens.library import LibraryScreen
from tui.screens.log import LogScreen
from tui.screens.market import MarketScreen
from tui.screens.offers import OffersScreen
from tui.screens.operator import OperatorScreen
from tui.screens.orders import OrdersScreen
from tui.screens.scenarios import ScenariosScreen
from tui.view.tabs import TabName


class Tab(NamedTuple):
    """``name`` is what actions and settings call it; ``letter`` comes after ``g``."""

    name: str
    title: str
    number: int
    """Of its F-key."""
    letter: str
    screen: type[TabScreen]


TABS: Final = (
    Tab("market", "Market", 2, "m", MarketScreen),
    Tab("orders", "Orders", 3, "o", OrdersScreen),
    Tab("leases", "Leases", 4, "l", LeasesScreen),
    Tab("hosts", "Hosts", 5, "h", HostsScreen),
    Tab("find", "Find", 6, "f", OffersScreen),
    Tab("library", "Library", 7, "b", LibraryScreen),
    Tab("automation", "Automation", 8, "a", AutomationScreen),
    Tab("scenarios", "Scenarios", 9, "s", ScenariosScreen),
    Tab("log", "Log", 10, "j", LogScreen),
    Tab("operator", "Operator", 11, "p", OperatorScreen),
)
TAB_NAMES: Final = tuple(TabName(tab.name, tab.title, tab.number, tab.letter) for tab in TABS)
GO: Final = tuple(
    Action(
        f"go_{tab.name}",
        f"Go to {tab.title}",
        f"Go to {tab.title}; also g {tab.letter}.",
        "Screens",
        (f"f{tab.number}",),
    )
    for tab in TABS
)

TIPS: Final = Action(
    "tips",
    "The demo's tips",
    "Close the demo's card of things to try, or show it again.",
    "Headroom",
    ("0",),
)


def all_tables() -> dict[str, tuple[Action, ...]]:
    """Return what can be done on each screen, by the screen's name."""
    return {tab.name: (*tab.screen.all_actions(), *GO, TIPS) for tab in TABS}
