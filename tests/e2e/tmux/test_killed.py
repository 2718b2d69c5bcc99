"""The exchange is killed and comes back under every screen at once, then the Manager.

Each screen says at once that what it shows may be old, comes back by itself, and then acts.
"""

import asyncio
from pathlib import Path
from typing import Final

from tests.e2e.tmux.stand import Stand, killed, stand
from tests.e2e.tmux.steps import Step, Steps
from tests.e2e.tmux.terminal import Terminal, open_terminal, own_folders, tmux
from tests.e2e.tmux.test_sizes import do

ADDRESS = "127.83.19.161"
SIZE: Final = (120, 35)
OLD: Final = r"STALE"
BEFORE: Final[dict[str, Steps]] = {
    "market": (
        Step("F2 b p 0.02 Enter Enter", r"BUY +1 × 0\.020000"),
        Step("Enter", r"Bought 1 at"),
    ),
    "orders": (Step("F3", r"deposit"),),
    "leases": (Step("F4", r"›l-\d+ +rent"),),
    "hosts": (Step("F5", r"r1-01 +live"),),
    "find": (Step("F6", r"offers of [1-9]\d* hosts"),),
    "library": (Step("F7", r"›web +small"),),
    "automation": (Step("F8", r"›calm +"),),
    "scenarios": (Step("F9", r"›short.toml"),),
    "log": (Step("F10", r"Connected as buyer"),),
    "operator": (Step("F11", r"APPLICATIONS"), Step("Tab / buyer Enter", r"›buyer")),
}
AFTER: Final[dict[str, Steps]] = {
    "market": (
        Step("b p 0.019 Enter Enter", r"BUY +1 × 0\.019000"),
        Step("Enter", r"Working: buy 1 at"),
    ),
    "orders": (Step("", r"›o-\d+ +buy"), Step("c", r"no open orders")),
    "leases": (
        Step("s", r"Start a VM on l-\d+"),
        Step("Enter Enter Enter Enter Enter", r"vm-\w+ +l-\d+ +ready"),
    ),
    "hosts": (Step("End x", r"Drain r1-01"), Step("Enter", r"r1-01 +draining")),
    "find": (Step("r", r"stored VM +web"), Step("Escape", r"OFFERS", r"Esc leave")),
    "library": (Step("u", r"web is in the exchange's"),),
    "automation": (Step("p", r"calm +paused"),),
    "scenarios": (Step("r", r"›short.toml.* passed"),),
    "log": (Step("", r"Connected as buyer(.*\n)+.*Connected as buyer"),),
    "operator": (
        Step("m", r"Book money in or out"),
        Step("Enter 1.5 Enter again Enter", r"›buyer +101\.\d{{4}}", r"Book money in or out"),
    ),
}
LOST: Final[dict[str, Step]] = {
    "hosts": Step("", r"no Manager answers"),
    "find": Step("Tab", r"RENTED BY HAND · OLD, no Manager answers"),
    "library": Step("", r"OLD, no Manager answers"),
    "automation": Step("", r"STALE: the Manager is gone"),
}
MANAGED: Final[dict[str, Steps]] = {
    "hosts": (Step("Home w", r"group +‹ rack-1 ›"),),
    "find": (Step("r", r"stored VM +web"),),
    "library": (
        Step("", r"›web", r"web is in the exchange's"),  # that of before is gone
        Step("u", r"web is in the exchange's"),
    ),
    "automation": (
        Step("", r"calm +paused"),
        Step("p", r"calm +", r"calm +paused"),
    ),
}


async def play(folder: Path) -> None:
    async with tmux() as server, stand(folder, ADDRESS, ["1"]) as made:
        await made.ask("ask-1", 3)
        env = own_folders(made.folder, "state-own")
        seats = {}
        for name in BEFORE:
            words = made.words("operator" if name == "operator" else "buyer")
            seats[name] = await open_terminal(server, name, SIZE, words, env)
        for name, steps in BEFORE.items():
            await seats[name].fills(*SIZE)
            await do(made, seats[name], steps)
        await exchange_killed(made, seats)
        await manager_killed(made, seats)


async def exchange_killed(made: Stand, seats: dict[str, Terminal]) -> None:
    await killed(made.exchange)
    for terminal in seats.values():
        await terminal.shows(OLD)
    await made.serve()
    for terminal in seats.values():
        await terminal.shows(r"\S", OLD)
    for name, steps in AFTER.items():
        await do(made, seats[name], steps)


async def manager_killed(made: Stand, seats: dict[str, Terminal]) -> None:
    await killed(made.manager)
    for name, step in LOST.items():
        await do(made, seats[name], (step,))
    await made.manage()
    for name, step in LOST.items():
        await seats[name].shows(r"\S", step.wanted)
    for name, steps in MANAGED.items():
        await do(made, seats[name], steps)


def test_every_screen_lives_through_a_killed_exchange_and_manager(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(play(tmp_path), 300))
