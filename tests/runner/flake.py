"""Find flaky tests: run the whole suite repeatedly on one stack, each time in another order."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from tests.harness import kept
from tests.harness.ephemeral import ephemeral_stack
from tests.harness.report.page import write_page
from tests.harness.report.records import failed, read
from tests.harness.report.table import closing_line
from tests.runner.stack_tests import run_parts, save_logs
from tests.runner.suite import SuiteNotUpError
from tools.platform.command_group import PASS_THROUGH
from tools.platform.console import out
from tools.platform.errors import ExitCode
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.harness.place import EphemeralStack
    from tests.harness.report.records import Record

FOLDER = ROOT / "build" / "flake"
OFTEN = ("retry-02", "partial-*", "multi-*", "status-*")
OFTEN_WORKERS = "12"
"""These checks spend nearly all of their time waiting."""
LONGEST_RUN = 25
"""Repetitions in one run, which must end in time: the checks of the fault proxy run one by one, 15 s each."""

BUSY_PROCESSES = 2


app = typer.Typer(add_completion=False)


@app.command(context_settings=PASS_THROUGH)
def flake(
    context: typer.Context,
    *,
    rounds: Annotated[int, typer.Option(help="Runs of the whole suite.")] = 20,
    times: Annotated[
        int, typer.Option(help="Runs of the checks on retries, partial success and status.")
    ] = 100,
    load: Annotated[bool, typer.Option("--load", help="Keep two processors busy meanwhile.")] = False,
    stack: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Stack of `tools/with-env python -m tests.runner suite up`; by default a disposable one.",
        ),
    ] = None,
) -> None:
    """Run the whole suite repeatedly, each time in another order, and report tests that fail sometimes.

    Other arguments go to pytest.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        with _stack(stack) as target, _busy(BUSY_PROCESSES if load else 0):
            completed = _rounds(target, rounds, context.args) & _often(target, times, context.args)
            if not completed or failed(_all()):
                out.print(f"logs of all pods: {save_logs(target)}")
    except KeyboardInterrupt:
        _report()
        raise
    if not (_report() and completed):
        raise typer.Exit(ExitCode.FAILED)


def _stack(name: str | None) -> AbstractContextManager[EphemeralStack]:
    return ephemeral_stack() if name is None else _kept(name)


@contextlib.contextmanager
def _kept(name: str) -> Iterator[EphemeralStack]:
    with kept.locked(name, exclusive=False):
        stack = kept.find(name)
        if stack is None:
            raise SuiteNotUpError(name)
        yield stack


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    """Keep this number of processors busy."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _rounds(stack: EphemeralStack, count: int, rest: list[str]) -> bool:
    """Run the whole suite `count` times; return whether every run completed and passed."""
    results = []
    for number in range(1, count + 1):
        start, seed = time.monotonic(), random.randrange(10**6)  # noqa: S311 - an order is no secret
        file = FOLDER / f"round-{number}"
        results.append(run_parts(stack, ["--shuffle", str(seed), *rest], file))
        records = read(file)
        bad = " ".join(sorted(record.check or record.test for record in failed(records)))
        seconds = time.monotonic() - start
        out.print(
            f"round {number}/{count}, order {seed}: {closing_line(records)}, {len(records)} tests in {seconds:.0f} s {bad}"
        )
    return all(results)


def _often(stack: EphemeralStack, times: int, rest: list[str]) -> bool:
    """Repeat the most important checks `times` times."""
    checks = [word for check in OFTEN for word in ("--check", check)]
    results = []
    for seed, repeat in enumerate(_shares(times), 1):
        arguments = [*checks, "--repeat", str(repeat), "-n", OFTEN_WORKERS, "--shuffle", str(seed), *rest]
        results.append(run_parts(stack, arguments, FOLDER / "often"))
    return all(results)


def _shares(times: int) -> Iterator[int]:
    """Divide repetitions into runs."""
    for done in range(0, times, LONGEST_RUN):
        yield min(LONGEST_RUN, times - done)


def _report() -> bool:
    """Print how often each test ran and passed, write a page of the failures, and return whether there are none."""
    records = _all()
    table = Table("test", "passed", "ran", "longest", box=None, pad_edge=False)
    by_name: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_name[_name(record)].append(record)
    for name, runs in sorted(by_name.items()):
        passed = sum(run.passed for run in runs)
        count = Text(str(passed), style="" if passed == len(runs) else "red")
        table.add_row(name, count, str(len(runs)), f"{max(run.seconds for run in runs):.1f} s")
    out.print(table)
    bad = failed(records)
    out.print(f"{len(records)} runs of {len(by_name)} tests, {len(bad)} failed")
    if bad:
        write_page(FOLDER / "failures.html", bad)
        out.print(f"failures: {FOLDER / 'failures.html'}")
    return bool(records) and not bad


def _all() -> Sequence[Record]:
    return [record for file in sorted(FOLDER.glob("*")) if _holds_records(file) for record in read(file)]


def _holds_records(file: Path) -> bool:
    return file.name == "often" or file.name.startswith("round-")


def _name(record: Record) -> str:
    """Return the name that all repetitions of a test share."""
    return record.check or record.test.rpartition("::")[2].partition("@")[0]
