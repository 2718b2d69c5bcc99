"""Every screen at four sizes, key by key in a real terminal, on everything that really runs.

At 80x24 and 160x50 every act of every screen is done. At 120x35 and 200x60 every screen is visited,
and of the acts an order is placed and canceled, one taken, a VM started and stopped, a rule written
and seen firing, and an ask made by the wizard.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.e2e.tmux.stand import Stand, stand
from tests.e2e.tmux.steps import OPERATOR, SHORT, WHOLE, Steps
from tests.e2e.tmux.terminal import Terminal, open_terminal, own_folders, tmux

ADDRESS: Final = "127.83.19.160"
SIZES: Final = (
    ((80, 24), WHOLE),
    ((120, 35), SHORT),
    ((160, 50), WHOLE),
    ((200, 60), SHORT),
)


async def do(made: Stand, terminal: Terminal, steps: Steps) -> None:
    """Do ``steps``; the digits in the terminal's name are that of its own rack."""
    names = {"rack": terminal.name[1:], "folder": made.folder}
    for step in steps:
        if step.load is not None:
            made.guest.per_s = step.load
        if step.keys:
            await terminal.press(step.keys.format(**names))
        await terminal.shows(step.wanted.format(**names), step.without.format(**names))


async def at_size(
    made: Stand, server: Path, size: tuple[int, int], tables: Sequence[Steps]
) -> None:
    """Do ``tables`` in a new terminal of ``size``; its rack is named by the width."""
    env = own_folders(made.folder, f"state-{size[0]}")
    await made.ask(f"for-{size[0]}", 3)
    person = await open_terminal(server, f"b{size[0]}", size, made.words("buyer"), env)
    operator = await open_terminal(server, f"o{size[0]}", size, made.words("operator"), env)
    await person.fills(*size)
    for steps in tables:
        await do(made, person, steps)
    await do(made, operator, OPERATOR)
    await person.end()
    await operator.end()


async def play(folder: Path) -> None:
    racks = [str(width) for (width, _), _ in SIZES]
    async with tmux() as server, stand(folder, ADDRESS, racks) as made:
        for size, tables in SIZES:
            await at_size(made, server, size, tables)


def test_every_screen_at_every_size(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(play(tmp_path), 500))
