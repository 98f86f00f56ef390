"""Many notifications at once: created one by one or concurrently, waited for together, deleted in one request."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.harness.cluster import FINAL
from tests.harness.eventually import eventually
from tests.harness.notifications import notification

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Cluster, Object
    from tests.harness.operator_under_test import OperatorUnderTest

LABEL = "crowd"


@contextmanager
def crowd(cluster: Cluster, namespace: str) -> Iterator[Crowd]:
    """Give a crowd that is deleted at the end."""
    new_crowd = Crowd(cluster, namespace)
    try:
        yield new_crowd
    finally:
        new_crowd.purge()


class Crowd:
    """The notifications of one run; they have a label and a word in the subject in common."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.run = f"run{uuid.uuid4().hex[:8]}"
        """The word in each subject."""
        self._cluster = cluster
        self._namespace = namespace
        kind = f"/apis/kubernaut.ai/v1alpha1/namespaces/{namespace}/notificationrequests"
        self._path = f"{kind}?labelSelector={LABEL}%3D{self.run}"
        self._made = 0

    def create(self, count: int, *, threads: int = 1, **spec: Any) -> list[Object]:
        """Create notifications with these fields of the spec; a field may be a function of the number, from 0.

        Raises:
            Refused: one was rejected.
        """
        objects = [self._next(spec) for _ in range(count)]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self._cluster.create, objects))

    def seen(self) -> list[Object]:
        """Return all existing ones, in the order of their numbers."""
        items: list[Object] = self._cluster.request("GET", self._path)["items"]
        return sorted(items, key=lambda obj: int(obj["metadata"]["name"].rpartition("-")[2]))

    def all_in(self, *phases: str, within: float) -> list[Object]:
        """Wait until each one is in one of the phases, and return them."""
        eventually(
            lambda: [obj["status"]["phase"] for obj in self.seen()],
            lambda result: len(result) == self._made and set(result) <= set(phases),
            within=within,
            every=0.5,
        )
        return self.seen()

    def purge(self, *, within: float = 30.0) -> None:
        """Delete all, and wait until none is left."""
        self._cluster.text("DELETE", self._path)
        eventually(self.seen, lambda left: not left, within=within)
        self._made = 0

    def printed(self, operator: OperatorUnderTest) -> list[str]:
        """Return the console messages about them, after the log, which is delayed, has the final phase of each one."""
        start = f"{self._namespace}/{self.run}-"

        def ended() -> int:
            final = (record for record in operator.records() if record.get("phase") in FINAL)
            return sum(record["notification"].startswith(start) for record in final)

        eventually(ended, lambda count: count >= self._made, within=10, every=0.5)
        return [text for text in operator.console() if self.run in text]

    def _next(self, spec: dict[str, Any]) -> Object:
        number = self._made
        self._made += 1
        fields = {"subject": f"{self.run} number {number}", **spec}
        fields = {key: value(number) if callable(value) else value for key, value in fields.items()}
        name, labels = f"{self.run}-{number}", {LABEL: self.run}
        return notification(self._namespace, name=name, labels=labels, **fields)
