"""The states of notifications that a watch has shown."""

from __future__ import annotations

import threading
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
        self._states: list[dict[str, Any]] = []
        self._stream = watch.Watch()
        self._stopped = False
        self._thread = threading.Thread(target=self._collect, args=(listing, where, version), daemon=True)
        self._thread.start()

    def __call__(self, name: str) -> list[dict[str, Any]]:
        """Return the states of a notification in their order, including the final one."""
        return eventually(
            lambda: [state for state in self._states if state["metadata"]["name"] == name],
            lambda states: bool(states) and states[-1]["status"]["phase"] in FINAL,
            within=5,
        )

    def latest(self, name: str) -> dict[str, Any] | None:
        """Return the last state of a notification, or None before the first."""
        result = (state for state in reversed(self._states) if state["metadata"]["name"] == name)
        return next(result, None)

    def stop(self) -> None:
        self._stopped = True
        self._stream.stop()
        self._thread.join()

    def _collect(self, listing: Callable[..., Any], where: tuple[str, ...], version: str) -> None:
        try:
            for event in self._stream.stream(
                listing, *where, resource_version=version, timeout_seconds=LONGEST
            ):
                self._states.append(event["object"])
        except ProtocolError:
            if not self._stopped:
                raise
