"""Progress for a person: a line when a group starts and ends, and a sign of life in between."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

HEARTBEAT_SECONDS = 15.0


class Progress:
    """Tells on stderr what is under way; a context manager, for its heartbeat is a thread."""

    def __init__(self, *, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._heartbeat = heartbeat
        self._begun = time.monotonic()
        self._running: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="progress", daemon=True)

    def __enter__(self) -> Self:
        """Starts the heartbeat."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the heartbeat."""
        self._over.set()

    def say(self, text: str) -> None:
        """One line, with the time since the beginning."""
        print(f"[{time.monotonic() - self._begun:6.1f}s] {text}", file=sys.stderr, flush=True)

    def now(self, name: str, doing: str) -> None:
        """Changes what the heartbeat tells about `name`."""
        with self._lock:
            self._running[name] = (doing, self._running.get(name, ("", time.monotonic()))[1])

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[None]:
        """Announces a piece of work, and how long it took when it went well."""
        self.say(f"{name}: {doing}")
        begun = time.monotonic()
        self.now(name, doing)
        try:
            yield
        finally:
            with self._lock:
                last, _ = self._running.pop(name)
        self.say(f"{name}: done in {time.monotonic() - begun:.1f} s ({last})")

    def _beat(self) -> None:
        while not self._over.wait(self._heartbeat):
            with self._lock:
                running = dict(self._running)
            now = time.monotonic()
            lines = [f"{name} ({doing}, {now - since:.0f} s)" for name, (doing, since) in running.items()]
            if lines:
                self.say("still at: " + ", ".join(lines))
