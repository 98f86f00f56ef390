"""Progress messages on stderr: a bar that is drawn again on a terminal, lines elsewhere.

A step whose amount of work is known has a remaining time: from its estimate at first, and more and more from what it has done.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

REPORT_SECONDS = 15.0
_DRAW_SECONDS = 0.5
_BAR_WIDTH = 24
_TRUST = 0.05
"""The part of the work for which the estimate counts as much as the same part of the work that is done."""


@dataclass(slots=True, kw_only=True)
class Step:
    """A running step; `estimate` is its duration in seconds, or 0 if it is not known."""

    name: str
    text: str
    estimate: float = 0.0
    start: float = field(default_factory=time.monotonic)
    _done: float = 0.0
    _work: float = 0.0
    since: float = 0.0
    """The time at which the work began, by `time.monotonic`."""

    def begin(self, work: float, *, estimate: float = 0.0) -> None:
        """Set the amount of work in any unit, and a better estimate of its duration in seconds if there is one."""
        self.estimate = estimate or self.estimate
        self._work, self._done, self.since = work, 0.0, time.monotonic()

    def advance(self, amount: float) -> None:
        self._done = min(self._done + amount, self._work)

    @property
    def fraction(self) -> float | None:
        return self._done / self._work if self._work else None

    def remaining(self, now: float) -> float | None:
        fraction = self.fraction
        if fraction is None:
            return max(self.estimate - (now - self.start), 0.0) if self.estimate else None
        trust = _TRUST if self.estimate else 0.0
        if not fraction + trust:
            return None
        return (now - self.since + trust * self.estimate) / (fraction + trust) * (1 - fraction)


class Progress:
    """Reports running steps on stderr; a context manager, because a thread reports steps that take long."""

    def __init__(self, *, interval: float = REPORT_SECONDS) -> None:
        self._terminal = sys.stderr.isatty()
        self._interval = _DRAW_SECONDS if self._terminal else interval
        self._start = time.monotonic()
        self._running: dict[str, Step] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._report_regularly, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self._draw("")

    def log(self, text: str) -> None:
        with self._lock:
            self._draw("")
            print(f"[{time.monotonic() - self._start:6.1f}s] {text}", file=sys.stderr, flush=True)

    def update(self, name: str, activity: str) -> None:
        self._running[name].text = activity

    @contextmanager
    def step(self, name: str, activity: str, *, estimate: float = 0.0) -> Iterator[Step]:
        self.log(f"{name}: {activity}")
        step = Step(name=name, text=activity, estimate=estimate)
        with self._lock:
            self._running[name] = step
        succeeded = False
        try:
            yield step
            succeeded = True
        finally:
            with self._lock:
                del self._running[name]
            end = "done" if succeeded else "stopped"
            self.log(f"{name}: {end} after {time.monotonic() - step.start:.1f} s ({step.text})")

    def _report_regularly(self) -> None:
        while not self._stopped.wait(self._interval):
            now = time.monotonic()
            with self._lock:
                lines = [described(step, now) for step in self._running.values()]
                if self._terminal:
                    self._draw("; ".join(lines))
            if lines and not self._terminal:
                self.log("in progress: " + "; ".join(lines))

    def _draw(self, text: str) -> None:
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)


def described(step: Step, now: float) -> str:
    """Return one line about a running step: a bar if its work is known, the time that it runs, and the remaining time."""
    fraction = step.fraction
    bar = "" if fraction is None else f" {_bar(fraction)} {fraction:.0%}"
    remaining = step.remaining(now)
    left = "" if remaining is None else f", about {duration(remaining)} left"
    return f"{step.name}{bar} ({step.text}, {now - step.start:.0f} s{left})"


def _bar(fraction: float) -> str:
    full = round(fraction * _BAR_WIDTH)
    return f"[{'#' * full}{'.' * (_BAR_WIDTH - full)}]"


def duration(seconds: float) -> str:
    """Return a duration for people, such as `40 s` or `12 min`."""
    return f"{max(seconds, 1):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - reads well
