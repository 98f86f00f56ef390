"""Progress messages on stderr: one when a step starts, one when it ends, and regular ones in between."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

REPORT_SECONDS = 15.0


class Progress:
    """Reports running steps on stderr; a context manager, because a thread reports steps that take long."""

    def __init__(self, *, interval: float = REPORT_SECONDS) -> None:
        self._interval = interval
        self._start = time.monotonic()
        self._running: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._report_regularly, name="progress", daemon=True)

    def __enter__(self) -> Self:
        """Start the regular messages."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the regular messages."""
        self._stopped.set()

    def log(self, text: str) -> None:
        """Print a line with the time since the start."""
        print(f"[{time.monotonic() - self._start:6.1f}s] {text}", file=sys.stderr, flush=True)

    def update(self, name: str, activity: str) -> None:
        """Change the current activity of the step `name`."""
        with self._lock:
            self._running[name] = (activity, self._running.get(name, ("", time.monotonic()))[1])

    @contextmanager
    def step(self, name: str, activity: str) -> Iterator[None]:
        """Report the start of a step, and its duration if it succeeds."""
        self.log(f"{name}: {activity}")
        start = time.monotonic()
        self.update(name, activity)
        try:
            yield
        finally:
            with self._lock:
                last, _ = self._running.pop(name)
        self.log(f"{name}: done in {time.monotonic() - start:.1f} s ({last})")

    def _report_regularly(self) -> None:
        while not self._stopped.wait(self._interval):
            with self._lock:
                running = dict(self._running)
            now = time.monotonic()
            steps = [
                f"{name} ({activity}, {now - start:.0f} s)" for name, (activity, start) in running.items()
            ]
            if steps:
                self.log("in progress: " + ", ".join(steps))
