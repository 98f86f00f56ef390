"""Notifications of one incident, through the composition that ships."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from atomic_status import ObjectRef
from notification_runtime.kube.requests import KubeError
from tests.simulation.null_ports import NoObjects
from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture, Stub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from notification_domain.key import Key


class Incident(ReconcilerFixture):
    """Notifications of one incident."""

    def __init__(self, *channels: Stub, **options: Any) -> None:
        self._age = 0.0
        self.listings: Counter[str] = Counter()
        self.failing = False
        self.listing_seconds = 0.0
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens during a listing."""
        super().__init__(
            dict(zip(("slack", "console"), channels, strict=False)),
            objects=Listed(self),
            dedupKey="disk",
            **options,
        )

    def tell(self, name: str, event: str, *, age: float = 0.0, **more: Any) -> Key:
        """Create an event of this age, in seconds."""
        self._age, self._spec = age, self._spec | {"event": event} | more
        return self.create(name)

    @property
    def created(self) -> datetime:
        """The creation time of what is created next."""
        return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=self._age)

    def of(self, name: str) -> dict[str, Any]:
        """Return the status of a notification."""
        status: dict[str, Any] = self.store.peek(ObjectRef(namespace="shop", name=name))["status"]
        return status

    def states(self, name: str) -> dict[str, str]:
        """Return the state of each target, or why it is suppressed."""
        return {each["name"]: each.get("suppressedBy", each["state"]) for each in self.of(name)["targets"]}


class Listed(NoObjects):
    """Lists what the store of a test holds."""

    def __init__(self, incident: Incident) -> None:
        self._incident = incident

    async def of_incident(
        self, namespace: str, dedup_key: str, version: str
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Yield all notifications of the incident in one page."""
        del version
        self._incident.listings[f"{namespace}/{dedup_key}"] += 1
        self._incident.meanwhile()
        await asyncio.sleep(self._incident.listing_seconds)
        if self._incident.failing:
            raise KubeError(status=503, reason="overloaded")
        yield [
            each
            for each in self._incident.store.objects.values()
            if each["spec"].get("dedupKey") == dedup_key
        ]
