"""`headroom sim serve`: a scenario's world for real clients, at a pace of one's own."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from exchange import files
from exchange.cli.common import EXIT_USAGE, fail, finite
from exchange.cli.listening import Insecure, Listen, checked
from exchange.keys import KeyFileError
from exchange.server import ready_file
from exchange.units import count_text
from sim.cli.files import File, scenario_of, warn
from sim.results.checker import LawBrokenError
from sim.run.world import World
from sim.scenario.file import Loaded
from sim.serve.commands import HELP, SPEED_MAX, Order, clock, order
from sim.serve.keys import accounts, write_keys
from sim.serve.play import Play
from sim.serve.server import SimulatedServer

Policy = Annotated[
    list[str] | None, typer.Option(help="What the farms go by; default: the first. Give one.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="In place of the file's.")]
Speed = Annotated[float, typer.Option(callback=finite, help="Virtual seconds for a real one.")]
Address = Annotated[
    str, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where clients connect to.")
]
Keys = Annotated[
    Path | None, typer.Option("--keys", help="Folder for the keys; default: one that is deleted.")
]
LINE_MAX = 4096


def serve(
    file: File,
    policy: Policy = None,
    seed: Seed = None,
    speed: Speed = 60.0,
    listen: Address = "127.0.0.1:8750",
    keys: Keys = None,
    insecure: Insecure = False,
) -> None:
    """Serve FILE's world to real clients, paced; type help while it runs."""
    loaded = scenario_of(file)
    if policy and len(policy) > 1:
        fail(f"--policy {policy[1]}: one is served at a time", EXIT_USAGE)
    name = policy[0] if policy else next(iter(loaded.scenario.policy))
    if name not in loaded.scenario.policy:
        fail(f"--policy {name}: the scenario has {', '.join(loaded.scenario.policy)}", EXIT_USAGE)
    if not 0 < speed <= SPEED_MAX:
        fail(f"--speed {speed:g}: not a number up to {SPEED_MAX:g}", EXIT_USAGE)
    place = checked("--listen", listen, None, None, insecure)
    warn(loaded)
    number = loaded.scenario.seed if seed is None else seed
    try:
        with TemporaryDirectory(prefix="headroom-sim-") as scratch:
            folder = keys or Path(scratch)
            if keys is not None:
                folder.mkdir(parents=True, exist_ok=True)
            write_keys(loaded.scenario, number, folder)
            make = partial(World, loaded, name, number, leaves_out=False)
            asyncio.run(_serve(make, loaded, speed, place, folder, Path(scratch)))
    except KeyFileError as error:
        fail(str(error), EXIT_USAGE)
    except LawBrokenError as error:
        fail(f"{file}: {error}")
    except OSError as error:
        where = listen if error.filename is None else error.filename
        fail(f"{where}: {files.why(error)}", EXIT_USAGE)


async def _serve(
    make: Callable[[], World],
    loaded: Loaded,
    speed: float,
    place: Listen,
    folder: Path,
    scratch: Path,
) -> None:
    play = Play(make, speed)
    server = SimulatedServer(play.pump, scratch)
    await server.open(place.host, place.port)
    ready_file.print_url(server.url)
    told = ", ".join(accounts(loaded.scenario))
    print(f"keys of {told}: {folder}/ACCOUNT.key", flush=True)
    console = Console(play)
    playing = asyncio.create_task(play.run())
    telling = asyncio.create_task(console.run())
    try:
        await asyncio.wait({playing, telling}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        playing.cancel()
        telling.cancel()
        await server.close()
    for task in (playing, telling):
        with suppress(asyncio.CancelledError):
            await task


class Console:
    """Does what is typed, and says when the run is over."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._told: World | None = None
        """Whose end was told."""

    async def run(self) -> None:
        """Return when the person leaves, or when the run is over and nobody can type any more."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._lines.put_nowait, "quit")
        threading.Thread(target=self._read, daemon=True).start()
        telling = [asyncio.create_task(tell()) for tell in (self._ends, self._arrivals)]
        try:
            while (line := await self._lines.get()) is not None:
                if line.strip() and not self._do(line):
                    return
            await self._over()
            self._tell_end()
        finally:
            for task in telling:
                task.cancel()

    def _do(self, line: str) -> bool:
        """Return whether to go on."""
        play, asked = self._play, order(line, self._play.last_s)
        moved = not play.arrived.is_set()
        if isinstance(asked, str):
            print(asked, flush=True)
            return True
        match asked:
            case Order("quit"):
                return False
            case Order("help"):
                print(HELP, flush=True)
                return True
            case Order("pause"):
                play.pause()
            case Order("go"):
                play.go()
            case Order("step", number):
                play.step(number)
            case Order("seek", number):
                play.seek(number)
            case Order("speed", number):
                play.speed(number)
            case _:  # status
                self._tell()
                return True
        if not moved and play.arrived.is_set():  # else it is told on arrival
            self._tell()
        return True

    def _tell(self) -> None:
        play = self._play
        moves = "paused" if play.pace.paused else f"{play.pace.speed:g} x"
        yours = count_text(play.interfered, "command")
        where = f"{clock(play.at_s)} of {clock(play.last_s)}"
        print(f"{where}, {moves}, {yours} of yours", flush=True)

    async def _arrivals(self) -> None:
        while True:
            await self._play.departed.wait()
            await self._play.arrived.wait()
            self._tell()

    async def _ends(self) -> None:
        while True:
            await self._over()
            self._tell_end()
            await self._play.departed.wait()

    async def _over(self) -> None:
        # What waits for the end may be a seek that goes back from it at once.
        while not self._play.ended.is_set():
            await self._play.ended.wait()

    def _tell_end(self) -> None:
        world = self._play.world
        if world is not self._told:
            self._told = world
            commands = count_text(world.stage.marketplace.commands, "command")
            print(f"the run is over: {commands}, digest {world.digest.hex()}", flush=True)

    def _read(self) -> None:
        """Runs in a thread of its own: a terminal, a pipe and a file are read alike."""
        waiting = b""
        with suppress(OSError, RuntimeError):  # closed, or the loop has ended
            while data := os.read(0, LINE_MAX):
                *lines, waiting = (waiting + data).split(b"\n")
                for line in lines:
                    text = line.decode(errors="replace")
                    self._loop.call_soon_threadsafe(self._lines.put_nowait, text)
                waiting = waiting[-LINE_MAX:]
            self._loop.call_soon_threadsafe(self._lines.put_nowait, None)
