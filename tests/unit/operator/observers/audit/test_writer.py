"""The audit writer against a real store: batches, three attempts each, and no waiting in `add`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from notification_operator.observers.audit import writer
from tests.unit.operator.observers.audit.conftest import NEVER, PAUSES

if TYPE_CHECKING:
    from tests.unit.operator.observers.audit.conftest import AuditStore, Benches

LONG = 3600.0


async def test_event_is_sent_after_the_flush_interval(benches: Benches, store: AuditStore) -> None:
    bench = benches(flush_seconds=0.05)
    bench.add(1)
    await store.until(events=1)
    bench.add(2)
    await store.until(events=2)
    assert bench.numbers == [1, 2]


async def test_full_batch_is_sent_at_once(benches: Benches, store: AuditStore) -> None:
    bench = benches(batch_size=3, flush_seconds=LONG)
    bench.add(1, 2)
    await asyncio.sleep(0.05)
    assert store.requests == []
    bench.add(3)
    await store.until(events=3)
    assert [len(batch) for batch in store.batches] == [3]


async def test_request_holds_at_most_one_batch(benches: Benches, store: AuditStore) -> None:
    bench = benches(batch_size=4, flush_seconds=LONG)
    bench.add(*range(10))
    assert await bench.writer.close(5) == 0
    assert [len(batch) for batch in store.batches] == [4, 4, 2]
    assert bench.numbers == list(range(10))


async def test_request_stays_below_one_mebibyte(benches: Benches, store: AuditStore) -> None:
    bench = benches(batch_size=1000, capacity=1000, flush_seconds=LONG)
    for _ in range(300):
        bench.writer.add(b'{"n": "%s"}' % (b"x" * 12_000))
    assert await bench.writer.close(5) == 0
    assert len(store.events) == 300
    assert max(int(request.headers["Content-Length"]) for request in store.requests) < 1024**2


async def test_batch_has_three_attempts_with_growing_delays(benches: Benches, store: AuditStore) -> None:
    assert writer.RETRY_DELAYS == (1.0, 4.0)
    store.answers = [503, 500]
    bench = benches()
    bench.add(1)
    await store.until(events=1)
    assert len(store.requests) == 3
    assert await bench.writer.close(5) == 0
    assert bench.figures == {"buffered": 1, "written": 1, "dropped": 0}
    assert bench.figure("batches_failed_total") == 0
    assert bench.figure("write_duration_seconds_count") == 3


async def test_failed_batch_is_dropped_and_the_next_one_is_sent(benches: Benches, store: AuditStore) -> None:
    store.answers = [503, 503, 503]
    bench = benches(flush_seconds=LONG, batch_size=2)
    bench.add(1, 2)
    await store.until(requests=3)
    bench.add(3, 4)
    await store.until(events=2)
    assert bench.numbers == [3, 4]
    assert await bench.writer.close(5) == 0
    assert bench.figures == {"buffered": 4, "written": 2, "dropped": 2}
    assert bench.figure("batches_failed_total") == 1


@pytest.mark.parametrize("code", [400, 401, 413, 422, 429])
async def test_refused_batch_is_not_retried(benches: Benches, store: AuditStore, code: int) -> None:
    store.answers = [code]
    bench = benches(flush_seconds=LONG, batch_size=1)
    bench.add(1)
    await store.until(requests=1)
    bench.add(2)
    await store.until(events=1)
    assert (bench.numbers, len(store.requests)) == ([2], 2)
    assert await bench.writer.close(5) == 0
    assert bench.figures == {"buffered": 2, "written": 1, "dropped": 1}


async def test_silent_store_is_retried_without_delaying_add(benches: Benches, store: AuditStore) -> None:
    store.answers = [NEVER]
    bench = benches(flush_seconds=LONG, batch_size=1)
    loop = asyncio.get_running_loop()
    started = loop.time()
    bench.add(1)
    await store.until(requests=1)
    bench.add(*range(2, 5))
    assert loop.time() - started < 0.25
    await store.until(events=4)
    assert bench.numbers == [1, 2, 3, 4]


async def test_unreachable_store_loses_the_batch_after_three_attempts(benches: Benches) -> None:
    bench = benches(flush_seconds=LONG, batch_size=1)
    await bench.store.close()
    bench.add(1)
    started = asyncio.get_running_loop().time()
    assert await bench.writer.close(5) == 1
    assert asyncio.get_running_loop().time() - started >= sum(PAUSES)
    assert bench.figures == {"buffered": 1, "written": 0, "dropped": 1}


async def test_full_buffer_drops_counts_and_logs_once(benches: Benches) -> None:
    bench = benches(capacity=3, batch_size=10, flush_seconds=LONG)
    with capture_logs() as logs:
        bench.add(*range(10))
    assert [record["reason"] for record in logs] == ["the buffer is full"]
    assert bench.figures == {"buffered": 3, "written": 0, "dropped": 7}
    assert (bench.figure("buffer_size"), bench.figure("buffer_utilization_ratio")) == (3, 1)
    assert bench.figure("buffer_capacity") == 3
    assert await bench.writer.close(5) == 0
    assert sorted(bench.numbers) == [0, 1, 2]
    assert bench.figure("buffer_size") == 0


async def test_close_sends_pending_events_with_retries(benches: Benches, store: AuditStore) -> None:
    store.answers = [503]
    bench = benches(flush_seconds=LONG, batch_size=1000)
    bench.add(*range(5))
    assert store.requests == []
    assert await bench.writer.close(5) == 0
    assert bench.numbers == [0, 1, 2, 3, 4]


async def test_second_close_does_nothing(benches: Benches, store: AuditStore) -> None:
    bench = benches(flush_seconds=LONG)
    bench.add(1)
    assert await bench.writer.close(5) == 0
    assert await bench.writer.close(5) == 0
    assert (bench.numbers, len(store.requests)) == ([1], 1)


async def test_close_ends_in_time_and_returns_the_lost_events(benches: Benches, store: AuditStore) -> None:
    store.answers = [NEVER] * 10
    bench = benches(flush_seconds=LONG, batch_size=2)
    bench.add(*range(5))
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await bench.writer.close(0.1) == 5
    assert loop.time() - started < 0.3
    assert bench.figures == {"buffered": 5, "written": 0, "dropped": 5}


async def test_event_after_close_is_dropped_and_counted(benches: Benches) -> None:
    bench = benches()
    await bench.writer.close(5)
    bench.add(1)
    assert bench.figures == {"buffered": 0, "written": 0, "dropped": 1}


async def test_flush_sends_without_waiting_for_a_full_batch(benches: Benches, store: AuditStore) -> None:
    bench = benches(flush_seconds=LONG, batch_size=1000)
    bench.add(1)
    bench.writer.flush()
    await store.until(events=1)
    bench.add(2)
    await store.until(events=2)


async def test_close_before_start_loses_no_event(benches: Benches) -> None:
    assert await benches(start=False).writer.close(5) == 0


async def test_failing_client_costs_the_batch_and_not_the_writer(
    benches: Benches, store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benches(flush_seconds=LONG, batch_size=1)
    real = bench.client.write

    async def broken(_events: object) -> None:
        monkeypatch.setattr(bench.client, "write", real)
        raise RuntimeError("a bug")

    monkeypatch.setattr(bench.client, "write", broken)
    bench.add(1, 2)
    await store.until(events=1)
    assert bench.numbers == [2]
