"""The table of actions: everything the market screen can do, by name.

Keys stand apart in ``keymap.py``; a test holds that each action has a key, a help text and a
place in the command palette.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

Group: TypeAlias = Literal["Trade", "Move", "Look", "Headroom", "Screens"]


class ActionInfo(NamedTuple):
    """``label`` is what the footer says, "" to leave it out there; ``help`` is a sentence."""

    title: str
    help: str
    group: Group
    label: str = ""


ACTIONS: Final[dict[str, ActionInfo]] = {
    "buy": ActionInfo("Buy at the cursor", "Begin a buy at the cursor's price.", "Trade", "Buy"),
    "sell": ActionInfo(
        "Sell at the cursor", "Begin a sell at the cursor's price.", "Trade", "Sell"
    ),
    "confirm": ActionInfo(
        "Arm, then send", "Arm the order; pressed again, send it.", "Trade", "Arm"
    ),
    "back": ActionInfo("Disarm", "Disarm the order, drop the ticket, leave a prompt.", "Trade"),
    "cancel": ActionInfo(
        "Cancel here", "Cancel your orders at the cursor, at once.", "Trade", "Cancel"
    ),
    "replace": ActionInfo(
        "Replace here",
        "Change the price or the total of your order at the cursor or in the list.",
        "Trade",
    ),
    "cancel_all": ActionInfo(
        "Cancel all", "Cancel every open order, after a question.", "Trade", "All"
    ),
    "release": ActionInfo(
        "Release a lease", "Give back the lease picked in the list, after a question.", "Trade"
    ),
    "more": ActionInfo("One unit more", "Raise the ticket's quantity by one.", "Trade"),
    "less": ActionInfo("One unit less", "Lower the ticket's quantity by one.", "Trade"),
    "quantity": ActionInfo("Type the quantity", "Type the ticket's quantity.", "Trade"),
    "price": ActionInfo("Type the price", "Type the ticket's price.", "Trade"),
    "order_type": ActionInfo("Limit or market", "Switch between limit and market.", "Trade"),
    "force": ActionInfo(
        "Time in force", "Next: gtc (rests), ioc (now), fok (all now), gtd (for a time).", "Trade"
    ),
    "until": ActionInfo("Good for", "Type for how many minutes the order is good.", "Trade"),
    "post_only": ActionInfo("Post-only", "Switch post-only: never trades at once.", "Trade"),
    "minimum": ActionInfo(
        "Minimum", "Type what must fill at once; again to ask for nothing.", "Trade"
    ),
    "hosts": ActionInfo("Hosts of a sell", "Choose which of your hosts back the sell.", "Trade"),
    "up": ActionInfo("Up", "Move the cursor up.", "Move"),
    "down": ActionInfo("Down", "Move the cursor down.", "Move"),
    "page_up": ActionInfo("Page up", "Move the cursor ten rows up.", "Move"),
    "page_down": ActionInfo("Page down", "Move the cursor ten rows down.", "Move"),
    "centre": ActionInfo(
        "Centre the ladder", "Centre on the market; let the ladder follow it again.", "Move"
    ),
    "next_pane": ActionInfo("Next pane", "Go to the next pane.", "Move"),
    "previous_pane": ActionInfo("Previous pane", "Go to the pane before.", "Move"),
    "pane_1": ActionInfo("Ladder", "Go to the price ladder.", "Look"),
    "pane_2": ActionInfo("Tape", "Show the trades.", "Look"),
    "pane_3": ActionInfo("Depth", "Show the depth curve.", "Look"),
    "pane_4": ActionInfo("Orders", "Show your open orders.", "Look"),
    "pane_5": ActionInfo("Leases", "Show your leases and VMs.", "Look"),
    "pane_6": ActionInfo("Instruments", "Show the list of instruments.", "Look"),
    "find": ActionInfo(
        "Find an instrument", "Search the instruments by parts of their symbol.", "Look", "Find"
    ),
    "coarser": ActionInfo("Coarser ladder", "Gather more prices in a row.", "Look"),
    "finer": ActionInfo("Finer ladder", "Gather fewer prices in a row.", "Look"),
    "interval": ActionInfo(
        "Chart interval", "Show candles of a minute, of five, of an hour.", "Look"
    ),
    "theme": ActionInfo("Other colours", "Go to the next theme: dark, light, cb-safe.", "Look"),
    "settings": ActionInfo(
        "Settings", "Show what is set and where it came from; choose a theme.", "Headroom"
    ),
    "help": ActionInfo("Help", "Show every key.", "Headroom", "Help"),
    "palette": ActionInfo("Command palette", "Find any action by name.", "Headroom"),
    "quit": ActionInfo("Quit", "Leave; orders stay in the book.", "Headroom"),
}

GROUPS: Final[tuple[Group, ...]] = ("Trade", "Move", "Look", "Headroom", "Screens")
