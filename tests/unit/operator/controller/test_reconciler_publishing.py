"""What a reconciliation publishes: each write once, to metrics and observers alike."""

from atomic_status import Unavailable
from notification_contract.kinds.choices import Phase
from notification_operator.observers.publisher import Transition
from notification_runtime.delivery.channel import Permanent, Transient
from tests.unit.operator.controller.reconciler_fixture import IDLE, ReconcilerFixture, Stub


class Recorder:
    """Records transitions, and then raises an error, if it has one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.transitions: list[Transition] = []
        self._error = error

    def on_transition(self, transition: Transition) -> None:
        self.transitions.append(transition)
        if self._error is not None:
            raise self._error


async def test_metrics_count_the_recorded_attempts() -> None:
    fixture = ReconcilerFixture({"slack": Stub(Transient("busy"))}, retryPolicy={"maxAttempts": 1})
    await fixture.reconcile()
    value = fixture.metrics.registry.get_sample_value
    labels = {"channel": "slack", "receiver": "", "status": "failure"}
    assert value("kubernaut_notification_delivery_attempts_total", labels) == 1
    phase = {"type": "simple", "priority": "low", "phase": "Failed"}
    assert value("kubernaut_notification_reconciler_requests_total", phase) == 1
    assert value("kubernaut_notification_reconciler_active", {"phase": "Failed"}) == 0
    lost = "kubernaut_notification_dead_letters_total"
    assert value(lost, {"reason": "MaxRetriesExhausted"}) == 1
    assert value(lost, {"reason": "Expired"}) == 0


async def test_failing_observer_disturbs_no_other_and_each_write_is_seen_once() -> None:
    broken, sound = Recorder(ZeroDivisionError("bug")), Recorder()
    fixture = ReconcilerFixture({"console": Stub()}, [broken, sound])
    result = await fixture.reconcile()
    await fixture.reconcile()
    assert (result.final, result.error) == (True, None)
    for observer in (broken, sound):
        (transition,) = observer.transitions
        assert (transition.before.phase, transition.after.phase) == (Phase.PENDING, Phase.SENT)
        assert [attempt.channel for attempt in transition.new_attempts] == ["console"]
    value = fixture.metrics.registry.get_sample_value
    labels = {"channel": "console", "receiver": "", "status": "success"}
    assert value("kubernaut_notification_delivery_attempts_total", labels) == 1


async def test_write_without_an_answer_is_published_once() -> None:
    observer = Recorder()
    fixture = ReconcilerFixture({"console": Stub(), "slack": Stub(Permanent("no"))}, [observer])
    fixture.store.fail_next("PUT", Unavailable(fixture.ref, reason="timed out"), applied=True)
    assert isinstance((await fixture.reconcile()).error, Unavailable)
    assert observer.transitions == []
    for _ in range(2):
        assert (await fixture.reconcile()).final
    (transition,) = observer.transitions
    assert (transition.before.phase, transition.after.phase) == (Phase.PENDING, Phase.PARTIALLY_SENT)
    assert {attempt.channel for attempt in transition.new_attempts} == {"console", "slack"}
    labels = {"reason": "PartialDeliverySuccess"}
    assert fixture.metrics.registry.get_sample_value("kubernaut_notification_dead_letters_total", labels) == 1


async def test_end_without_an_attempt_is_published_once_after_a_lost_answer() -> None:
    observer = Recorder()
    fixture = ReconcilerFixture(
        {"console": Stub()}, [observer], deliverBefore="2026-01-01T00:00:01Z", retryPolicy={"maxAttempts": 1}
    )
    fixture.store.fail_next("PUT", Unavailable(fixture.ref, reason="timed out"), applied=True)
    assert isinstance((await fixture.reconcile()).error, Unavailable)
    assert fixture.operator.attempts.has_unrecorded(fixture.key.uid), "no event makes it forgotten"
    for _ in range(2):
        assert (await fixture.reconcile()).final
    (transition,) = observer.transitions
    assert (transition.before.phase, transition.after.phase) == (Phase.PENDING, Phase.FAILED)
    assert transition.new_attempts == ()
    assert not fixture.operator.attempts.has_unrecorded(fixture.key.uid)
    assert fixture.attempts == IDLE


async def test_shutdown_waits_for_the_answer_to_a_write_without_attempts() -> None:
    fixture = ReconcilerFixture({"console": Stub()}, deliverBefore="2026-01-01T00:00:01Z")
    tracked: list[bool] = []
    fixture.store.interfere_next(lambda: tracked.append(fixture.operator.attempts.tracks(fixture.key.uid)))
    assert (await fixture.reconcile()).final
    assert tracked == [True]
    assert fixture.attempts == IDLE


async def test_write_that_was_not_applied_is_published_by_the_next() -> None:
    observer = Recorder()
    fixture = ReconcilerFixture({"console": Stub()}, [observer], deliverBefore="2026-01-01T00:00:01Z")
    fixture.store.fail_next("PUT", Unavailable(fixture.ref, reason="timed out"), applied=False)
    await fixture.reconcile()
    assert (await fixture.reconcile()).final
    (transition,) = observer.transitions
    assert (transition.before.phase, transition.after.phase) == (Phase.PENDING, Phase.FAILED)


async def test_notification_of_an_earlier_process_is_counted_under_its_phase() -> None:
    fixture = ReconcilerFixture({"slack": Stub(Transient("busy"))}, retryPolicy={"maxAttempts": 3})
    await fixture.reconcile()
    fixture.metrics.leave(fixture.key.uid)
    fixture.store.calls.clear()
    await fixture.reconcile()
    assert fixture.verbs == ["GET"]
    value = fixture.metrics.registry.get_sample_value
    assert value("kubernaut_notification_reconciler_active", {"phase": "Sending"}) == 1


async def test_redactions_are_counted_per_delivery_and_per_error() -> None:
    stubs = {"slack": Stub(Transient("token=abcdefgh")), "console": Stub()}
    fixture = ReconcilerFixture(stubs, body="password: hunter2x", retryPolicy={"maxAttempts": 2})
    for _ in range(2):
        await fixture.reconcile()
    value = fixture.metrics.registry.get_sample_value
    name = "kubernaut_notification_sanitization_redactions_total"
    assert value(name, {"pattern_type": "password"}) == 1
    assert value(name, {"pattern_type": "token"}) == 1
    (failed,) = [each for each in fixture.status["deliveryAttempts"] if "error" in each]
    assert failed["error"] == "token=[REDACTED]"
