"""The work queue: each key once, one reconciliation at a time, at its time."""

import asyncio
from datetime import UTC, datetime

import pytest

from notification_domain.key import Key
from notification_operator.controller import workqueue
from notification_operator.controller.request import Request, Result
from notification_operator.controller.workqueue import backoff
from notification_runtime.telemetry.gauges import QueueStatistics
from tests.unit.operator.controller.gated_queue import KEY, OTHER, Recorder, running
from tests.unit.operator.kube_api import until


async def test_key_added_many_times_is_reconciled_once() -> None:
    reconcile = Recorder()
    async with running(reconcile, is_open=False) as queue:
        for _ in range(10):
            queue.add(KEY)
        assert queue.statistics().waiting == 1
        queue.open()
        await reconcile.reconciliations(1)
        await reconcile.no_more()


async def test_key_added_during_its_reconciliation_is_reconciled_once_more() -> None:
    reconcile = Recorder(held=True)
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(1)
        queue.add(KEY)
        queue.add(KEY)
        await reconcile.no_more()
        reconcile.go.set()
        await reconcile.reconciliations(1)
        await reconcile.no_more()
    assert reconcile.most_at_once == 1


async def test_different_keys_are_reconciled_concurrently() -> None:
    reconcile = Recorder(held=True)
    async with running(reconcile, workers=2) as queue:
        queue.add(KEY)
        queue.add(OTHER)
        await reconcile.reconciliations(2)
        assert queue.statistics().running == 2


async def test_workers_bound_the_concurrent_reconciliations() -> None:
    reconcile = Recorder(held=True)
    async with running(reconcile, workers=1) as queue:
        queue.add(KEY)
        queue.add(OTHER)
        await reconcile.reconciliations(1)
        await reconcile.no_more()
        statistics = queue.statistics()
        assert (statistics.running, statistics.waiting) == (1, 1)


async def test_burst_in_one_namespace_delays_no_other_namespace() -> None:
    burst = [Key("shop", f"order-{number}", f"uid-{number}") for number in range(20)]
    quiet = Key("office", "note", "uid-note")
    reconcile = Recorder()
    async with running(reconcile, workers=1) as queue:
        for key in (*burst, quiet):
            queue.add(key)
        await reconcile.reconciliations(21)
    assert reconcile.keys == [burst[0], burst[1], quiet, *burst[2:]]


@pytest.mark.parametrize(("workers", "most"), [(16, 12), (4, 3)])
async def test_namespace_that_keeps_its_workers_leaves_some_to_others(workers: int, most: int) -> None:
    reconcile = Recorder(held=True)
    async with running(reconcile, workers=workers) as queue:
        for number in range(20):
            queue.add(Key("shop", f"order-{number}", f"uid-{number}"))
        await reconcile.reconciliations(most)
        await reconcile.no_more()
        queue.add(Key("office", "note", "uid-note"))
        await reconcile.reconciliations(1)
        assert reconcile.keys[most:] == [Key("office", "note", "uid-note")]


async def test_echo_of_an_own_write_requests_nothing() -> None:
    reconcile = Recorder(Result(observed_versions=frozenset({"6", "7"})))
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(1)
        await asyncio.sleep(0)
        queue.add(KEY, version="7")
        await reconcile.no_more()
        queue.add(KEY, version="8")
        await reconcile.reconciliations(1)


async def test_echo_before_the_answer_to_the_write_requests_nothing() -> None:
    reconcile = Recorder(Result(observed_versions=frozenset({"6", "7"})), held=True)
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(1)
        queue.add(KEY, version="7")
        reconcile.go.set()
        await reconcile.no_more()


async def test_event_with_the_version_that_was_read_requests_nothing() -> None:
    reconcile = Recorder(Result(observed_versions=frozenset({"6", "7"}), final=True), held=True)
    async with running(reconcile) as queue:
        queue.add(KEY, version="6")
        await reconcile.reconciliations(1)
        queue.add(KEY, version="6")
        reconcile.go.set()
        await reconcile.no_more()


async def test_foreign_event_during_the_reconciliation_is_not_lost() -> None:
    reconcile = Recorder(Result(observed_versions=frozenset({"6", "7"})), held=True)
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(1)
        queue.add(KEY, version="7")
        queue.add(KEY, version="8")
        reconcile.go.set()
        await reconcile.reconciliations(1)


async def test_request_without_version_is_not_covered_by_a_later_event() -> None:
    reconcile = Recorder(Result(observed_versions=frozenset({"6", "7"})), held=True)
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(1)
        queue.add(KEY)
        queue.add(KEY, version="7")
        reconcile.go.set()
        await reconcile.reconciliations(1)


async def test_requeue_after_reconciles_again_at_its_time() -> None:
    reconcile = Recorder(Result(requeue_after=0.2))
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(1)
        await reconcile.no_more()
        assert queue.statistics().delayed == 1
        await reconcile.reconciliations(1)
        assert queue.statistics().delayed == 0


async def test_earlier_of_two_times_counts() -> None:
    reconcile = Recorder()
    async with running(reconcile) as queue:
        queue.add_after(KEY, 60)
        queue.add_after(KEY, 0.01)
        queue.add_after(KEY, 60)
        await reconcile.reconciliations(1)
        assert queue.statistics().delayed == 0


