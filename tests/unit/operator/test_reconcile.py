"""One pass, with real floors around it: what it costs, and what it never does twice."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from atomic_status import ObjectRef, Unavailable
from atomic_status.testing import MemoryStore
from notification_operator.announce.announcer import Announcer, Listener, Transition
from notification_operator.announce.figures import Figures
from notification_operator.announce.log_lines import LogLines
from notification_operator.delivery.breaker import Breakers
from notification_operator.delivery.contract import Message, Permanent, Transient
from notification_operator.delivery.dispatch import Dispatcher
from notification_operator.delivery.ledger import Ledger
from notification_operator.domain.breaker import Limits
from notification_operator.domain.model import Phase
from notification_operator.domain.routing_document import read_table
from notification_operator.domain.routing_state import RoutingState
from notification_operator.metrics import Metrics
from notification_operator.reconcile import Reconciler
from notification_operator.sanitizer import Sanitizer
from notification_operator.workqueue import Done, Key

VISIBLE_AFTER = 0.05


STEADY = Limits(failure_threshold=10_000)


def now() -> datetime:
    return datetime.now(UTC)


class Stub:
    """A channel that takes its time and then does what its script says, call by call."""

    def __init__(self, *errors: Exception | None, seconds: float = 0.0) -> None:
        self.errors = list(errors)
        self.seconds = seconds
        self.calls: list[str] = []

    async def deliver(self, message: Message) -> None:
        self.calls.append(message.id)
        await asyncio.sleep(self.seconds)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


class Bench:
    """A reconciler, its store with one notification, and its channels."""

    def __init__(
        self,
        channels: dict[str, Stub],
        listeners: Sequence[Listener] = (),
        limits: Limits = STEADY,
        *,
        routed: bool = False,
        **spec: Any,
    ) -> None:
        self.store, self.ledger, self.metrics = MemoryStore(), Ledger(), Metrics()
        self.rules = RoutingState()
        figures, sanitizer = Figures(self.metrics), Sanitizer(count=self.metrics.redacted)
        fields = {
            "type": "simple",
            "priority": "low",
            "subject": "s",
            "body": "b",
            "channels": [] if routed else list(channels),
        }
        meta = {"namespace": "shop", "name": "order-1", "creationTimestamp": "2026-01-01T00:00:00Z"}
        made = self.store.create(
            {
                "apiVersion": "kubernaut.ai/v1alpha1",
                "kind": "NotificationRequest",
                "metadata": meta,
                "spec": {**fields, **spec},
                "status": {"phase": "Pending"},
            }
        )
        self.key = Key("shop", "order-1", made["metadata"]["uid"])
        self.ref = ObjectRef(namespace="shop", name="order-1")
        self.rung: list[Key] = []
        self.waits = 0
        """How often a pass has waited without a worker."""
        self.begins = True
        self._bell = asyncio.Event()
        self.reconciler = Reconciler(
            store=self.store,
            ledger=self.ledger,
            dispatcher=Dispatcher(
                channels,
                breakers=Breakers(limits, clock=now),
                timeout=5,
                concurrency=8,
                clock=now,
                mask=sanitizer.text,
            ),
            rules=lambda: self.rules,
            announcer=Announcer(*listeners, figures, LogLines()),
            figures=figures,
            sanitizer=sanitizer,
            ring=self._ring,
            begins=lambda _uid: self.begins,
            aside=self._aside,
            clock=now,
            visible_after=VISIBLE_AFTER,
        )

    def interfere(self, note: str) -> None:
        self.store.interfere_next(lambda: self.store.write_as_other(self.ref, note=note))

    async def run(self) -> Done:
        return await self.reconciler(self.key, datetime.now(UTC))

    async def _aside(self, wait: Awaitable[None]) -> None:
        self.waits += 1
        await wait

    def _ring(self, key: Key) -> None:
        self.rung.append(key)
        self._bell.set()

    async def until_rung(self) -> None:
        async with asyncio.timeout(5):
            await self._bell.wait()

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.store.peek(self.ref)["status"]
        return status

    @property
    def conflicts(self) -> float | None:
        return self.metrics.registry.get_sample_value("kubernaut_notification_status_write_conflicts_total")

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.store.calls]


async def test_a_quick_delivery_costs_one_read_and_one_write() -> None:
    console = Stub()
    bench = Bench({"console": console})
    done = await bench.run()
    assert bench.verbs == ["GET", "PUT"]
    assert (bench.status["phase"], len(console.calls)) == ("Sent", 1)
    assert (done.final, done.again_in, done.failed) == (True, None, False)
    assert bench.ledger.is_empty
    assert bench.rung == []


async def test_a_final_notification_is_read_and_left_alone() -> None:
    console = Stub()
    bench = Bench({"console": console})
    await bench.run()
    bench.store.calls.clear()
    assert (await bench.run()).final
    assert bench.verbs == ["GET"]
    assert len(console.calls) == 1


async def test_a_slow_delivery_is_shown_meanwhile_and_asks_for_the_pass_that_records_it() -> None:
    slow, quick = Stub(seconds=0.3), Stub()
    bench = Bench({"slack": slow, "console": quick})
    done = await bench.run()
    assert bench.status["phase"] == "Sending"
    assert bench.status["totalAttempts"] == 1
    assert bench.store.peek(bench.ref)["metadata"]["resourceVersion"] in done.seen
    assert not done.final
    await bench.until_rung()
    await bench.run()
    assert bench.status["phase"] == "Sent"
    assert bench.verbs == ["GET", "PUT", "GET", "PUT"]
    assert (len(slow.calls), len(quick.calls)) == (1, 1)


async def test_a_delivery_is_waited_for_without_a_worker_and_nothing_else_is() -> None:
    bench = Bench({"console": Stub()})
    await bench.run()
    assert bench.waits == 1
    await bench.run()
    assert bench.waits == 1, "a final one has nothing to wait for"


async def test_a_pass_beside_a_slow_delivery_does_not_start_it_again() -> None:
    slow = Stub(seconds=0.3)
    bench = Bench({"slack": slow})
    await bench.run()
    await bench.run()
    assert len(slow.calls) == 1
    assert bench.verbs == ["GET", "PUT", "GET"]
    await bench.until_rung()
    await bench.run()
    assert (bench.status["phase"], len(slow.calls)) == ("Sent", 1)


async def test_a_conflict_folds_again_on_a_new_read_and_never_delivers_again() -> None:
    console = Stub()
    bench = Bench({"console": console})
    for number in range(3):
        bench.interfere(f"foreign {number}")
    await bench.run()
    assert bench.verbs == ["GET", "PUT", "GET", "PUT", "GET", "PUT", "GET", "PUT"]
    assert (bench.status["phase"], bench.status["totalAttempts"], len(console.calls)) == ("Sent", 1, 1)
    assert bench.status["note"] == "foreign 2"
    assert bench.conflicts == 3


async def test_conflicts_without_end_lose_nothing_and_are_tried_again_later() -> None:
    console = Stub()
    bench = Bench({"console": console})
    for number in range(5):
        bench.interfere(f"foreign {number}")
    assert (await bench.run()).failed
    assert bench.ledger.unsaved == 1
    assert bench.conflicts == 5
    assert not (await bench.run()).failed
    assert (bench.status["phase"], bench.status["totalAttempts"], len(console.calls)) == ("Sent", 1, 1)


@pytest.mark.parametrize("applied", [False, True], ids=["lost", "applied, its answer lost"])
async def test_a_write_that_fails_is_made_again_without_a_second_delivery(applied: bool) -> None:  # noqa: FBT001
    console = Stub()
    bench = Bench({"console": console})
    bench.store.fail_next("PUT", Unavailable(bench.ref, reason="500"), applied=applied)
    assert (await bench.run()).failed
    await bench.run()
    assert (bench.status["phase"], bench.status["totalAttempts"], len(console.calls)) == ("Sent", 1, 1)
    assert bench.ledger.is_empty


async def test_a_failed_try_is_made_again_at_its_time_and_not_before() -> None:
    flaky = Stub(Transient("busy"))
    bench = Bench({"slack": flaky}, retryPolicy={"maxAttempts": 3, "initialBackoffSeconds": 1})
    done = await bench.run()
    assert bench.status["phase"] == "Sending"
    assert done.again_in is not None
    assert 0.9 < done.again_in <= 1.1
    await bench.run()
    assert len(flaky.calls) == 1
    await asyncio.sleep(done.again_in)
    await bench.run()
    assert (bench.status["phase"], len(flaky.calls)) == ("Sent", 2)
    assert flaky.calls == [f"{bench.key.uid}:slack:1", f"{bench.key.uid}:slack:2"]


async def test_a_channel_that_refuses_is_not_tried_again_and_spares_the_others() -> None:
    refusing, fine = Stub(Permanent("no")), Stub()
    bench = Bench({"slack": refusing, "console": fine})
    await bench.run()
    assert (bench.status["phase"], bench.status["totalAttempts"]) == ("PartiallySent", 2)


async def test_an_object_deleted_while_it_is_delivered_leaves_no_trace() -> None:
    slow = Stub(seconds=0.2)
    bench = Bench({"slack": slow})
    await bench.run()
    bench.store.delete(bench.ref)
    assert await bench.run() == Done(final=True)
    assert bench.ledger.is_empty
    value = bench.metrics.registry.get_sample_value
    assert value("kubernaut_notification_reconciler_active", {"phase": "Sending"}) == 0
    assert value("kubernaut_notification_reconciler_errors_total", {"error_type": "Gone"}) is None
    await asyncio.sleep(0.25)
    assert bench.rung == []


async def test_another_object_under_the_same_name_is_not_touched() -> None:
    console = Stub()
    bench = Bench({"console": console})
    old = bench.store.peek(bench.ref)
    bench.store.delete(bench.ref)
    del old["metadata"]["uid"]
    bench.store.create(old)
    assert await bench.run() == Done(final=True)
    assert (bench.verbs, console.calls) == (["GET"], [])


async def test_while_draining_what_is_under_way_is_recorded_and_nothing_new_begins() -> None:
    slow = Stub(Transient("busy"), seconds=0.2)
    bench = Bench({"slack": slow}, retryPolicy={"maxAttempts": 3, "initialBackoffSeconds": 1})
    await bench.run()
    bench.reconciler.draining = True
    await bench.until_rung()
    await bench.run()
    assert bench.status["totalAttempts"] == 1
    await asyncio.sleep(1.1)
    await bench.run()
    assert len(slow.calls) == 1
    assert bench.ledger.is_empty


async def test_while_draining_a_pause_that_is_over_asks_for_no_pass_of_its_own() -> None:
    slow, busy = Stub(seconds=0.3), Stub(Transient("busy"))
    bench = Bench({"slack": slow, "file": busy}, retryPolicy={"maxAttempts": 3, "initialBackoffSeconds": 1})
    assert (await bench.run()).again_in is not None
    bench.reconciler.draining = True
    assert (await bench.run()).again_in is None
    await bench.until_rung()
    assert (await bench.run()).again_in is None
    assert (bench.status["totalAttempts"], len(busy.calls)) == (2, 1)


async def test_what_is_not_this_replica_s_gets_no_try_but_its_tries_are_recorded_and_it_comes_back() -> None:
    slow, console = Stub(Transient("busy"), seconds=0.2), Stub()
    bench = Bench({"slack": slow, "console": console}, retryPolicy={"maxAttempts": 3})
    bench.begins = False
    assert (await bench.run()).again_in == 0
    assert (slow.calls, console.calls, bench.verbs) == ([], [], ["GET"])
    bench.begins = True
    await bench.run()
    bench.begins = False
    await bench.until_rung()
    assert (await bench.run()).again_in == 0
    assert bench.status["totalAttempts"] == 2
    assert bench.ledger.is_empty


async def test_metrics_count_what_the_writes_recorded() -> None:
    bench = Bench({"slack": Stub(Transient("busy"))}, retryPolicy={"maxAttempts": 1})
    await bench.run()
    value = bench.metrics.registry.get_sample_value
    labels = {"channel": "slack", "status": "failure"}
    assert value("kubernaut_notification_delivery_attempts_total", labels) == 1
    phase = {"type": "simple", "priority": "low", "phase": "Failed"}
    assert value("kubernaut_notification_reconciler_requests_total", phase) == 1
    assert value("kubernaut_notification_reconciler_active", {"phase": "Failed"}) == 0


class Ear:
    """Keeps what it is told, and then breaks if it is to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.heard: list[Transition] = []
        self._error = error

    def tell(self, transition: Transition) -> None:
        self.heard.append(transition)
        if self._error is not None:
            raise self._error


