"""The render worker is killed, stopped, out of memory, in an endless loop, or cannot be started."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.lane import pause
from tests.chaos.render_faults.sitecustomize import ENDLESS
from tests.chaos.scenario import scenario
from tests.harness.eventually import eventually
from tests.harness.operator_deployment import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.chaos.operator import ChaosOperator
    from tests.chaos.stage import Stage

FAULTS = Path(__file__).parents[1] / "render_faults"
LONG = {"body": "a line of a long text\n" * 5000}
"""Is redacted by the worker."""
MARKDOWN = {"format": "Markdown", "body": "- **pod** `shop` is *down*\n\n> quote\n\n" * 300}
"""Is redacted by the worker as well, like every text of more than 4 KiB."""
PATIENT = {"deliveryTimeoutSeconds": 15}
"""Long texts take their time on a busy machine, and are not what fails here."""
SHORT_WITHIN = 20.0
"""Seconds within which short notifications are delivered, whatever the worker does."""
DEADLINE = 120.0
"""Seconds within which a job without an answer is given up, with some to spare."""


def _faulty(stage: Stage) -> tuple[ChaosOperator, Path]:
    """Start an operator whose worker has the faults of `render_faults`; return the folder of their files, too."""
    folder = Path(stage.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="worker-")))
    shutil.copy(FAULTS / "sitecustomize.py", folder)
    operator = stage.operator(settings=PATIENT, start=False)
    operator.set_variables(PYTHONPATH=f"{folder}{os.pathsep}{operator.variables['PYTHONPATH']}")
    stage.start(operator)
    return operator, folder


def _worker(operator: ChaosOperator) -> int:
    """Wait until a worker runs, and return its process."""
    return eventually(operator.render_worker, bool, within=30, every=0.05) or 0


def _hurt(operator: ChaosOperator, deed: Callable[[int], None], *, times: int, within: float = 30.0) -> int:
    """Do something to each new worker; return how often it was done."""
    hurt: set[int] = set()
    deadline = time.monotonic() + within
    while len(hurt) < times and time.monotonic() < deadline:
        worker = operator.render_worker()
        if worker and worker not in hurt:
            pause(0.1)  # it loads what it needs, and is given the first job
            with suppress(ProcessLookupError):
                deed(worker)
                hurt.add(worker)
        pause(0.05)
    return len(hurt)


def _without_result(operator: ChaosOperator) -> float:
    """Return how many jobs had no result."""
    page = operator.page(METRICS, "metrics")
    lines = (
        line
        for line in page.splitlines()
        if line.startswith("kubernaut_notification_rendering_failures_total{")
    )
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def _short_are_quick(stage: Stage) -> None:
    """Create short notifications in another namespace, and require that the worker delays none."""
    names = {obj["metadata"]["name"] for obj in stage.create(5, namespace=stage.add_namespace())}
    began = time.monotonic()

    def waiting() -> list[Mapping[str, object]]:
        return [
            obj
            for obj in stage.stored()
            if obj["metadata"]["name"] in names and obj["status"]["phase"] != "Sent"
        ]

    eventually(waiting, lambda left: not left, within=60)
    seconds = time.monotonic() - began
    stage.require(
        seconds < SHORT_WITHIN, f"short notifications took {seconds:.1f} s while the worker had its faults"
    )


def _require_failures(stage: Stage, operator: ChaosOperator) -> None:
    stage.settle(within=DEADLINE)
    stage.require(_without_result(operator), "no job of the render worker was without a result")


@scenario("The render worker is killed again and again while it works", final_within=DEADLINE)
def killed_render_worker(stage: Stage) -> None:
    operator = stage.operator(settings=PATIENT)
    stage.create(8, **LONG)
    stage.create(8, **MARKDOWN)
    kills = _hurt(operator, lambda worker: os.kill(worker, signal.SIGKILL), times=4)
    stage.require(kills, "there was no render worker to kill")
    _short_are_quick(stage)
    _require_failures(stage, operator)


@scenario(
    "The render worker is stopped by SIGSTOP: its job is given up, and other namespaces go on",
    final_within=DEADLINE,
)
def stopped_render_worker(stage: Stage) -> None:
    operator = stage.operator(settings=PATIENT)
    stage.create(8, **MARKDOWN)
    os.kill(_worker(operator), signal.SIGSTOP)
    stage.create(3, **LONG)
    _short_are_quick(stage)
    _require_failures(stage, operator)


@scenario("The render worker gets no memory, and neither do its successors", final_within=DEADLINE)
def render_worker_without_memory(stage: Stage) -> None:
    operator = stage.operator(settings=PATIENT)
    stage.create(6, **LONG)
    stage.create(6, **MARKDOWN)

    def take_memory(worker: int) -> None:
        resource.prlimit(worker, resource.RLIMIT_AS, (1024 * 1024,) * 2)

    stage.require(_hurt(operator, take_memory, times=3), "there was no render worker to starve")
    _short_are_quick(stage)
    _require_failures(stage, operator)


@scenario("Some texts keep the render worker in an endless loop; others are rendered", final_within=180)
def endless_rendering(stage: Stage) -> None:
    operator, _ = _faulty(stage)
    stage.create(2, body=f"{ENDLESS} " + "x" * 5000)
    whole = stage.create(4, **MARKDOWN)
    _short_are_quick(stage)
    stage.settle(within=150)
    stage.require(_without_result(operator) >= 2, "the texts did not keep the render worker busy")
    for obj in whole:
        text = str([hit["json"] for hit in stage.slack.hits(obj)])
        stage.require(
            "shortened" not in text and "*pod*" in text, "a text other than the endless ones was not rendered"
        )


@scenario("The render worker cannot be started for 15 s", final_within=DEADLINE)
def missing_render_worker(stage: Stage) -> None:
    operator, folder = _faulty(stage)
    (folder / "broken").touch()
    stage.create(6, **LONG)
    stage.create(6, **MARKDOWN)
    _short_are_quick(stage)
    _require_failures(stage, operator)
    pause(15)
    (folder / "broken").unlink()
    before = _without_result(operator)
    stage.create(4, **MARKDOWN)
    stage.settle(within=60)
    stage.require(_without_result(operator) == before, "the render worker was not started again")


@scenario(
    "SIGKILL of the operator while its render worker works: the worker ends, too",
    repeats=True,
    final_within=DEADLINE,
)
def kill_while_rendering(stage: Stage) -> None:
    operator = stage.operator(settings=PATIENT)
    stage.create(8, **MARKDOWN)
    worker = _worker(operator)
    operator.relaunch()
    eventually(lambda: _runs(worker), lambda runs: not runs, within=30)
    stage.create(3, **LONG)


@scenario(
    "SIGTERM while the render worker is stopped: the operator ends in time",
    repeats=True,
    final_within=DEADLINE,
)
def sigterm_while_rendering(stage: Stage) -> None:
    operator = stage.operator(settings=PATIENT)
    stage.create(8, **MARKDOWN)
    worker = _worker(operator)
    os.kill(worker, signal.SIGSTOP)
    operator.ended_by_script = True
    operator.signal(signal.SIGTERM)
    code = operator.process.wait(timeout=45)
    stage.require(code == 0, f"the operator ends with {code} after SIGTERM")
    eventually(lambda: _runs(worker), lambda runs: not runs, within=30)
    stage.start(operator)


def _runs(process: int) -> bool:
    """Return whether a process runs; one that has ended may wait for whoever takes it over."""
    with suppress(OSError):
        return (
            Path(f"/proc/{process}/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()[0]
            != "Z"
        )
    return False
