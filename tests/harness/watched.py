"""The states of notifications that a watch has shown, with their times."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from kubernetes import watch
from urllib3.exceptions import ProtocolError

from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 180
"""Seconds after which the API server ends the watch."""
FINAL = {"Sent", "PartiallySent", "Failed", "Suppressed"}


class Watched:
    """The states of one namespace's notifications, collected until `stop`."""

    def __init__(self, listing: Callable[..., Any], *where: str, version: str) -> None:
        """Watch what `listing` lists for `where`, from a resourceVersion on."""
        self._states: list[tuple[float, dict[str, Any]]] = []
        self._stream = watch.Watch()
        self._stopped = False
        self._thread = threading.Thread(target=self._collect, args=(listing, where, version), daemon=True)
        self._thread.start()

    def __call__(self, name: str) -> list[dict[str, Any]]:
        """Return the states of a notification in their order, including the final one."""
        return [state for _, state in self._of(name)]

    def latest(self, name: str) -> dict[str, Any] | None:
        """Return the last state of a notification, or None before the first."""
        result = (state for _, state in reversed(self._states) if state["metadata"]["name"] == name)
        return next(result, None)

    def lasted(self, name: str, phase: str) -> float:
        """Return for how many seconds a notification was in a phase."""
        states = self._of(name)
        begin = next(at for at, state in states if state["status"]["phase"] == phase)
        end = next(at for at, state in states if at > begin and state["status"]["phase"] != phase)
        return end - begin

    def stop(self) -> None:
        self._stopped = True
        self._stream.stop()
        self._thread.join()

    def _of(self, name: str) -> list[tuple[float, dict[str, Any]]]:
        return eventually(
            lambda: [entry for entry in self._states if entry[1]["metadata"]["name"] == name],
            lambda result: bool(result) and result[-1][1]["status"]["phase"] in FINAL,
            within=5,
        )

    def _collect(self, listing: Callable[..., Any], where: tuple[str, ...], version: str) -> None:
        try:
            for event in self._stream.stream(
                listing, *where, resource_version=version, timeout_seconds=LONGEST
            ):
                self._states.append((time.monotonic(), event["object"]))
        except ProtocolError:
            if not self._stopped:
                raise