async def test_every_listener_hears_of_a_write_once_and_one_that_breaks_disturbs_nobody() -> None:
    broken, sound = Ear(ZeroDivisionError("bug")), Ear()
    bench = Bench({"console": Stub()}, [broken, sound])
    done = await bench.run()
    await bench.run()
    assert (done.final, done.failed) == (True, False)
    for ear in (broken, sound):
        (transition,) = ear.heard
        assert (transition.before.phase, transition.after.phase) == (Phase.PENDING, Phase.SENT)
        assert [attempt.channel for attempt in transition.new_attempts] == ["console"]
    value = bench.metrics.registry.get_sample_value
    labels = {"channel": "console", "status": "success"}
    assert value("kubernaut_notification_delivery_attempts_total", labels) == 1


async def test_what_a_write_recorded_is_told_once_although_its_answer_was_lost() -> None:
    ear = Ear()
    bench = Bench({"console": Stub(), "slack": Stub(Permanent("no"))}, [ear])
    bench.store.fail_next("PUT", Unavailable(bench.ref, reason="timed out"), applied=True)
    assert (await bench.run()).failed
    assert ear.heard == []
    for _ in range(2):
        assert (await bench.run()).final
    (transition,) = ear.heard
    assert (transition.before.phase, transition.after.phase) == (Phase.PENDING, Phase.PARTIALLY_SENT)
    assert {attempt.channel for attempt in transition.new_attempts} == {"console", "slack"}


