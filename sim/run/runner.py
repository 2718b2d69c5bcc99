"""Run policies times seeds, in as many processes as there are processors. Shell.

Runs share nothing, so they may go in any order; results are collected in the order of the plan.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Final, NamedTuple

from sim.results.report import RunResult
from sim.run.world import World
from sim.scenario.file import Loaded

Progress = Callable[[RunResult, int, int], None]
"""(what is done, how many are done, of how many)."""


HELD_BACK: Final = (signal.SIGINT, signal.SIGTERM)


class Task(NamedTuple):
    policy: str
    seed: int


def plan(loaded: Loaded, policies: list[str]) -> list[Task]:
    """Return every run of the scenario: seeds seed, seed + 1, ... for each policy."""
    scenario = loaded.scenario
    return [
        Task(policy, scenario.seed + number)
        for policy in policies
        for number in range(scenario.runs)
    ]


def run_all(
    loaded: Loaded, tasks: list[Task], jobs: int, progress: Progress
) -> tuple[list[RunResult], float]:
    """Return the result of each task, in their order, and the seconds it took altogether.

    Raises `LawBrokenError` as soon as a run finds one, and leaves no process behind.
    """
    began_s = time.perf_counter()
    if jobs == 1 or len(tasks) == 1:
        results = list(_in_turn(loaded, tasks, progress))
    else:
        results = _side_by_side(loaded, tasks, jobs, progress)
    return results, time.perf_counter() - began_s


def processors() -> int:
    return len(os.sched_getaffinity(0))


def _in_turn(loaded: Loaded, tasks: list[Task], progress: Progress) -> Iterator[RunResult]:
    for number, task in enumerate(tasks, start=1):
        result = _run(loaded, task)
        progress(result, number, len(tasks))
        yield result


def _side_by_side(
    loaded: Loaded, tasks: list[Task], jobs: int, progress: Progress
) -> list[RunResult]:
    with _ended_in_order():
        return _pooled(loaded, tasks, jobs, progress)


def _pooled(loaded: Loaded, tasks: list[Task], jobs: int, progress: Progress) -> list[RunResult]:
    # spawn: a forked child would inherit whatever threads and signal handlers the caller has.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(tasks)), context, initializer=_set_signals)
    try:
        with _signals_later():
            waiting: dict[Future[RunResult], Task] = {
                pool.submit(_run, loaded, task): task for task in tasks
            }
        found: dict[Task, RunResult] = {}
        for future in as_completed(waiting):
            found[waiting[future]] = future.result()
            progress(future.result(), len(found), len(tasks))
        return [found[task] for task in tasks]
    except BaseException:
        # Ctrl-C, SIGTERM or a broken law: nobody wants the rest, and a run may take long to end.
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM end the processes and give back what they share, as Ctrl-C does.

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
    raise SystemExit(128 + number)  # what a shell reports for a signal


@contextmanager
def _signals_later() -> Iterator[None]:
    """Hold signals back while processes start: one left half started would print a traceback."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)


def _run(loaded: Loaded, task: Task) -> RunResult:
    return World(loaded, task.policy, task.seed).run()


def _set_signals() -> None:
    # The terminal sends Ctrl-C to the children too; only the parent shall react.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Held back while this process started, and inherited so.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