async def test_failed_reconciliation_is_retried_and_costs_no_worker() -> None:
    reconcile = Recorder(RuntimeError("a bug"), Result(error=RuntimeError("unavailable")))
    async with running(reconcile, workers=1) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(3)
        queue.add(OTHER)
        await reconcile.reconciliations(1)
    assert reconcile.keys == [KEY, KEY, KEY, OTHER]


def test_backoff_grows_and_is_bounded() -> None:
    pauses = [backoff(failures) for failures in range(1, 16)]
    assert pauses[:3] == [0.05, 0.1, 0.2]
    assert pauses[-1] == 30.0


async def test_statistics_tell_the_oldest_waiting_key_without_parked_ones() -> None:
    reconcile = Recorder(held=True)
    async with running(reconcile, workers=1) as queue:
        queue.foreign = {Key("shop", "order-3", "uid-3")}
        for key in (KEY, *queue.foreign, OTHER):
            queue.add(key)
        await reconcile.reconciliations(1)
        await asyncio.sleep(0.05)
        assert queue.statistics().oldest_seconds >= 0.05
        reconcile.go.set()
        await reconcile.reconciliations(1)
        await asyncio.sleep(0)
        assert queue.statistics() == QueueStatistics(parked=1)


async def test_forgotten_key_is_no_longer_scheduled() -> None:
    reconcile = Recorder()
    async with running(reconcile) as queue:
        queue.add_after(KEY, 0.05)
        queue.forget(KEY)
        await reconcile.no_more()
        assert queue.statistics().delayed == 0


async def test_object_deleted_during_its_reconciliation_gets_a_last_one() -> None:
    reconcile = Recorder(Result(observed_versions=frozenset({"1"})), Result(final=True), held=True)
    async with running(reconcile) as queue:
        queue.add(KEY, version="1")
        await reconcile.reconciliations(1)
        queue.forget(KEY)
        reconcile.go.set()
        await reconcile.reconciliations(1)
        await asyncio.sleep(0)
        assert reconcile.keys == [KEY, KEY]
        assert queue.statistics() == QueueStatistics()
        assert queue.keys == frozenset()


async def test_request_names_the_time_since_when_its_key_waited() -> None:
    times: list[datetime] = []

    async def reconcile(request: Request) -> Result:
        times.append(request.queued_at)
        return Result()

    before = datetime.now(UTC)
    async with running(reconcile) as queue:
        queue.add(KEY)
        await asyncio.sleep(0.05)
    assert before <= times[0] <= datetime.now(UTC)


async def test_thousands_of_failures_of_one_key_delay_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workqueue, "LONGEST_BACKOFF", 0.0)
    failures, others = 0, 0

    async def reconcile(request: Request) -> Result:
        nonlocal failures, others
        if request.key == KEY:
            failures += 1
            return Result(error=ValueError())
        others += 1
        return Result()

    async with running(reconcile) as queue:
        queue.add(KEY)
        await until(lambda: failures > 2_000)
        queue.add(OTHER)
        await until(lambda: others)
        assert queue.statistics().most_failures >= 2_000


def test_backoff_is_finite_after_any_number_of_failures() -> None:
    assert {backoff(failures) for failures in (100, 1_025, 2_000, 10**6)} == {workqueue.LONGEST_BACKOFF}


@pytest.mark.parametrize(("asked", "seconds"), [(None, 0.05), (0.0, 0.05), (7.0, 7.0), (1e9, 30.0)])
async def test_failed_key_waits_as_long_as_the_server_asks_within_bounds(
    asked: float | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []
    async with running(Recorder(Result(error=ValueError(), retry_after=asked))) as queue:
        monkeypatch.setattr(queue, "add_after", lambda _key, delay: delays.append(delay))
        queue.add(KEY)
        await until(lambda: delays)
    assert delays == [seconds]


async def test_stalled_key_waits_for_a_change() -> None:
    stalled = Result(error=ValueError(), stalled=True, observed_versions=frozenset({"7"}), requeue_after=600)
    reconcile = Recorder(stalled, stalled, Result())
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(1)
        queue.add(KEY, version="7")
        await reconcile.no_more()
        assert queue.statistics() == QueueStatistics(stalled=1, delayed=1, most_failures=1)
        queue.add(KEY, version="8")
        await reconcile.reconciliations(1)
        await reconcile.no_more()
        queue.add(KEY, version="9")
        await reconcile.reconciliations(1)
        await reconcile.no_more()
        assert queue.statistics() == QueueStatistics()


async def test_stalled_key_is_reconciled_after_its_time_without_a_change() -> None:
    reconcile = Recorder(Result(error=ValueError(), stalled=True, requeue_after=0.05), Result())
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(2)
        await reconcile.no_more()
        assert queue.statistics() == QueueStatistics()


async def test_forgotten_key_is_stalled_no_longer() -> None:
    reconcile = Recorder(Result(error=ValueError(), stalled=True, requeue_after=600))
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(1)
        await reconcile.no_more()
        queue.forget(KEY)
        assert (queue.statistics(), queue.keys) == (QueueStatistics(), frozenset())


async def test_request_states_the_earlier_failures_of_its_key() -> None:
    failures: list[int] = []

    async def reconcile(request: Request) -> Result:
        failures.append(request.failures)
        return Result(error=ValueError() if len(failures) < 3 else None)

    async with running(reconcile) as queue:
        queue.add(KEY)
        await until(lambda: len(failures) >= 3)
        queue.add(KEY)
        await until(lambda: len(failures) >= 4)
    assert failures == [0, 1, 2, 0]