async def test_a_notification_that_an_earlier_process_left_is_counted_under_its_phase() -> None:
    bench = Bench({"slack": Stub(Transient("busy"))}, retryPolicy={"maxAttempts": 3})
    await bench.run()
    bench.metrics.leave(bench.key.uid)
    bench.store.calls.clear()
    await bench.run()
    assert bench.verbs == ["GET"]
    value = bench.metrics.registry.get_sample_value
    assert value("kubernaut_notification_reconciler_active", {"phase": "Sending"}) == 1


async def test_secrets_are_counted_once_for_each_pass_that_makes_tries_and_each_error() -> None:
    stubs = {"slack": Stub(Transient("token=abcdefgh")), "console": Stub()}
    bench = Bench(stubs, body="password: hunter2x", retryPolicy={"maxAttempts": 2})
    for _ in range(2):
        await bench.run()
    value = bench.metrics.registry.get_sample_value
    name = "kubernaut_notification_sanitization_redactions_total"
    assert value(name, {"pattern_type": "password"}) == 1
    assert value(name, {"pattern_type": "token"}) == 1
    (failed,) = [each for each in bench.status["deliveryAttempts"] if "error" in each]
    assert failed["error"] == "token=[REDACTED]"


def rules(receiver: str) -> RoutingState:
    document = f"route: {{receiver: r}}\nreceivers: [{{name: r, channels: [{receiver}]}}]"
    return RoutingState().accept(read_table(document))


