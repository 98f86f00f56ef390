"""The controller of receivers' status: when it writes, who writes what, and what happens when a write fails.

Everything runs on a virtual clock and a store in memory that behaves as an API server.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
from structlog.testing import capture_logs

from atomic_status import Conflict, ObjectRef, Rejected, Unavailable
from atomic_status.testing import MemoryStore
from notification_contract import names
from notification_contract.kinds.choices import CircuitState, ReceiverTestOutcome
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.declared import declare
from notification_domain.receivers.health import UNTESTED, Health, Readiness, ReadyReason
from notification_domain.receivers.references import ReferenceReason
from notification_domain.receivers.status import ReceiverStatus, ReceiverTestResult
from notification_operator.controller import receiver_tester, receiver_views
from notification_operator.controller.receiver_tester import (
    CONCURRENT_TESTS,
    TEST_INTERVAL,
    TESTS_OF_NAMESPACE,
)
from notification_operator.controller.receivers import (
    CONCURRENT_WRITES,
    REFUSED_RETRY,
    ReceiverStatusController,
)
from notification_operator.controller.workqueue import LEFT_DIVISOR
from tests.simulation.virtual_loop import run_virtually
from tests.unit.operator.domain.builders import at
from tests.unit.operator.domain.receivers.builders import (
    HOME,
    INVALID,
    READY,
    SLACK,
    failing_at,
    healthy_at,
    stored_receiver,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
    from datetime import datetime

    from atomic_status import JsonObject
    from notification_domain.receivers.catalog import Receiver
    from notification_domain.receivers.declared import Declared

KEY = ReceiverKey("shop", "on-call")
REF = ObjectRef(namespace="shop", name="on-call")
INTERVAL = receiver_views.INTERVAL
TRANSITION = receiver_views.TRANSITION_INTERVAL
REQUESTED = "2026-03-01T12:00:05Z"
OF_NAMESPACE = CONCURRENT_WRITES - CONCURRENT_WRITES // LEFT_DIVISOR
"""Writes at the same time in one namespace."""


class SlowStore(MemoryStore):
    """A store whose calls take time, which counts the calls that run at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.hanging: set[str] = set()
        self.lost_after: float | None = None
        """Seconds after which the response of a write is lost; None: it arrives."""
        self.running = self.most = 0
        self.times: list[float] = []
        """The time of each write."""

    async def read(self, ref: ObjectRef) -> JsonObject:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(9_999 if str(ref) in self.hanging else self.seconds)
            return await super().read(ref)
        finally:
            self.running -= 1

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        self.times.append(asyncio.get_running_loop().time())
        lost_after, stored = self.lost_after, await super().replace_status(obj)
        if lost_after is not None:
            await asyncio.sleep(lost_after)
            raise Unavailable(REF, reason="injected")
        return stored


class Cluster:
    """The objects, as a replica sees them; and its knowledge of them."""

    def __init__(self, store: SlowStore, replica: str = "a") -> None:
        self.store = store
        self.known: dict[ReceiverKey, Declared] = {}
        self.owned = self.examined = True
        self.excess = ""
        self.facts: dict[ReceiverKey, Health] = {}
        self.waiting = Counter[ReceiverKey]()
        self.ready = READY
        self.tests: list[tuple[ReceiverKey, str]] = []
        self.published: list[tuple[JsonObject, JsonObject]] = []
        self.answer: Callable[[], Awaitable[ReceiverTestResult]] = succeed
        self.controller = ReceiverStatusController(
            store=store,
            receivers=self.known.keys,
            declared=self.declared,
            owns=self.may_start,
            examined=lambda _receiver: self.examined,
            endpoints=cast("Any", self),
            waiting=self.waiting.__getitem__,
            tester=cast("Any", self),
            publish=lambda before, after: self.published.append((before, after)),
            replica=replica,
            home=HOME,
            clock=now,
            spread=lambda: 0.5,
        )

    def declared(self, key: ReceiverKey) -> Declared | None:
        return self.known.get(key)

    def may_start(self, _uid: str) -> bool:
        return self.owned

    def health(self, key: ReceiverKey) -> Health:
        return self.facts.get(key, UNTESTED)

    def readiness(self, receiver: Receiver) -> Readiness:
        return replace(self.ready, generation=receiver.generation)

    async def test(self, key: ReceiverKey, requested_at: str) -> ReceiverTestResult:
        self.tests.append((key, requested_at))
        return await self.answer()

    def see(self, key: ReceiverKey = KEY) -> None:
        """Let the event of an object arrive."""
        obj = self.store.objects.get(str(key))
        if obj is None:
            self.known.pop(key, None)
        else:
            self.known[key] = declare(obj, self.known.get(key), home=HOME, excess=self.excess)
        self.controller.note(key)

    def set(self, health: Health, key: ReceiverKey = KEY) -> None:
        """Let an attempt end."""
        self.facts[key] = health
        self.controller.note(key)

    def wait(self, messages: int, key: ReceiverKey = KEY) -> None:
        """Let so many messages wait."""
        self.waiting[key] = messages
        self.controller.note(key)

    def ask_for_test(self, requested_at: str = REQUESTED) -> None:
        """Write the annotation, as the command line does."""
        meta = self.store.objects[str(KEY)]["metadata"]
        meta["annotations"] = {names.TEST_ANNOTATION: requested_at}
        self.store.write_as_other(REF)
        self.see()

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.controller.run())
        try:
            yield
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def second_replica(cluster: Cluster, name: str = "b") -> AsyncIterator[Cluster]:
    """Run another replica, which owns no receiver."""
    other = Cluster(cluster.store, name)
    other.owned = False
    async with other.at_work():
        other.see()
        yield other


