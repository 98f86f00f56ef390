"""Tells a person what the engine is doing: one line a resource when it is done, and what is awaited meanwhile."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Self

from pulumi.automation import EngineEvent, OpType

if TYPE_CHECKING:
    from types import TracebackType

    from pulumi.automation.events import StepEventMetadata

QUIET_SECONDS = 10.0
PENDING = "pending operations"
DONE = {
    OpType.CREATE: "created",
    OpType.UPDATE: "updated",
    OpType.DELETE: "deleted",
    OpType.CREATE_REPLACEMENT: "replaced",
    OpType.DELETE_REPLACED: "deleted its predecessor",
}


class StackProgress:
    """Prints to standard error; a context manager around one operation of the engine.

    With `brief` it leaves out the lines about single resources, as several operations at once need it.
    """

    def __init__(self, title: str, *, brief: bool = False) -> None:
        self._title = title
        self._brief = brief
        self.found_interrupted = False
        """Whether the engine has found operations that a killed run had begun."""
        self._began: dict[str, float] = {}
        self._said: set[str] = set()
        self._start = time.monotonic()
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        """Say what begins."""
        self._say(f"{self._title} …")
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Say how long it took."""
        self._stop.set()
        self._ticker.join()
        outcome = "done" if kind is None else "failed"
        self._say(f"{self._title}: {outcome} after {time.monotonic() - self._start:.1f} s")

    def on_event(self, event: EngineEvent) -> None:
        """Take one event of the engine."""
        if event.resource_pre_event and event.resource_pre_event.metadata.op in DONE:
            self._began[event.resource_pre_event.metadata.urn] = time.monotonic()
        elif event.res_outputs_event and event.res_outputs_event.metadata.op in DONE:
            self._ended(event.res_outputs_event.metadata)
        elif event.res_op_failed_event:
            self._began.pop(event.res_op_failed_event.metadata.urn, None)
            self._say(f"  {_short(event.res_op_failed_event.metadata.urn)} FAILED")
        elif event.diagnostic_event and event.diagnostic_event.severity in {"error", "warning"}:
            message = event.diagnostic_event.message.strip()
            self.found_interrupted |= PENDING in message
            self._say_once(message)

    def _ended(self, step: StepEventMetadata) -> None:
        took = time.monotonic() - self._began.pop(step.urn, time.monotonic())
        if not self._brief:
            self._say(f"  {_short(step.urn)} {DONE[step.op]} ({took:.1f} s)")

    def _tick(self) -> None:
        while not self._stop.wait(QUIET_SECONDS):
            open_steps = [
                _short(urn) for urn, began in self._began.copy().items() if time.monotonic() - began > 1
            ]
            self._say(
                f"  {self._title}: {time.monotonic() - self._start:.0f} s, "
                f"waiting for {', '.join(open_steps) or 'the engine'}"
            )

    def _say_once(self, text: str) -> None:
        """A node that is gone gives the same warning for every object that it held."""
        if text not in self._said:
            self._said.add(text)
            self._say(f"  {text}")

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def _short(urn: str) -> str:
    """Return a resource's type and name: `…::kubernetes:apps/v1:Deployment::operator` is `Deployment operator`."""
    kind, name = urn.split("::")[-2:]
    return f"{kind.rsplit(':', 1)[-1]} {name}"
