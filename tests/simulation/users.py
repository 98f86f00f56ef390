"""The users and other controllers, which change the objects meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from notification_domain.json_values import format_time
from tests.simulation.cluster import Cluster, ConflictError, MissingError
from tests.simulation.environment import now
from tests.simulation.record_invariants import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from tests.simulation.choices import Choices

NAMES = ("a", "b", "c")
CHANNELS = ("console", "file", "slack")
KEPT = (0.0, 0.0, 0.002, 0.4, 20.0, 600.0)
"""Seconds for which a finalizer keeps a deleted object."""


class Users:
    """Create, delete, recreate and label objects, and write a field of the status."""

    def __init__(
        self,
        cluster: Cluster,
        choices: Choices,
        *,
        log: Callable[[str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._cluster = cluster
        self._choices = choices
        self._log = log
        self._spawn = spawn
        self._foreign = 0
        self.names: Sequence[str] = NAMES

    def begin(self) -> None:
        """Create the first notifications."""
        for name in self.names[: 1 + self._choices.number(3)]:
            self.create(name)

    def delete(self) -> None:
        """Delete an object, if one of the name exists; a finalizer may keep it."""
        # One choice for both, so that each byte means the name that it always has.
        name, kept = self._choices.pick([(name, kept) for name in self.names for kept in KEPT])
        if name not in self._cluster.objects:
            return
        if not kept:
            self._log(f"{name} is deleted")
            self._cluster.delete(name)
        elif "deletionTimestamp" not in self._cluster.read(name)["metadata"]:
            self._log(f"{name} is deleted; a finalizer keeps it for {kept:g} s")
            self._cluster.hold(name, format_time(now()))
            self._spawn(self._delete_after(kept, name, self._cluster.read(name)["metadata"]["uid"]))

    async def _delete_after(self, seconds: float, name: str, uid: str) -> None:
        await asyncio.sleep(seconds)
        if name in self._cluster.objects and self._cluster.read(name)["metadata"]["uid"] == uid:
            self._log(f"{name} is gone")
            self._cluster.delete(name)

    def recreate(self) -> None:
        """Delete an object and create one, often of the same name."""
        name = self._choices.pick(self.names)
        if name in self._cluster.objects:
            self._log(f"{name} is deleted")
            self._cluster.delete(name)
        name = self._choices.pick((name, *self.names))
        if name not in self._cluster.objects:
            self.create(name)

    def label(self) -> None:
        """Change a label."""
        name = self._choices.pick(self.names)
        if name in self._cluster.objects:
            self._foreign += 1
            self._log(f"{name} gets a label")
            self._cluster.label(name, str(self._foreign))

    def write_as_foreigner(self) -> None:
        """Read, wait a moment, and write a status field of another controller."""
        name = self._choices.pick(self.names)
        if name in self._cluster.objects:
            self._spawn(self._write_after(name, self._choices.pick((0.0, 0.002, 0.4))))

    async def _write_after(self, name: str, seconds: float) -> None:
        self._foreign += 1
        value = self._foreign
        try:
            obj = self._cluster.read(name)
            await asyncio.sleep(seconds)
            obj["status"]["foreign"] = value
            self._cluster.replace_status(obj, who=FOREIGN)
        except (ConflictError, MissingError):
            return

    def create(self, name: str) -> None:
        """Create an object."""
        choices = self._choices
        spec = {
            "type": "simple",
            "priority": "medium",
            "subject": "subject",
            "body": "body",
            "channels": list(CHANNELS[: 1 + choices.number(3)]),
            "retryPolicy": {
                "maxAttempts": choices.pick((3, 1, 2, 4)),
                "initialBackoffSeconds": choices.pick((1, 3)),
                "backoffMultiplier": 2,
                "maxBackoffSeconds": 60,
            },
            **self._more_fields(),
        }
        uid = self._cluster.create(name, spec, format_time(now()))
        self._log(f"{name} is created ({uid}): {', '.join(spec['channels'])}")

    def _more_fields(self) -> dict[str, Any]:
        """Return further fields of the spec of what is created next."""
        return {}
