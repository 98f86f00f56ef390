"""What a pass tells: each write once, to metrics and listeners alike."""

from atomic_status import Unavailable
from notification_operator.delivery.channel import Permanent, Transient
from notification_operator.domain.model import Phase
from notification_operator.observers.publisher import Transition
from tests.unit.operator.controller.reconciler_fixture import Bench, Stub


class Ear:
    """Keeps what it is told, and then breaks if it is to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.heard: list[Transition] = []
        self._error = error

    def on_transition(self, transition: Transition) -> None:
        self.heard.append(transition)
        if self._error is not None:
            raise self._error


async def test_metrics_count_what_the_writes_recorded() -> None:
    bench = Bench({"slack": Stub(Transient("busy"))}, retryPolicy={"maxAttempts": 1})
    await bench.run()
    value = bench.metrics.registry.get_sample_value
    labels = {"channel": "slack", "status": "failure"}
    assert value("kubernaut_notification_delivery_attempts_total", labels) == 1
    phase = {"type": "simple", "priority": "low", "phase": "Failed"}
    assert value("kubernaut_notification_reconciler_requests_total", phase) == 1
    assert value("kubernaut_notification_reconciler_active", {"phase": "Failed"}) == 0


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
