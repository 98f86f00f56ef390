"""Ends every command of the platform in every way: its reader goes, or a signal comes at a random moment.

    python -m tests.engine.endings --verb up --moments 10

After each trial, nothing runs any more and no lock is left; the same command, run again, completes what the trial left.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tests.harness.checkout import NO_CLUSTER, PLATFORM, Checkout, processes_of
from tests.harness.eventually import eventually
from tools.platform.console import out
from tools.platform.errors import ExitCode
from tools.platform.processes import terminated_as_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STACK = "trial"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LINES = (0, 1, 10)
"""Lines that a reader reads before it goes."""
LIMIT_SECONDS = 300.0
"""No command takes longer on its own."""
AFTER_SIGNAL_SECONDS = 45.0
"""A command ends in this time after a signal: its grace, and the time to write the state."""
DEADLOCK_SECONDS = 10.0
"""Time in which the last processes of an ended command end."""


def nothing(_checkout: Checkout) -> None:
    """Prepare nothing."""


def brought_up(checkout: Checkout) -> None:
    """Bring the stack up."""
    result = checkout.platform("up", STACK)
    assert result.code == 0, result.text


def updated(checkout: Checkout) -> None:
    """Bring the stack up with an image, and then with another one."""
    for image in ("operator:1", "operator:2"):
        checkout.write_stack(STACK, **NO_CLUSTER, operatorImage=image)
        brought_up(checkout)


def changed(checkout: Checkout) -> None:
    """Bring the stack up, and change its settings."""
    checkout.write_stack(STACK, **NO_CLUSTER, operatorImage="operator:1")
    brought_up(checkout)
    checkout.write_stack(STACK, **NO_CLUSTER, operatorImage="operator:2", operatorReplicas=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A command line, what it needs, and the exit codes with which it can end by itself."""

    arguments: tuple[str, ...]
    prepare: Callable[[Checkout], None] = nothing
    codes: frozenset[int] = frozenset({0})
    repeated: tuple[str, ...] = ()
    """The command that completes what an ended one left; by default the same."""

    @property
    def name(self) -> str:
        return " ".join(self.arguments)


