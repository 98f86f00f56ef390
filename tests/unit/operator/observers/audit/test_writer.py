"""The audit writer against a real store: batches, attempts until the store accepts, and no waiting in `add`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from notification_operator.observers.audit import writer
from tests.unit.operator.observers.audit.conftest import NEVER, RETRY_DELAYS

if TYPE_CHECKING:
    from tests.unit.operator.observers.audit.conftest import AuditStore, Harnesses

LONG = 3600.0


async def test_event_is_sent_after_the_flush_interval(harnesses: Harnesses, store: AuditStore) -> None:
    harness = harnesses(flush_seconds=0.05)
    harness.add(1)
    await store.until(events=1)
    harness.add(2)
    await store.until(events=2)
    assert harness.numbers == [1, 2]


async def test_full_batch_is_sent_at_once(harnesses: Harnesses, store: AuditStore) -> None:
    harness = harnesses(batch_size=3, flush_seconds=LONG)
    harness.add(1, 2)
    await asyncio.sleep(0.05)
    assert store.requests == []
    harness.add(3)
    await store.until(events=3)
    assert [len(batch) for batch in store.batches] == [3]


async def test_request_holds_at_most_one_batch(harnesses: Harnesses, store: AuditStore) -> None:
    harness = harnesses(batch_size=4, flush_seconds=LONG)
    harness.add(*range(10))
    assert await harness.writer.close(5) == 0
    assert [len(batch) for batch in store.batches] == [4, 4, 2]
    assert harness.numbers == list(range(10))


async def test_request_stays_below_one_mebibyte(harnesses: Harnesses, store: AuditStore) -> None:
    harness = harnesses(batch_size=1000, capacity=1000, flush_seconds=LONG)
    for _ in range(300):
        harness.writer.add(b'{"n": "%s"}' % (b"x" * 12_000))
    assert await harness.writer.close(5) == 0
    assert len(store.events) == 300
    assert max(int(request.headers["Content-Length"]) for request in store.requests) < 1024**2


async def test_batch_is_retried_with_growing_delays(harnesses: Harnesses, store: AuditStore) -> None:
    assert writer.RETRY_DELAYS == (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
    store.statuses = [503, 500, 503, 503, 503, 503]
    harness = harnesses()
    harness.add(1)
    await store.until(events=1)
    assert len(store.requests) == 7
    assert await harness.writer.close(5) == 0
    assert harness.counters == {"buffered": 1, "written": 1, "dropped": 0}
    assert harness.value("batches_failed_total") == 0
    assert harness.value("write_duration_seconds_count") == 7


@pytest.mark.parametrize("code", [302, 304, 401, 403, 404, 408, 425, 429, 500, 503])
async def test_status_that_can_change_loses_no_event(
    harnesses: Harnesses, store: AuditStore, code: int
) -> None:
    store.statuses = [code] * 5
    harness = harnesses(flush_seconds=LONG, batch_size=2)
    harness.add(1, 2)
    await store.until(requests=3)
    harness.add(3, 4)
    await store.until(events=4)
    assert harness.numbers == [1, 2, 3, 4]
    assert await harness.writer.close(5) == 0
    assert harness.counters == {"buffered": 4, "written": 4, "dropped": 0}
    assert harness.value("batches_failed_total") == 0


async def test_events_wait_in_the_bounded_buffer_while_the_store_is_down(
    harnesses: Harnesses, store: AuditStore
) -> None:
    store.statuses = [503] * 1000
    harness = harnesses(capacity=5, batch_size=2, flush_seconds=LONG)
    harness.add(1, 2)
    await store.until(requests=4)
    harness.add(*range(3, 9))
    assert harness.value("buffer_size") == harness.writer.statistics().pending == 5
    store.statuses = []
    await store.until(events=5)
    assert harness.numbers == [1, 2, 3, 4, 5]
    assert await harness.writer.close(5) == 0
    assert harness.counters == {"buffered": 5, "written": 5, "dropped": 3}


async def test_retry_after_delays_the_next_attempt(harnesses: Harnesses, store: AuditStore) -> None:
    store.statuses, store.headers = [429], {"Retry-After": "0.3"}
    harness = harnesses(flush_seconds=LONG, batch_size=1)
    loop = asyncio.get_running_loop()
    harness.add(1)
    await store.until(requests=1)
    answered = loop.time()
    await store.until(events=1)
    assert loop.time() - answered >= 0.25


async def test_retry_after_is_bounded(harnesses: Harnesses, store: AuditStore) -> None:
    store.statuses, store.headers = [429], {"Retry-After": "86400"}
    harness = harnesses(flush_seconds=LONG, batch_size=1)
    with capture_logs() as logs:
        harness.add(1)
        await store.until(requests=1)
        await asyncio.sleep(0.05)
    assert [record["seconds"] for record in logs] == [writer.MAX_RETRY_AFTER] == [300.0]


async def test_too_large_batch_is_halved_until_it_fits(harnesses: Harnesses, store: AuditStore) -> None:
    store.most_events = 3
    harness = harnesses(capacity=100, batch_size=20, flush_seconds=LONG)
    harness.add(*range(20))
    await store.until(events=20)
    assert harness.numbers == list(range(20))
    assert await harness.writer.close(5) == 0
    assert harness.counters == {"buffered": 20, "written": 20, "dropped": 0}
    assert len(store.requests) < 20


async def test_limit_of_a_batch_recovers_from_one_413(harnesses: Harnesses, store: AuditStore) -> None:
    store.statuses = [413, 413, 413]
    harness = harnesses(capacity=1000, batch_size=16, flush_seconds=LONG)
    harness.add(*range(160, 960))
    assert await harness.writer.close(5) == 0
    assert harness.numbers == list(range(160, 960))
    assert len(store.batches[0]) == 2
    assert len(store.batches[-2]) == 16


async def test_single_event_that_is_too_large_is_dropped_alone(
    harnesses: Harnesses, store: AuditStore
) -> None:
    store.statuses = [413]
    harness = harnesses(flush_seconds=LONG, batch_size=1)
    harness.add(1)
    await store.until(requests=1)
    harness.add(2)
    await store.until(events=1)
    assert harness.numbers == [2]
    assert await harness.writer.close(5) == 0
    assert harness.counters == {"buffered": 2, "written": 1, "dropped": 1}


@pytest.mark.parametrize("code", [400, 409, 422])
async def test_refused_batch_is_dropped_and_logged_at_once(
    harnesses: Harnesses, store: AuditStore, code: int
) -> None:
    store.statuses = [code]
    harness = harnesses(flush_seconds=LONG, batch_size=1)
    with capture_logs() as logs:
        harness.add(1)
        await store.until(requests=1)
        harness.add(2)
        await store.until(events=1)
    assert (harness.numbers, len(store.requests)) == ([2], 2)
    assert [record["event"] for record in logs] == ["audit batch lost"]
    assert await harness.writer.close(5) == 0
    assert harness.counters == {"buffered": 2, "written": 1, "dropped": 1}
    assert harness.value("batches_failed_total") == 1


async def test_flush_ends_the_wait_for_the_next_attempt(harnesses: Harnesses, store: AuditStore) -> None:
    store.statuses, store.headers = [503], {"Retry-After": "100"}
    harness = harnesses(flush_seconds=LONG, batch_size=1)
    harness.add(1)
    await store.until(requests=1)
    await asyncio.sleep(0.05)
    harness.writer.flush()
    await store.until(events=1)


async def test_silent_store_is_retried_without_delaying_add(harnesses: Harnesses, store: AuditStore) -> None:
    store.statuses = [NEVER]
    harness = harnesses(flush_seconds=LONG, batch_size=1)
    loop = asyncio.get_running_loop()
    started = loop.time()
    harness.add(1)
    await store.until(requests=1)
    harness.add(*range(2, 5))
    assert loop.time() - started < 0.25
    await store.until(events=4)
    assert harness.numbers == [1, 2, 3, 4]


async def test_close_ends_after_three_attempts_at_an_unreachable_store(harnesses: Harnesses) -> None:
    harness = harnesses(flush_seconds=LONG, batch_size=1)
    await harness.store.close()
    harness.add(1)
    started = asyncio.get_running_loop().time()
    assert await harness.writer.close(5) == 1
    assert asyncio.get_running_loop().time() - started >= sum(RETRY_DELAYS)
    assert harness.counters == {"buffered": 1, "written": 0, "dropped": 1}


async def test_full_buffer_drops_counts_and_logs_once(harnesses: Harnesses) -> None:
    harness = harnesses(capacity=3, batch_size=10, flush_seconds=LONG)
    with capture_logs() as logs:
        harness.add(*range(10))
    assert [record["reason"] for record in logs] == ["the buffer is full"]
    assert harness.counters == {"buffered": 3, "written": 0, "dropped": 7}
    assert (harness.value("buffer_size"), harness.value("buffer_utilization_ratio")) == (3, 1)
    assert harness.value("buffer_capacity") == 3
    assert await harness.writer.close(5) == 0
    assert sorted(harness.numbers) == [0, 1, 2]
    assert harness.value("buffer_size") == 0


async def test_close_sends_pending_events_with_retries(harnesses: Harnesses, store: AuditStore) -> None:
    store.statuses = [503]
    harness = harnesses(flush_seconds=LONG, batch_size=1000)
    harness.add(*range(5))
    assert store.requests == []
    assert await harness.writer.close(5) == 0
    assert harness.numbers == [0, 1, 2, 3, 4]


async def test_second_close_does_nothing(harnesses: Harnesses, store: AuditStore) -> None:
    harness = harnesses(flush_seconds=LONG)
    harness.add(1)
    assert await harness.writer.close(5) == 0
    assert await harness.writer.close(5) == 0
    assert (harness.numbers, len(store.requests)) == ([1], 1)


async def test_close_ends_in_time_and_returns_the_lost_events(
    harnesses: Harnesses, store: AuditStore
) -> None:
    store.statuses = [NEVER] * 10
    harness = harnesses(flush_seconds=LONG, batch_size=2)
    harness.add(*range(5))
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await harness.writer.close(0.1) == 5
    assert loop.time() - started < 0.3
    assert harness.counters == {"buffered": 5, "written": 0, "dropped": 5}


async def test_event_after_close_is_dropped_and_counted(harnesses: Harnesses) -> None:
    harness = harnesses()
    await harness.writer.close(5)
    harness.add(1)
    assert harness.counters == {"buffered": 0, "written": 0, "dropped": 1}


async def test_flush_sends_without_waiting_for_a_full_batch(harnesses: Harnesses, store: AuditStore) -> None:
    harness = harnesses(flush_seconds=LONG, batch_size=1000)
    harness.add(1)
    harness.writer.flush()
    await store.until(events=1)
    harness.add(2)
    await store.until(events=2)


async def test_close_before_start_loses_no_event(harnesses: Harnesses) -> None:
    assert await harnesses(start=False).writer.close(5) == 0


async def test_failing_client_costs_the_batch_and_not_the_writer(
    harnesses: Harnesses, store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = harnesses(flush_seconds=LONG, batch_size=1)
    real = harness.client.write

    async def broken(_events: object) -> None:
        monkeypatch.setattr(harness.client, "write", real)
        raise RuntimeError("a bug")

    monkeypatch.setattr(harness.client, "write", broken)
    harness.add(1, 2)
    await store.until(events=1)
    assert harness.numbers == [2]