async def test_a_notification_without_channels_goes_where_the_rules_of_the_moment_lead() -> None:
    slack, console = Stub(), Stub()
    bench = Bench({"slack": slack, "console": console}, routed=True)
    bench.rules = rules("slack")
    await bench.run()
    assert (bench.status["phase"], bench.status["resolvedChannels"]) == ("Sent", ["slack"])
    assert (len(slack.calls), len(console.calls)) == (1, 0)
    (said,) = [each for each in bench.status["conditions"] if each["type"] == "RoutingResolved"]
    assert (said["status"], said["reason"]) == ("True", "RoutingFallback")


async def test_one_pass_goes_by_one_set_of_rules_although_they_change_in_the_middle_of_it() -> None:
    slack, console = Stub(), Stub()
    bench = Bench({"slack": slack, "console": console}, routed=True)
    bench.rules = rules("slack")

    def change() -> None:
        bench.rules = rules("console")
        bench.store.write_as_other(bench.ref, note="a conflict, so that the fold runs again")

    bench.store.interfere_next(change)
    await bench.run()
    assert (bench.status["resolvedChannels"], bench.status["totalAttempts"]) == (["slack"], 1)
    assert (bench.status["phase"], len(console.calls)) == ("Sent", 0)


async def test_tries_that_could_not_be_written_keep_their_route_although_the_rules_change() -> None:
    slack, console = Stub(), Stub()
    bench = Bench({"slack": slack, "console": console}, routed=True)
    bench.rules = rules("slack")
    bench.store.fail_next("PUT", Unavailable(bench.ref, reason="down"))
    assert (await bench.run()).failed
    bench.rules = rules("console")
    assert (await bench.run()).final
    assert (bench.status["resolvedChannels"], bench.status["phase"]) == (["slack"], "Sent")
    assert (len(slack.calls), len(console.calls)) == (1, 0)