FAILS = frozenset({1})
VERBS = (
    Verb(arguments=("up", STACK, "--yes")),
    Verb(arguments=("up", STACK, "--refresh", "--yes"), prepare=changed),
    Verb(arguments=("down", STACK, "--yes"), prepare=brought_up),
    Verb(arguments=("rollback", STACK, "--yes"), prepare=updated),
    Verb(arguments=("pulumi", "up", "--yes", "--skip-preview", "--stack", STACK)),
    Verb(arguments=("pulumi", "destroy", "--yes", "--skip-preview", "--stack", STACK), prepare=brought_up),
    Verb(arguments=("pulumi", "preview", "--stack", STACK)),
    Verb(arguments=("diff", STACK), prepare=changed),
    Verb(arguments=("drift", STACK), prepare=brought_up),
    # No API server answers these.
    Verb(arguments=("preflight", STACK), codes=FAILS),
    Verb(arguments=("demo", STACK), codes=FAILS),
    Verb(arguments=("preview", "up", "7", "--base", STACK, "--image", "operator:1"), codes=FAILS),
    Verb(arguments=("preview", "list", "--base", STACK)),
    Verb(arguments=("preview", "down", "7", "--base", STACK)),
    Verb(arguments=("preview", "reap", "--base", STACK)),
    Verb(arguments=("policy", STACK), codes=frozenset({0, 1})),
    Verb(arguments=("alerts", STACK)),
    Verb(arguments=("crd-check",), codes=frozenset({0, 1, ExitCode.DIFFERENT})),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a command is ended: its reader goes after some lines, or a signal comes after a part of its time."""

    lines: int | None = None
    number: signal.Signals | None = None
    part: float = 0.0

    @property
    def kind(self) -> str:
        return f"closed after {self.lines}" if self.number is None else self.number.name


def endings(moments: int, seed: int) -> list[Ending]:
    """Return the closed outputs, and each signal at so many random moments."""
    chosen = random.Random(seed)  # noqa: S311 - no secret
    signals = [Ending(number=number, part=chosen.random()) for number in SIGNALS for _ in range(moments)]
    return [*(Ending(lines=lines) for lines in LINES), *signals]


class EndedCheckout:
    """A checkout in which one verb is ended again and again."""

    def __init__(self, folder: Path, verb: Verb) -> None:
        self.verb = verb
        self.checkout = Checkout(folder)
        self.checkout.create_offline_stack(STACK)
        self.checkout.write_stack(STACK, **NO_CLUSTER, operatorImage="operator:1")
        self._kept = folder.with_name(f"{folder.name}-kept")
        verb.prepare(self.checkout)
        self._parts = [part for part in ("stacks", "trial-state") if (folder / part).exists()]
        for part in self._parts:
            shutil.copytree(folder / part, self._kept / part)
        start = time.monotonic()
        self._code, self._text = self._complete()
        self._seconds = time.monotonic() - start

    def _complete(self) -> tuple[int, str]:
        result = self.checkout.platform(*(self.verb.repeated or self.verb.arguments))
        return result.code, result.text

    def _restore(self) -> None:
        """Restore the files and the state that the verb begins with."""
        for part in self._parts:
            shutil.rmtree(self.checkout.folder / part, ignore_errors=True)
            shutil.copytree(self._kept / part, self.checkout.folder / part)

    def trial(self, ending: Ending) -> str:
        """End the verb so; return what is wrong afterwards, empty if nothing is."""
        self._restore()
        start = time.monotonic()
        limit = LIMIT_SECONDS if ending.number is None else AFTER_SIGNAL_SECONDS
        process = subprocess.Popen(
            [*PLATFORM, *self.verb.arguments],
            cwd=self.checkout.folder,
            env=self.checkout.variables({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        text = b""
        if ending.number is None:
            for _ in range(ending.lines or 0):
                text += process.stdout.readline()
            process.stdout.close()
        else:
            # The moment of the signal is the subject.
            time.sleep(ending.part * self._seconds)
            process.send_signal(ending.number)
            start = time.monotonic()
        try:
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            self.checkout.kill_processes()
            process.wait()
            return f"hung for {limit:g} s"
        seconds = time.monotonic() - start
        if ending.number is not None:
            text += process.stdout.read()
            process.stdout.close()
        return "; ".join(self._wrong(ending, code, seconds, text.decode()))

    def _wrong(self, ending: Ending, code: int, seconds: float, text: str) -> Iterator[str]:
        expected = {self._code, *self.verb.codes}
        if ending.number is not None:
            # Before the handlers are there, the signal has its default effect.
            expected |= {130, 128 + ending.number, -ending.number}
        if code not in expected:
            yield f"exit code {code} after {seconds:.1f} s: {text[-600:]}"
        if "Traceback" in text:
            yield f"traceback: {text[-600:]}"
        try:
            eventually(
                lambda: processes_of(self.checkout.folder), lambda left: not left, within=DEADLOCK_SECONDS
            )
        except AssertionError:
            yield f"processes left: {[commandline(each) for each in processes_of(self.checkout.folder)]}"
            self.checkout.kill_processes()
        if left := list((self.checkout.state / ".pulumi" / "locks").rglob("*.json")):
            yield f"{len(left)} lock(s) left"
            for file in left:
                file.unlink()
        again, shown = self._complete()
        if again != self._code and again not in self.verb.codes:
            yield f"the next run failed ({again}): {shown[-600:]}"


def commandline(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "ended"


def tried(
    verb: Verb, chosen: Sequence[Ending], stopped: threading.Event | None = None
) -> dict[str, list[str]]:
    """End a verb in each of these ways; return what was wrong, by the kind of ending; an empty text is a success."""
    results: dict[str, list[str]] = defaultdict(list)
    stopped = stopped or threading.Event()
    if stopped.is_set():
        return results
    with tempfile.TemporaryDirectory(prefix="endings-") as folder:
        ended = EndedCheckout(Path(folder) / "checkout", verb)
        for ending in chosen:
            if stopped.is_set():
                break
            problem = ended.trial(ending)
            results[ending.kind].append(problem)
            if problem:
                out.print(f"WRONG {verb.name}: {ending}: {problem}")
    return results


def main(
    *,
    verb: Annotated[list[str] | None, typer.Option(help="Only verbs that begin so; may be repeated.")] = None,
    moments: Annotated[int, typer.Option(help="Random moments of each signal.")] = 10,
    seed: Annotated[int, typer.Option(help="Chooses the moments.")] = 1,
    jobs: Annotated[int, typer.Option(help="Verbs that are tried at the same time.")] = os.cpu_count() or 1,
) -> None:
    """End every verb in every way, and print a table; the exit code is 1 if anything was wrong."""
    verbs = [each for each in VERBS if not verb or any(each.name.startswith(word) for word in verb)]
    stopped = threading.Event()
    with terminated_as_interrupted(), ThreadPoolExecutor(jobs) as pool:
        running = {each.name: pool.submit(tried, each, endings(moments, seed), stopped) for each in verbs}
        wrong = 0
        try:
            for name, future in running.items():
                results = future.result()
                cells = (f"{kind} {problems.count('')}/{len(problems)}" for kind, problems in results.items())
                out.print(f"{name:<44} {', '.join(cells)}")
                wrong += sum(1 for problems in results.values() for problem in problems if problem)
        except KeyboardInterrupt:
            stopped.set()
            raise
    out.print(f"{wrong} trial(s) were wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    typer.run(main)