async def succeed() -> ReceiverTestResult:
    return ReceiverTestResult(outcome=ReceiverTestOutcome.SUCCEEDED, message="accepted")


def now() -> datetime:
    return at(asyncio.get_running_loop().time())


def on_virtual_clock(scenario: Callable[[Cluster], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Return a test that runs a scenario with one receiver that the controller knows and has written."""

    def test() -> None:
        async def run() -> None:
            cluster = Cluster(SlowStore())
            cluster.store.create(stored_receiver())
            async with cluster.at_work():
                cluster.see()
                await sleep()
                await scenario(cluster)

        run_virtually(run())

    test.__name__ = scenario.__name__
    return test


async def sleep(seconds: float = 0.01) -> None:
    """Let time pass."""
    await asyncio.sleep(seconds)


def status(cluster: Cluster) -> dict[str, Any]:
    current: dict[str, Any] = cluster.store.peek(REF)["status"]
    return current


def condition(cluster: Cluster, name: str) -> tuple[str, str]:
    (each,) = [each for each in status(cluster)["conditions"] if each["type"] == name]
    return each["status"], each["reason"]


def puts(cluster: Cluster) -> int:
    return sum(verb == "PUT" for verb, _ in cluster.store.calls)


@on_virtual_clock
async def test_new_receiver_is_written_at_once_with_one_read_and_one_write(cluster: Cluster) -> None:
    assert cluster.store.calls == [("GET", "shop/on-call"), ("PUT", "shop/on-call")]
    assert condition(cluster, "Ready") == ("True", "Accepted")
    assert condition(cluster, "ResolvedRefs") == ("True", "SecretFound")
    assert condition(cluster, "Healthy") == ("Unknown", "Untested")


@on_virtual_clock
async def test_nothing_new_is_neither_read_nor_written(cluster: Cluster) -> None:
    for _ in range(9):
        cluster.see()
        cluster.controller.note_all()
        await sleep(INTERVAL)
    assert len(cluster.store.calls) == 2


@on_virtual_clock
async def test_change_of_other_shards_asks_no_receiver_what_it_lacks(cluster: Cluster) -> None:
    cluster.ready = None  # type: ignore[assignment]  # the question fails
    with capture_logs() as logs:
        cluster.controller.note_all()
        await sleep(INTERVAL)
    assert (logs, len(cluster.store.calls)) == ([], 2)


@on_virtual_clock
async def test_restarted_process_reads_once_and_writes_nothing(cluster: Cluster) -> None:
    restarted = Cluster(cluster.store, "b")
    async with restarted.at_work():
        restarted.see()
        await sleep(INTERVAL)
    assert cluster.store.calls[2:] == [("GET", "shop/on-call")]


@on_virtual_clock
async def test_transition_of_healthy_is_written_at_once(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    for health in (
        healthy_at(1),
        failing_at(2, circuit=CircuitState.OPEN, last_success=at(1)),
        failing_at(3, problem="Gone"),
    ):
        cluster.set(health)
        await sleep()
        assert status(cluster)["replicas"][0].get("problem", "") == health.problem
        assert status(cluster)["lastAttemptTime"].startswith("2026-03-01T12:00:0")
        await sleep(TRANSITION)
    assert puts(cluster) == 4


@on_virtual_clock
async def test_each_write_is_published_as_it_was_and_as_it_is(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.set(failing_at(2, problem="Gone"))
    await sleep()
    (_, created), (before, after) = cluster.published
    assert before == created
    assert after == cluster.store.objects["shop/on-call"]
    reasons = [ReceiverStatus.parse(each).condition("Healthy") for each in (before, after)]
    assert [each and each.reason for each in reasons] == ["Untested", "Gone"]


@on_virtual_clock
async def test_change_without_a_transition_is_written_every_thirty_seconds(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.set(healthy_at(1))
    await sleep()
    began = len(cluster.store.times)
    for second in range(100):
        cluster.set(healthy_at(2 + second))
        await asyncio.sleep(1)
    spread = INTERVAL * (1 + receiver_views.SPREAD / 2)
    first, *later = cluster.store.times[began - 1 :]
    gaps = [time - before for before, time in zip([first, *later], later, strict=False)]
    assert gaps == pytest.approx([spread] * 3, abs=0.1)


@on_virtual_clock
async def test_changes_during_a_write_wait_as_long_as_others(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.seconds = 0.1
    for step in range(1000):
        cluster.set(healthy_at(1 + step / 10))
        await asyncio.sleep(0.1)
    spread = INTERVAL * (1 + receiver_views.SPREAD / 2)
    gaps = [time - before for before, time in pairwise(cluster.store.times[1:])]
    assert gaps == pytest.approx([spread] * 3, abs=0.2)


@on_virtual_clock
async def test_transition_during_a_write_is_written_a_second_later(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.seconds = 0.1
    cluster.set(healthy_at(1))
    await asyncio.sleep(0.05)
    cluster.set(failing_at(2, problem="Gone"))
    await sleep(2 * TRANSITION)
    assert condition(cluster, "Healthy") == ("False", "Gone")
    first, second = cluster.store.times[1:]
    assert second - first >= TRANSITION


@on_virtual_clock
async def test_note_during_a_write_that_holds_it_causes_no_read(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.seconds = 0.1
    cluster.set(healthy_at(1))
    await asyncio.sleep(0.05)
    cluster.controller.note(KEY)
    await sleep(INTERVAL)
    assert len(cluster.store.calls) == 4


@on_virtual_clock
async def test_write_whose_answer_is_lost_does_not_hide_the_next_change(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.fail_next("PUT", Unavailable(REF, reason="timed out"), applied=True)
    cluster.set(failing_at(1, problem="Gone"))
    await asyncio.sleep(0.001)
    cluster.set(UNTESTED)
    await sleep(2 * TRANSITION)
    assert "problem" not in status(cluster)["replicas"][0]
    assert status(cluster)["consecutiveFailures"] == 0


@on_virtual_clock
async def test_failed_read_leaves_the_pace_of_what_was_written(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.set(healthy_at(1))
    await sleep(TRANSITION)
    for _ in range(3):
        cluster.store.fail_next("GET", Unavailable(REF, reason="injected"))
    cluster.set(failing_at(2, problem="Gone"))
    await asyncio.sleep(0.001)
    cluster.set(healthy_at(3))
    await sleep(2 * INTERVAL)
    (_, first, second) = cluster.store.times
    assert second - first >= INTERVAL


async def pace_of_a_new_receiver_stays(cluster: Cluster) -> None:
    """Replace the receiver, and check that the write that still runs for the earlier one changes nothing."""
    cluster.store.delete(REF)
    cluster.store.create(stored_receiver(uid="uid-2"))
    cluster.see()
    await asyncio.sleep(0.1)
    paces = cluster.controller._written  # noqa: SLF001 - no call shows a pace before the next change
    pace = paces[KEY]
    await sleep(TRANSITION)
    assert paces[KEY] is pace


@on_virtual_clock
async def test_end_of_an_earlier_receivers_write_leaves_the_pace_of_the_new_one(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.seconds = 0.5
    cluster.set(healthy_at(1))
    await asyncio.sleep(0.1)
    cluster.store.seconds = 0.0
    await pace_of_a_new_receiver_stays(cluster)


@on_virtual_clock
async def test_lost_response_of_an_earlier_receivers_write_leaves_the_pace(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.lost_after = 0.5
    cluster.set(healthy_at(1))
    await asyncio.sleep(0.1)
    cluster.store.lost_after = None
    await pace_of_a_new_receiver_stays(cluster)


def test_status_says_nothing_before_the_secrets_were_looked_for() -> None:
    async def scenario() -> None:
        cluster = Cluster(SlowStore())
        cluster.store.create(stored_receiver())
        cluster.ready = replace(READY, references=ReferenceReason.PENDING)
        async with cluster.at_work():
            cluster.see()
            await sleep(INTERVAL)
            assert cluster.store.calls == []
            cluster.ready = READY
            cluster.controller.note(KEY)
            await sleep()
            assert cluster.store.calls == [("GET", "shop/on-call"), ("PUT", "shop/on-call")]
            assert condition(cluster, "Ready") == ("True", "Accepted")

    run_virtually(scenario())


@on_virtual_clock
async def test_breaker_that_opens_and_closes_in_turn_writes_once_per_second(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    began = puts(cluster)
    for step in range(100):
        seconds = 2 + step / 10
        opened = failing_at(seconds, circuit=CircuitState.OPEN, last_success=at(1))
        cluster.set(opened if step % 2 else healthy_at(seconds))
        await asyncio.sleep(0.1)
    assert 8 <= puts(cluster) - began <= 11


@on_virtual_clock
async def test_changed_spec_is_written_at_once(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.write_spec(REF, INVALID)
    cluster.see()
    await sleep()
    assert condition(cluster, "Ready") == ("False", "Invalid")
    assert status(cluster)["observedGeneration"] == 2
    cluster.store.write_spec(REF, {**SLACK, "suspend": True})
    cluster.see()
    await sleep(TRANSITION)
    assert condition(cluster, "Ready") == ("True", "Accepted")
    assert condition(cluster, "Healthy") == ("False", "Suspended")


@on_virtual_clock
async def test_missing_secret_and_its_return_are_written_at_once(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.ready = replace(READY, references=ReferenceReason.NOT_FOUND, secret_version="")
    cluster.controller.note(KEY)
    await sleep()
    assert condition(cluster, "ResolvedRefs") == ("False", "SecretNotFound")
    await sleep(TRANSITION)
    cluster.ready = replace(READY, secret_version="hook=8")
    cluster.controller.note(KEY)
    await sleep()
    assert condition(cluster, "ResolvedRefs") == ("True", "SecretFound")
    assert status(cluster)["secretVersion"] == "hook=8"


@on_virtual_clock
async def test_changed_message_of_a_condition_is_written_with_the_next_write(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.ready = replace(READY, references_message="another")
    cluster.controller.note(KEY)
    await sleep(TRANSITION)
    assert puts(cluster) == 1
    await sleep(INTERVAL * (1 + receiver_views.SPREAD))
    assert puts(cluster) == 2


@on_virtual_clock
async def test_other_replica_writes_its_own_entry_and_only_when_it_has_one(cluster: Cluster) -> None:
    async with second_replica(cluster) as other:
        await sleep()
        assert len(cluster.store.calls) == 2
        other.set(healthy_at(0))
        await sleep()
        before = status(cluster)
        assert [each["name"] for each in before["replicas"]] == ["b"]
        assert condition(cluster, "Healthy") == ("True", "Delivering")
        other.ready = replace(READY, reason=ReadyReason.TEMPLATE_INVALID)
        other.ask_for_test()
        await sleep(TRANSITION)
        assert (status(cluster), other.tests) == (before, [])


@on_virtual_clock
async def test_new_owner_writes_what_only_the_owner_knows(cluster: Cluster) -> None:
    other = Cluster(cluster.store, "b")
    other.owned = False
    other.ready = replace(READY, reason=ReadyReason.TEMPLATE_INVALID)
    async with other.at_work():
        other.see()
        await sleep()
        cluster.owned, other.owned = False, True
        for each in (cluster, other):
            each.controller.note_all()
        await sleep()
    assert condition(cluster, "Ready") == ("False", "TemplateInvalid")


@on_virtual_clock
async def test_former_owner_reads_nothing_until_it_is_the_owner_again(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.owned = False
    cluster.controller.note_all()
    await sleep(INTERVAL)
    assert len(cluster.store.calls) == 2
    cluster.store.write_as_other(REF, conditions=[], secretVersion="of another owner")
    cluster.owned = True
    cluster.controller.note_all()
    await sleep()
    assert condition(cluster, "Ready") == ("True", "Accepted")
    assert status(cluster)["secretVersion"] == "hook=7"


@on_virtual_clock
async def test_ownership_lost_while_a_write_waits_ends_it(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.ready = replace(READY, secret_version="hook=8")
    cluster.controller.note(KEY)
    cluster.owned = False
    await sleep(INTERVAL)
    assert len(cluster.store.calls) == 2


@on_virtual_clock
async def test_conflict_is_resolved_on_a_fresh_read(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.interfere_next(lambda: cluster.store.write_as_other(REF, foreign=1))
    cluster.set(healthy_at(1))
    await sleep(TRANSITION)
    assert status(cluster)["foreign"] == 1
    assert condition(cluster, "Healthy") == ("True", "Delivering")


@on_virtual_clock
async def test_failed_write_is_repeated_with_a_growing_capped_delay(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    for _ in range(14):
        cluster.store.fail_next("GET", Unavailable(REF, reason="injected"))
    began, attempts = asyncio.get_running_loop().time(), len(cluster.store.calls)
    with capture_logs() as logs:
        cluster.set(healthy_at(1))
        # Changes in the meantime do not shorten the delay.
        for second in range(200):
            cluster.set(healthy_at(2 + second))
            await asyncio.sleep(1)
    assert condition(cluster, "Healthy") == ("True", "Delivering")
    assert 14 < len(cluster.store.calls) - attempts < 22
    assert asyncio.get_running_loop().time() - began > 199
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == [
        "receiver status not written; retrying"
    ]


@on_virtual_clock
async def test_delay_that_the_api_server_asks_for_is_kept(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.fail_next("PUT", Unavailable(REF, reason="injected", retry_after=7))
    cluster.set(healthy_at(1))
    await sleep(6.9)
    assert puts(cluster) == 2
    await sleep(0.2)
    assert puts(cluster) == 3


@on_virtual_clock
async def test_lost_response_of_a_write_costs_one_more_read(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.fail_next("PUT", Unavailable(REF, reason="injected"), applied=True)
    cluster.set(healthy_at(1))
    await sleep(TRANSITION)
    assert [verb for verb, _ in cluster.store.calls[2:]] == ["GET", "PUT", "GET"]


@on_virtual_clock
async def test_refused_write_is_repeated_after_minutes_whatever_changes(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.fail_next("PUT", Rejected(REF, code=403, reason="injected"))
    for second in range(1, int(REFUSED_RETRY)):
        cluster.set(healthy_at(second))
        await asyncio.sleep(1)
    assert puts(cluster) == 2
    await sleep(2)
    assert puts(cluster) == 3


@on_virtual_clock
async def test_first_write_that_is_refused_is_not_repeated_with_each_change(cluster: Cluster) -> None:
    other = ReceiverKey("shop", "other")
    cluster.store.create(stored_receiver("other"))
    cluster.store.fail_next("PUT", Rejected(REF, code=403, reason="injected"))
    cluster.see(other)
    for second in range(1, 100):
        cluster.set(healthy_at(second), other)
        await asyncio.sleep(1)
    assert cluster.store.calls[2:] == [("GET", "shop/other"), ("PUT", "shop/other")]


@on_virtual_clock
async def test_receivers_that_hang_delay_the_others_only_by_their_places(cluster: Cluster) -> None:
    others = [ReceiverKey("shop", f"r{number}") for number in range(20)]
    hanging = others[: OF_NAMESPACE - 1]
    for key in others:
        cluster.store.create(stored_receiver(key.name))
    cluster.store.hanging = {str(key) for key in hanging}
    cluster.store.seconds = 0.1
    for key in others:
        cluster.see(key)
    await sleep(5)
    assert cluster.store.most == OF_NAMESPACE
    written = {name for verb, name in cluster.store.calls if verb == "PUT"}
    assert written == {"shop/on-call", *map(str, others)} - cluster.store.hanging


@on_virtual_clock
async def test_failure_of_one_receiver_does_not_reach_another(cluster: Cluster) -> None:
    other = ReceiverKey("shop", "other")
    cluster.store.create(stored_receiver("other"))
    await sleep(TRANSITION)
    cluster.store.fail_next("GET", Conflict(REF))
    cluster.set(healthy_at(1))
    cluster.see(other)
    await sleep(TRANSITION)
    assert {name for verb, name in cluster.store.calls[2:] if verb == "PUT"} == {"shop/on-call", "shop/other"}


@on_virtual_clock
async def test_deleted_receiver_is_forgotten(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.set(healthy_at(1))
    await sleep()
    cluster.set(healthy_at(2))
    cluster.store.delete(REF)
    cluster.see()
    calls = len(cluster.store.calls)
    await sleep(2 * INTERVAL)
    assert len(cluster.store.calls) == calls
    assert cluster.controller.keys == frozenset()


@on_virtual_clock
async def test_receiver_that_is_gone_before_its_event_is_forgotten(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.delete(REF)
    cluster.set(healthy_at(1))
    await sleep()
    assert cluster.controller.keys == frozenset()


@on_virtual_clock
async def test_receiver_that_is_gone_while_it_waits_is_neither_read_nor_kept(cluster: Cluster) -> None:
    other = ReceiverKey("shop", "other")
    cluster.store.create(stored_receiver("other"))
    cluster.see(other)
    del cluster.known[other]
    await sleep()
    assert len(cluster.store.calls) == 2
    assert {key.name for key in cluster.controller.keys} == {KEY.name}


@on_virtual_clock
async def test_recreated_receiver_is_another_one(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.store.delete(REF)
    cluster.store.create(stored_receiver(uid="uid-2"))
    cluster.see()
    await sleep()
    assert condition(cluster, "Ready") == ("True", "Accepted")
    assert {key.uid for key in cluster.controller.keys} == {"uid-2"}


@on_virtual_clock
async def test_requested_test_is_sent_once_and_its_result_recorded(cluster: Cluster) -> None:
    cluster.ask_for_test()
    await sleep(TRANSITION)
    assert cluster.tests == [(KEY, REQUESTED)]
    assert status(cluster)["lastTest"] == {
        "requestedAt": REQUESTED,
        "outcome": "Succeeded",
        "message": "accepted",
    }
    cluster.see()
    cluster.controller.note_all()
    await sleep(2 * INTERVAL)
    assert len(cluster.tests) == 1


@on_virtual_clock
async def test_older_request_is_not_sent(cluster: Cluster) -> None:
    await sleep(10)
    cluster.ask_for_test()
    await sleep(2 * TRANSITION)
    cluster.ask_for_test("2026-03-01T12:00:04Z")
    await sleep(TRANSITION)
    assert len(cluster.tests) == 1


@on_virtual_clock
async def test_request_that_was_open_at_the_start_is_sent(cluster: Cluster) -> None:
    cluster.owned = False
    cluster.ask_for_test()
    restarted = Cluster(cluster.store, "b")
    async with restarted.at_work():
        restarted.see()
        await sleep(TRANSITION)
    assert restarted.tests == [(KEY, REQUESTED)]
    assert status(cluster)["lastTest"]["requestedAt"] == REQUESTED


@on_virtual_clock
async def test_process_that_ends_before_the_record_leaves_the_test_to_the_next(cluster: Cluster) -> None:
    crashed, successor = Cluster(cluster.store, "b"), Cluster(cluster.store, "c")
    cluster.owned = False
    async with crashed.at_work():
        crashed.ask_for_test()
        await sleep(0)
        crashed.answer = asyncio.Event().wait  # type: ignore[assignment]  # never answers
        await sleep()
    assert "lastTest" not in status(cluster)
    async with successor.at_work():
        successor.see()
        await sleep(TRANSITION)
    assert crashed.tests == successor.tests == [(KEY, REQUESTED)]
    assert status(cluster)["lastTest"]["outcome"] == "Succeeded"


@on_virtual_clock
async def test_newer_request_during_a_test_is_sent_after_it(cluster: Cluster) -> None:
    release = asyncio.Event()

    async def slowly() -> ReceiverTestResult:
        await release.wait()
        return await succeed()

    cluster.answer = slowly
    cluster.ask_for_test()
    await sleep(TRANSITION)
    later = "2026-03-01T12:00:09Z"
    cluster.ask_for_test(later)
    await sleep(TRANSITION)
    assert cluster.tests == [(KEY, REQUESTED)]
    release.set()
    await sleep(TEST_INTERVAL - 5 * TRANSITION)
    assert cluster.tests == [(KEY, REQUESTED)], "a receiver is tested once a minute"
    await sleep(10 * TRANSITION)
    assert cluster.tests == [(KEY, REQUESTED), (KEY, later)]
    assert status(cluster)["lastTest"]["requestedAt"] == later


@on_virtual_clock
async def test_result_that_comes_during_a_write_is_recorded_by_the_next(cluster: Cluster) -> None:
    async def slowly() -> ReceiverTestResult:
        await sleep(2 * TRANSITION)
        return await succeed()

    cluster.answer = slowly
    await sleep(TRANSITION)
    cluster.ask_for_test()
    await sleep()
    cluster.store.seconds = 2 * TRANSITION
    cluster.set(healthy_at(1))
    await sleep(10 * TRANSITION)
    assert status(cluster)["lastTest"]["outcome"] == "Succeeded"
    assert len(cluster.tests) == 1


@on_virtual_clock
async def test_latest_of_several_requests_in_a_minute_is_sent(cluster: Cluster) -> None:
    for second in (5, 6, 7):
        cluster.ask_for_test(f"2026-03-01T12:00:0{second}Z")
        await sleep(5 * TRANSITION)
    await sleep(3 * TEST_INTERVAL)
    assert cluster.tests == [(KEY, REQUESTED), (KEY, "2026-03-01T12:00:07Z")]


@on_virtual_clock
async def test_tests_that_run_at_once_are_bounded_in_all_and_by_namespace(cluster: Cluster) -> None:
    released = asyncio.Event()

    async def when_released() -> ReceiverTestResult:
        await released.wait()
        return await succeed()

    cluster.answer = when_released
    namespaces = CONCURRENT_TESTS // TESTS_OF_NAMESPACE
    many = [
        ReceiverKey(f"greedy-{namespace}", f"r{number}")
        for number in range(10)
        for namespace in range(namespaces)
    ]

    async def ask(keys: Iterable[ReceiverKey]) -> None:
        for key in keys:
            cluster.store.create(stored_receiver(namespace=key.namespace, name=key.name, test=REQUESTED))
            cluster.see(key)
            await sleep(TRANSITION)

    await ask(key for key in many if key.namespace == "greedy-0")
    assert len(cluster.tests) == TESTS_OF_NAMESPACE
    await ask(key for key in many if key.namespace != "greedy-0")
    assert len(cluster.tests) == CONCURRENT_TESTS
    await ask([ReceiverKey("other", "r")])
    assert len(cluster.tests) == CONCURRENT_TESTS
    released.set()
    await sleep(5 * TRANSITION)
    assert ReceiverKey("other", "r") in [key for key, _ in cluster.tests[: CONCURRENT_TESTS + namespaces + 1]]
    assert len(cluster.tests) == len(many) + 1


async def succeed_after_a_second() -> ReceiverTestResult:
    await asyncio.sleep(1)
    return await succeed()


@on_virtual_clock
async def test_tests_that_hang_delay_no_status(cluster: Cluster) -> None:
    cluster.answer = asyncio.Event().wait  # type: ignore[assignment]  # never answers
    others = [ReceiverKey(f"shop-{number}", "r") for number in range(2 * CONCURRENT_WRITES)]
    for key in others:
        cluster.store.create(stored_receiver(key.name, namespace=key.namespace, test=REQUESTED))
        cluster.see(key)
    await sleep(TRANSITION)
    assert len(cluster.tests) == len(others)
    cluster.set(healthy_at(1))
    await sleep()
    assert condition(cluster, "Healthy") == ("True", "Delivering")
    await sleep(receiver_tester.TEST_SECONDS)
    last = cluster.store.peek(ObjectRef(namespace="shop-0", name="r"))["status"]["lastTest"]
    assert last == {"requestedAt": REQUESTED, "outcome": "Failed", "message": "no result within 180 s"}


@on_virtual_clock
async def test_unexpected_error_of_a_test_is_its_result(cluster: Cluster) -> None:
    async def fail() -> ReceiverTestResult:
        raise ValueError("odd password=hunter2-hunter2")

    cluster.answer = fail
    cluster.ask_for_test()
    await sleep(TRANSITION)
    assert status(cluster)["lastTest"]["outcome"] == "Failed"
    assert status(cluster)["lastTest"]["message"].startswith("odd")
    assert "hunter2" not in status(cluster)["lastTest"]["message"]


@on_virtual_clock
async def test_request_that_is_no_time_is_answered_without_a_test(cluster: Cluster) -> None:
    cluster.ask_for_test("now")
    await sleep(TRANSITION)
    assert cluster.tests == []
    assert status(cluster)["lastTest"] == {
        "requestedAt": "now",
        "outcome": "Failed",
        "message": "kubernaut.ai/test-requested-at is not a time such as 2026-03-01T12:00:00Z",
    }


@on_virtual_clock
async def test_lost_ownership_ends_the_test(cluster: Cluster) -> None:
    ended = list[str]()

    async def slowly() -> ReceiverTestResult:
        await sleep(3 * TRANSITION)
        ended.append("sent")
        return await succeed()

    cluster.answer = slowly
    await sleep(TRANSITION)
    cluster.ask_for_test()
    await sleep(TRANSITION / 2)
    assert len(cluster.tests) == 1
    cluster.owned = False
    cluster.set(healthy_at(1))
    await sleep(5 * TRANSITION)
    assert len(cluster.tests) == 1
    assert ended == []
    assert "lastTest" not in status(cluster)


@on_virtual_clock
async def test_deleted_receiver_ends_its_test(cluster: Cluster) -> None:
    cluster.answer = succeed_after_a_second
    await sleep(TRANSITION)
    cluster.ask_for_test()
    await sleep(TRANSITION / 2)
    assert len(cluster.tests) == 1
    cluster.store.delete(REF)
    cluster.see()
    calls = len(cluster.store.calls)
    await sleep(5 * TRANSITION)
    assert len(cluster.store.calls) == calls


@on_virtual_clock
async def test_fault_of_a_source_does_not_reach_the_caller(cluster: Cluster) -> None:
    cluster.facts = None  # type: ignore[assignment]  # every question fails
    with capture_logs() as logs:
        cluster.controller.note(KEY)
    assert [line["event"] for line in logs] == ["change of receiver not noted"]
    cluster.facts = {}


@on_virtual_clock
async def test_status_says_nothing_before_it_is_known_what_the_receiver_lacks(cluster: Cluster) -> None:
    before = cluster.store.peek(REF)
    cluster.examined, cluster.ready = False, replace(READY, references=ReferenceReason.NOT_FOUND)
    cluster.controller.note(KEY)
    await sleep(TRANSITION + 1)
    assert cluster.store.peek(REF) == before
    cluster.examined = True
    await sleep(TRANSITION + 1)
    assert condition(cluster, "ResolvedRefs") == ("False", "SecretNotFound")


@on_virtual_clock
async def test_one_receiver_too_many_says_so_until_it_moves_up(cluster: Cluster) -> None:
    await sleep(TRANSITION)
    cluster.excess = "too many receivers: namespace shop has 3"
    cluster.see()
    await sleep(TRANSITION)
    assert condition(cluster, "Ready") == ("False", "TooMany")
    (ready,) = [each for each in status(cluster)["conditions"] if each["type"] == "Ready"]
    assert ready["message"] == cluster.excess
    cluster.ask_for_test()
    await sleep(2 * TRANSITION)
    assert (len(cluster.tests), status(cluster)["lastTest"]["requestedAt"]) == (1, REQUESTED)
    cluster.excess = ""
    cluster.see()
    await sleep(TRANSITION)
    assert condition(cluster, "Ready") == ("True", "Accepted")


@on_virtual_clock
async def test_number_of_waiting_messages_is_written_once_a_minute_at_most(cluster: Cluster) -> None:
    await sleep(receiver_views.COUNT_INTERVAL * 2)
    cluster.store.times.clear()
    for number in range(300):
        cluster.wait(number + 1)
        await sleep(1.0)
    assert 4 <= len(cluster.store.times) <= 6
    assert (
        min(later - earlier for earlier, later in pairwise(cluster.store.times))
        >= receiver_views.COUNT_INTERVAL
    )
    await sleep(receiver_views.COUNT_INTERVAL * 2)
    assert (status(cluster)["waiting"], status(cluster)["replicas"][0]["waiting"]) == (300, 300)
    cluster.wait(0)
    await sleep(receiver_views.COUNT_INTERVAL * 2)
    assert status(cluster)["waiting"] == 0


@on_virtual_clock
async def test_replica_that_owns_no_receiver_says_whether_its_messages_wait(
    cluster: Cluster,
) -> None:
    async with second_replica(cluster) as other:
        other.wait(2)
        cluster.wait(3)
        await sleep(receiver_views.COUNT_INTERVAL * 2)
        assert status(cluster)["waiting"] == 5
        other.wait(0)
        await sleep(receiver_views.COUNT_INTERVAL * 2)
        assert status(cluster)["waiting"] == 3


@on_virtual_clock
async def test_messages_that_wait_for_long_count_as_long_as_their_replica_runs(cluster: Cluster) -> None:
    async with second_replica(cluster) as other:
        other.wait(2)
        await sleep(3600.0)
        cluster.set(healthy_at(3600))
        await sleep(INTERVAL * 2)
        assert status(cluster)["waiting"] == 2
        assert len(cluster.store.times) <= 2 + 3600 / receiver_views.REFRESH + 2
    await sleep(900.0)
    assert status(cluster)["waiting"] == 0, "the replica has ended"


@on_virtual_clock
async def test_open_circuit_of_a_replica_that_has_ended_is_not_reported_for_ever(cluster: Cluster) -> None:
    async with second_replica(cluster) as other:
        other.set(Health(last_attempt=now(), consecutive_failures=5, circuit=CircuitState.OPEN))
        await sleep(INTERVAL * 2)
        assert condition(cluster, "Healthy") == ("False", "CircuitOpen")
    cluster.set(healthy_at(100))
    await sleep(900.0)
    assert condition(cluster, "Healthy") == ("True", "Delivering")
    assert [each["name"] for each in status(cluster)["replicas"]] == ["a"]


@on_virtual_clock
async def test_replicas_that_ended_one_after_another_cost_no_write_each(cluster: Cluster) -> None:
    for number in range(4):
        async with second_replica(cluster, f"b-{number}") as other:
            other.set(healthy_at(asyncio.get_running_loop().time()))
            await sleep(INTERVAL / 4)
    cluster.set(healthy_at(asyncio.get_running_loop().time()))
    await sleep(INTERVAL * 2)
    assert len(status(cluster)["replicas"]) == 5
    cluster.store.times.clear()
    await sleep(900.0)
    assert [each["name"] for each in status(cluster)["replicas"]] == ["a"]
    gaps = [later - earlier for earlier, later in pairwise(cluster.store.times)]
    assert all(gap >= INTERVAL for gap in gaps), gaps
