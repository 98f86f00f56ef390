"""Progress of an engine operation: one line per completed resource, and what the engine waits for."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Self

from pulumi.automation import EngineEvent, OpType

from tools.platform.console import err
from tools.platform.pulumi.events import EventLog, short_name

if TYPE_CHECKING:
    from types import TracebackType

    from pulumi.automation.events import DiagnosticEvent, StepEventMetadata

QUIET_SECONDS = 10.0
PENDING = "pending operations"
COMPLETED = {
    OpType.CREATE: "created",
    OpType.UPDATE: "updated",
    OpType.DELETE: "deleted",
    OpType.CREATE_REPLACEMENT: "replaced",
    OpType.DELETE_REPLACED: "old version deleted",
}


class StackProgress:
    """Prints to standard error; a context manager around one operation of the engine.

    With `brief` it prints no line per resource, which suits several operations at once. A failure carries the errors
    that the engine reported (`EngineError`).
    """

    def __init__(self, title: str, *, brief: bool = False) -> None:
        self._title = title
        self._brief = brief
        self.pending_operations = False
        """Whether the state holds operations that a killed run left unfinished."""
        self._log = EventLog()
        self._exits = contextlib.ExitStack()
        self._started: dict[str, float] = {}
        self._printed: set[str] = set()
        self._start = time.monotonic()
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        self._print(f"{self._title} …")
        self._ticker.start()
        self._exits.enter_context(self._log.operation())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Print the result and the duration.

        Raises:
            EngineError: the operation failed, for a reason that the engine reported.
        """
        self._stop.set()
        self._ticker.join()
        result = "failed"
        try:
            self._exits.__exit__(kind, error, trace)
            result = "done" if kind is None else "failed"
        finally:
            self._print(f"{self._title}: {result} after {time.monotonic() - self._start:.1f} s")

    def on_event(self, event: EngineEvent) -> None:
        """Handle one event of the engine."""
        self._log.on_event(event)
        if event.resource_pre_event and event.resource_pre_event.metadata.op in COMPLETED:
            self._started[event.resource_pre_event.metadata.urn] = time.monotonic()
        elif event.res_outputs_event and event.res_outputs_event.metadata.op in COMPLETED:
            self._finish(event.res_outputs_event.metadata)
        elif event.res_op_failed_event:
            self._started.pop(event.res_op_failed_event.metadata.urn, None)
            self._print(f"  {short_name(event.res_op_failed_event.metadata.urn)} FAILED")
        elif event.diagnostic_event:
            self._diagnose(event.diagnostic_event)

    def _diagnose(self, event: DiagnosticEvent) -> None:
        if event.severity in {"error", "warning"}:
            self.pending_operations |= PENDING in event.message
            self._print_once(event.message.strip())

    def _finish(self, step: StepEventMetadata) -> None:
        seconds = time.monotonic() - self._started.pop(step.urn, time.monotonic())
        if not self._brief:
            self._print(f"  {short_name(step.urn)} {COMPLETED[step.op]} ({seconds:.1f} s)")

    def _tick(self) -> None:
        while not self._stop.wait(QUIET_SECONDS):
            open_steps = [
                short_name(urn)
                for urn, started in self._started.copy().items()
                if time.monotonic() - started > 1
            ]
            self._print(
                f"  {self._title}: {time.monotonic() - self._start:.0f} s, "
                f"waiting for {', '.join(open_steps) or 'the engine'}"
            )

    def _print_once(self, text: str) -> None:
        """Print a message once: a missing node causes the same warning for each of its objects."""
        if text not in self._printed:
            self._printed.add(text)
            self._print(f"  {text}")

    def _print(self, text: str) -> None:
        err.print(text)
