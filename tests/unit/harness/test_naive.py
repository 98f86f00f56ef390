"""The naive controller: correct on a fresh copy, wrong on a stale one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from atomic_status import ObjectRef
from atomic_status.testing import MemoryStore
from notification_domain.key import Key
from notification_operator.controller.request import Request, Result
from notification_runtime.delivery.channel import Transient
from tests.harness.naive.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Callable

    from atomic_status import KubeStatusStore
    from notification_runtime.delivery.http_client import HttpClient

META = {"namespace": "shop", "name": "order-1", "creationTimestamp": "2026-01-01T00:00:00Z"}
SPEC = {
    "type": "simple",
    "priority": "low",
    "subject": "s",
    "body": "b",
    "channels": ["slack"],
    "retryPolicy": {"initialBackoffSeconds": 300},
}
NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Receiver:
    """Counts requests; fails as often as configured."""

    def __init__(self, failures: int, reached: Callable[[], None]) -> None:
        self.posts, self._failures, self._reached = 0, failures, reached

    async def post(self, _content: bytes, *, headers: dict[str, str]) -> None:
        assert headers
        self._reached()
        self.posts += 1
        if self.posts <= self._failures:
            raise Transient("HTTP 503")


class Scenario:
    """One controller and one notification; `copy` is the state in the watch cache."""

    def __init__(self, *, failures: int = 0) -> None:
        self.store, self.receiver = MemoryStore(), Receiver(failures, self._note)
        self.copy: dict[str, Any] = {}
        self.at_attempts: list[dict[str, Any]] = []
        """The stored object at each attempt."""
        self._controller = Controller(
            cached=lambda _key: self.copy,
            store=cast("KubeStatusStore", self.store),
            receiver=cast("HttpClient", self.receiver),
            clock=lambda: NOW,
        )

    def create(self) -> None:
        obj = {"metadata": META, "spec": SPEC, "status": {"phase": "Pending"}}
        self.copy = self.store.create({"apiVersion": "v1", "kind": "Any", **obj})

    def stored(self) -> dict[str, Any]:
        return self.store.peek(ObjectRef(namespace="shop", name="order-1"))

    async def work(self) -> Result:
        key = Key("shop", "order-1", self.copy["metadata"]["uid"])
        return await self._controller(Request(key=key, queued_at=NOW))

    def _note(self) -> None:
        self.at_attempts.append(self.stored())


async def test_naive_controller_writes_each_change_separately() -> None:
    scenario = Scenario()
    scenario.create()

    assert (await scenario.work()).final

    assert [verb for verb, _ in scenario.store.calls] == ["PUT"] * 3
    assert scenario.stored()["status"]["phase"] == "Sent"


async def test_naive_controller_with_a_fresh_copy_respects_the_backoff() -> None:
    scenario = Scenario(failures=1)
    scenario.create()

    first = await scenario.work()
    scenario.copy = scenario.stored()
    second = await scenario.work()

    assert first.requeue_after == second.requeue_after
    assert 300 <= (first.requeue_after or 0) <= 331
    assert (scenario.receiver.posts, scenario.stored()["status"]["totalAttempts"]) == (1, 1)


async def test_naive_controller_with_a_stale_copy_resends_a_recorded_success() -> None:
    scenario = Scenario()
    scenario.create()
    await scenario.work()
    assert scenario.stored()["status"]["successfulDeliveries"] == 1

    scenario.copy = scenario.at_attempts[0]
    await scenario.work()

    assert (scenario.receiver.posts, scenario.stored()["status"]["totalAttempts"]) == (2, 1)
