"""Runs scenarios on parallel lanes."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.chaos.bookkeeping import Books, books
from tests.chaos.lane import Lane
from tests.chaos.stage import Stage
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.chaos.scenario import Scenario

FOLDER = ROOT / "build" / "chaos"
NOTHING = Books(objects=0, hits=0, recorded=0, repeats=0, lost=0, problems=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a scenario did."""

    scenario: Scenario
    books: Books
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.books.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How scenarios run."""

    lanes: int
    seed: int
    earlier: str


def run(scenarios: Sequence[Scenario], options: Options, *, report: Callable[[Result], None]) -> list[Result]:
    """Run scenarios, and return their results; `report` is called after each one.

    Raises:
        ControlPlaneError: an API server does not start.
    """
    waiting: queue.SimpleQueue[Scenario] = queue.SimpleQueue()
    for each in scenarios:
        waiting.put(each)
    results: list[Result] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with Lane() as lane:
                while True:
                    result = _play(waiting.get_nowait(), lane, options)
                    results.append(result)
                    report(result)
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            errors.append(error)
            while not waiting.empty():  # the other lanes end after their scenario
                with contextlib.suppress(queue.Empty):
                    waiting.get_nowait()

    threads = [threading.Thread(target=work, name=f"lane {number}") for number in range(options.lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def _play(scenario: Scenario, lane: Lane, options: Options) -> Result:
    """Run one script, keep its books, and leave the lane without faults."""
    began = time.monotonic()
    stage = Stage(lane, scenario.name, seed=options.seed, earlier=options.earlier)
    result = NOTHING
    try:
        scenario.script(stage)
        objects = stage.settle(within=scenario.final_within)
        result = books(objects, stage.hits(), scenario.allowed)
        stage.problems += stage.unused_faults()
    except Exception:  # noqa: BLE001 - whatever a script raises is its result
        stage.problems.append(traceback.format_exc(limit=-4))
    lane.recover()
    problems = (*result.problems, *stage.problems, *_ended(stage))
    whole = Result(
        scenario=scenario,
        books=_with(result, problems),
        seconds=time.monotonic() - began,
    )
    stage.close()
    if problems:
        _keep(stage, whole)
    return whole


def _ended(stage: Stage) -> list[str]:
    """Name the operators that have ended by themselves, or log an exception that nothing expected."""
    ended = [
        f"an operator has ended by itself with {operator.process.poll()}"
        for operator in stage.operators
        if operator.started and not operator.runs and not operator.ended_by_script
    ]
    crashed = [
        f"an operator has logged a traceback: {line}"
        for operator in stage.operators
        for line in operator.tracebacks()
    ]
    return [*ended, *crashed]


def _with(result: Books, problems: Sequence[str]) -> Books:
    return Books(
        objects=result.objects,
        hits=result.hits,
        recorded=result.recorded,
        repeats=result.repeats,
        lost=result.lost,
        problems=tuple(problems),
    )


def _keep(stage: Stage, result: Result) -> None:
    """Keep the operators' logs of a scenario that failed."""
    folder = FOLDER / result.scenario.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "problems.txt").write_text("\n".join(result.books.problems), "utf-8")
    for number, log in enumerate(stage.logs, start=1):
        (folder / f"operator-{number}.log").write_text(log, "utf-8")
