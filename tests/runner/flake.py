"""Look for checks that fail now and then: the whole suite again and again on one stack, each time in another order.

`python -m tests.runner.flake [--rounds N] [--times N] [--load] [--stack NAME] [pytest's arguments]`. After the rounds
the checks on retries, partial success and status are made a hundred times more. With `--load` two processes
keep the machine busy meanwhile, with `--stack` a stack is taken that is up already.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.harness import kept
from tests.harness.ephemeral import ephemeral_stack
from tests.harness.report.page import write_page
from tests.harness.report.records import failed, read
from tests.harness.report.table import closing_line
from tests.runner.all import INTERRUPTED
from tests.runner.stack_tests import run_parts, save_logs
from tools.platform.commands.up import PROBLEMS
from tools.platform.errors import explained
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
"""These wait nearly all of their time."""

BUSY_PROCESSES = 2


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0 only when nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.runner.flake", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--times", type=int, default=100, help="of the checks that are made more often")
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--stack", help="one that `make suite-up` has made")
    chosen, rest = parser.parse_known_args(arguments)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    console = Console()
    try:
        with _stack(chosen.stack) as stack, _busy(BUSY_PROCESSES if chosen.load else 0):
            ended_well = _rounds(stack, chosen.rounds, rest, console) & _often(stack, chosen.times, rest)
            if not ended_well or failed(_all()):
                console.print(f"the logs of all pods: {save_logs(stack)}", highlight=False)
    except KeyboardInterrupt:
        console.print("interrupted")
        _tell(console)
        return INTERRUPTED
    except PROBLEMS as error:
        console.print(f"error: {explained(error)}", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0 if _tell(console) and ended_well else 1


def _stack(name: str | None) -> AbstractContextManager[EphemeralStack]:
    return ephemeral_stack() if name is None else _kept(name)


@contextlib.contextmanager
def _kept(name: str) -> Iterator[EphemeralStack]:
    with kept.locked(name, exclusive=False):
        stack = kept.find(name)
        if stack is None:
            raise SystemExit(f"error: {name} is not up; run `make suite-up` first")
        yield stack


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    """Keep so many processors busy."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _rounds(stack: EphemeralStack, count: int, rest: list[str], console: Console) -> bool:
    """Run the whole suite so often; return whether every run came to its end and passed."""
    results = []
    for number in range(1, count + 1):
        start, seed = time.monotonic(), random.randrange(10**6)  # noqa: S311 - an order is no secret
        file = FOLDER / f"round-{number}"
        results.append(run_parts(stack, ["--shuffle", str(seed), *rest], file))
        records = read(file)
        bad = " ".join(sorted(record.check or record.test for record in failed(records)))
        took = time.monotonic() - start
        console.print(
            f"round {number}/{count}, order {seed}: {closing_line(records)}, {len(records)} tests in {took:.0f} s {bad}",
            highlight=False,
        )
    return all(results)


def _often(stack: EphemeralStack, times: int, rest: list[str]) -> bool:
    """Make the checks that matter most so many times."""
    if not times:
        return True
    checks = [word for check in OFTEN for word in ("--check", check)]
    arguments = [*checks, "--repeat", str(times), "-n", OFTEN_WORKERS, "--shuffle", "1", *rest]
    return run_parts(stack, arguments, FOLDER / "often")


def _tell(console: Console) -> bool:
    """Print how often each test ran and passed, write a page of the failures, and return whether there are none."""
    records = _all()
    table = Table("test", "passed", "ran", "longest", box=None, pad_edge=False)
    by_name: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_name[_name(record)].append(record)
    for name, runs in sorted(by_name.items()):
        passed = sum(run.passed for run in runs)
        colour = "" if passed == len(runs) else "[red]"
        table.add_row(name, f"{colour}{passed}", str(len(runs)), f"{max(run.seconds for run in runs):.1f} s")
    console.print(table)
    bad = failed(records)
    console.print(f"{len(records)} runs of {len(by_name)} tests, {len(bad)} failed", highlight=False)
    if bad:
        write_page(FOLDER / "failures.html", bad)
        console.print(f"the failures: {FOLDER / 'failures.html'}", highlight=False)
    return bool(records) and not bad


def _all() -> Sequence[Record]:
    return [record for file in sorted(FOLDER.glob("*")) if _holds_records(file) for record in read(file)]


def _holds_records(file: Path) -> bool:
    return file.name == "often" or file.name.startswith("round-")


def _name(record: Record) -> str:
    """Return what a test is called in all its repetitions."""
    return record.check or record.test.rpartition("::")[2].partition("@")[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
