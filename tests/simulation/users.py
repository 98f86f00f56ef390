"""What people and other controllers do to the objects meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from notification_operator.domain.text.timestamps import format_time
from tests.simulation.cluster import Cluster, ConflictError, MissingError
from tests.simulation.ground import START
from tests.simulation.promises import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.simulation.tape import Tape

NAMES = ("a", "b", "c")
CHANNELS = ("console", "file", "slack")


class Users:
    """Create, delete, create again under the same name, label, and write a field of the status."""

    def __init__(
        self,
        cluster: Cluster,
        tape: Tape,
        *,
        tell: Callable[[str], None],
        chore: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._cluster = cluster
        self._tape = tape
        self._tell = tell
        self._chore = chore
        self._foreign = 0

    def begin(self) -> None:
        """Create the first notifications."""
        for name in NAMES[: 1 + self._tape.number(3)]:
            self._create(name)

    def delete(self) -> None:
        """Delete one, if there is any of the name."""
        name = self._tape.pick(NAMES)
        if name in self._cluster.objects:
            self._tell(f"{name} is deleted")
            self._cluster.delete(name)

    def recreate(self) -> None:
        """Delete one, and create one; often of the same name, at the same moment."""
        name = self._tape.pick(NAMES)
        if name in self._cluster.objects:
            self._tell(f"{name} is deleted")
            self._cluster.delete(name)
        name = self._tape.pick((name, *NAMES))
        if name not in self._cluster.objects:
            self._create(name)

    def label(self) -> None:
        """Change what is no status."""
        name = self._tape.pick(NAMES)
        if name in self._cluster.objects:
            self._foreign += 1
            self._tell(f"{name} gets a label")
            self._cluster.label(name, str(self._foreign))

    def write_as_foreigner(self) -> None:
        """Read, wait a little, and write a field of another controller's."""
        name = self._tape.pick(NAMES)
        if name in self._cluster.objects:
            self._chore(self._write_after(name, self._tape.pick((0.0, 0.002, 0.4))))

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

    def _create(self, name: str) -> None:
        tape = self._tape
        spec = {
            "type": "simple",
            "priority": "medium",
            "subject": "subject",
            "body": "body",
            "channels": list(CHANNELS[: 1 + tape.number(3)]),
            "retryPolicy": {
                "maxAttempts": tape.pick((3, 1, 2, 4)),
                "initialBackoffSeconds": tape.pick((1, 3)),
                "backoffMultiplier": 2,
                "maxBackoffSeconds": 60,
            },
        }
        now = START + timedelta(seconds=asyncio.get_running_loop().time())
        uid = self._cluster.create(name, spec, format_time(now))
        self._tell(f"{name} is created ({uid}): {', '.join(spec['channels'])}")
