"""Run policies times seeds, in as many processes as there are processors. Shell.

Runs share nothing, so they may go in any order; results are collected in the order of the plan.
"""

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace

from sim.results.checker import LawBrokenError
from sim.results.report import Broken, RunResult
from sim.run.world import World
from sim.scenario.file import Loaded
from sim.scenario.tables import Fault, Scenario

Progress = Callable[[RunResult, int, int], None]
"""(what is done, how many are done, of how many)."""


HELD_BACK: Final = (signal.SIGINT, signal.SIGTERM)
AHEAD: Final = 4
"""How many runs wait for each process."""
STOPPED: Final = "run"
"""The law that a run goes on to its end."""


class Task(NamedTuple):
    """``without``: the fault that is left out, to see what it changes.

    ``record``: keep the run from moment to moment as well.
    """

    policy: str
    seed: int
    without: int | None = None
    record: bool = False


Work: TypeAlias = tuple[Loaded, Task]
Ended: TypeAlias = tuple[int, RunResult | Broken]
"""What came of a run, and the place of its work."""


class Ran(NamedTuple):
    """What came of the runs: results in the order of the plan.

    ``broken`` ended them early, or the signal ``interrupted``.
    """

    results: list[RunResult]
    broken: Broken | None
    interrupted: int | None
    real_s: float


class Terminated(KeyboardInterrupt):
    """SIGTERM came while runs were under way: what ended before is kept, as with Ctrl-C."""


def signal_of(error: KeyboardInterrupt) -> int:
    """Return the signal that ended the runs."""
    return signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT


def plan(loaded: Loaded, policies: list[str]) -> list[Task]:
    """Return every run of the scenario: seeds seed, seed + 1, ... for each policy.

    Those without a fault that an expectation is about come last.
    """
    scenario = loaded.scenario
    about = [(one.policy, one.fault) for one in scenario.expect if one.fault is not None]
    kinds: list[tuple[str, int | None]] = [(policy, None) for policy in policies]
    kinds += [one for one in dict.fromkeys(about) if one[0] in policies]
    return [
        Task(policy, scenario.seed + number, without)
        for policy, without in kinds
        for number in range(scenario.runs)
    ]


def run_all(loaded: Loaded, tasks: list[Task], jobs: int, progress: Progress) -> Ran:
    """Return the result of each task, and the seconds it took altogether.

    At the first broken law, and at Ctrl-C or SIGTERM, no more runs begin, those under way are
    ended, and no process is left.
    """
    began_s = time.perf_counter()
    found: dict[int, RunResult] = {}
    broken, interrupted = None, None
    try:
        with closing(run_each([(loaded, task) for task in tasks], jobs)) as each:
            for index, result in each:
                if isinstance(result, Broken):
                    broken = result
                    break
                found[index] = result
                progress(result, len(found), len(tasks))
    except KeyboardInterrupt as error:
        interrupted = signal_of(error)
    results = [found[index] for index in sorted(found)]
    return Ran(results, broken, interrupted, time.perf_counter() - began_s)


def run_each(works: Sequence[Work], jobs: int) -> Generator[Ended]:
    """Yield what came of each run, as it ends. Close it to end the runs under way.

    Meanwhile SIGTERM raises `Terminated`, as Ctrl-C raises `KeyboardInterrupt`.
    """
    side_by_side = jobs > 1 and len(works) > 1
    return _side_by_side(works, jobs) if side_by_side else _in_turn(works)


def processors() -> int:
    return len(os.sched_getaffinity(0))


def _in_turn(works: Sequence[Work]) -> Generator[Ended]:
    with ended_in_order():
        for index, (loaded, task) in enumerate(works):
            yield index, run_one(loaded, task)


def _side_by_side(works: Sequence[Work], jobs: int) -> Generator[Ended]:
    # spawn: a forked child would inherit whatever threads and signal handlers the caller has.
    context = multiprocessing.get_context("spawn")
    with ended_in_order():
        pool = ProcessPoolExecutor(min(jobs, len(works)), context, initializer=_set_signals)
        try:
            yield from _each(pool, works, AHEAD * jobs)
        except BaseException:
            # Ctrl-C, SIGTERM or a broken law: nobody wants the rest, and a run may take long.
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _each(pool: ProcessPoolExecutor, works: Sequence[Work], most: int) -> Generator[Ended]:
    """Have ``most`` runs at a time wait: thousands take long to hand over and to take back."""
    ahead = iter(enumerate(works))
    waiting: dict[Future[RunResult | Broken], int] = {}
    while True:
        with _signals_later():
            more = islice(ahead, most - len(waiting))
            waiting |= {pool.submit(run_one, *work): index for index, work in more}
        if not waiting:
            return
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            yield waiting.pop(future), future.result()


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Let SIGTERM end the processes, give back what they share and keep results, as Ctrl-C does.

    A process that SIGTERM ends at once leaves semaphores behind, of which Python warns.
    """
    try:
        before = signal.signal(signal.SIGTERM, _leave)
    except ValueError:  # not the main thread, which alone is signaled
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, frame: object) -> None:
    raise Terminated


@contextmanager
def _signals_later() -> Iterator[None]:
    """Hold signals back while processes start: one left half started would print a traceback."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)


def run_one(loaded: Loaded, task: Task) -> RunResult | Broken:
    """Return what came of one run; whatever stops it is a bug of ours, and told as a broken law."""
    world = World(_without(loaded, task.without), task.policy, task.seed, record=task.record)
    try:
        return replace(world.run(), without=task.without)
    except Exception as error:  # noqa: BLE001  Whatever it is, it is a bug that the run found.
        at_s, engine = world.at_s, world.stage.marketplace.engine
        if isinstance(error, LawBrokenError):
            law, command, text = error.law, error.command, error.text
        else:
            law, command, text = STOPPED, engine.seq, _where(error)
        return Broken(law, task.policy, task.seed, at_s, command, text, without=task.without)


def _where(error: Exception) -> str:
    origin: BaseException = error
    while origin.__cause__ is not None:  # SimPy raises a copy of what ended a process
        origin = origin.__cause__
    *_, last = traceback.extract_tb(origin.__traceback__)
    why = " ".join(str(error).split())
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {why}"


def _without(loaded: Loaded, fault: int | None) -> Loaded:
    if fault is None:
        return loaded
    rest = faults_without(loaded.scenario, fault)
    return replace(loaded, scenario=replace(loaded.scenario, fault=rest))


def faults_without(scenario: Scenario, fault: int) -> list[Fault]:
    """Return the scenario's faults but the one in place ``fault``, from 0."""
    return [one for number, one in enumerate(scenario.fault) if number != fault]


def _set_signals() -> None:
    # The terminal sends Ctrl-C to the children too; only the parent shall react.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Held back while this process started, and inherited so.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
