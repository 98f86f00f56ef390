"""From the buffer to a real audit store: in batches, three tries each, and never in anybody's way."""

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


async def test_an_event_goes_out_when_it_has_waited_long_enough(bench: Benches, store: AuditStore) -> None:
    made = bench(flush_seconds=0.05)
    made.add(1)
    await store.until(events=1)
    made.add(2)
    await store.until(events=2)
    assert made.numbers == [1, 2]


async def test_a_full_batch_does_not_wait(bench: Benches, store: AuditStore) -> None:
    made = bench(batch_size=3, flush_seconds=LONG)
    made.add(1, 2)
    await asyncio.sleep(0.05)
    assert store.requests == []
    made.add(3)
    await store.until(events=3)
    assert [len(batch) for batch in store.batches] == [3]


async def test_no_request_carries_more_than_a_batch(bench: Benches, store: AuditStore) -> None:
    made = bench(batch_size=4, flush_seconds=LONG)
    made.add(*range(10))
    assert await made.writer.close(5) == 0
    assert [len(batch) for batch in store.batches] == [4, 4, 2]
    assert made.numbers == list(range(10))


async def test_no_request_is_larger_than_servers_take(bench: Benches, store: AuditStore) -> None:
    made = bench(batch_size=1000, capacity=1000, flush_seconds=LONG)
    for _ in range(300):
        made.writer.add(b'{"n": "%s"}' % (b"x" * 12_000))
    assert await made.writer.close(5) == 0
    assert len(store.events) == 300
    assert max(int(request.headers["Content-Length"]) for request in store.requests) < 1024**2


async def test_a_batch_is_tried_three_times_with_growing_pauses(bench: Benches, store: AuditStore) -> None:
    assert writer.RETRY_DELAYS == (1.0, 4.0)
    store.answers = [503, 500]
    made = bench()
    made.add(1)
    await store.until(events=1)
    assert len(store.requests) == 3
    assert await made.writer.close(5) == 0
    assert made.figures == {"buffered": 1, "written": 1, "dropped": 0}
    assert made.figure("batches_failed_total") == 0
    assert made.figure("write_duration_seconds_count") == 3


async def test_a_store_that_stays_down_costs_that_batch_and_not_the_next(
    bench: Benches, store: AuditStore
) -> None:
    store.answers = [503, 503, 503]
    made = bench(flush_seconds=LONG, batch_size=2)
    made.add(1, 2)
    await store.until(requests=3)
    made.add(3, 4)
    await store.until(events=2)
    assert made.numbers == [3, 4]
    assert await made.writer.close(5) == 0
    assert made.figures == {"buffered": 4, "written": 2, "dropped": 2}
    assert made.figure("batches_failed_total") == 1


@pytest.mark.parametrize("code", [400, 401, 413, 422, 429])
async def test_a_refusal_is_not_tried_again(bench: Benches, store: AuditStore, code: int) -> None:
    store.answers = [code]
    made = bench(flush_seconds=LONG, batch_size=1)
    made.add(1)
    await store.until(requests=1)
    made.add(2)
    await store.until(events=1)
    assert (made.numbers, len(store.requests)) == ([2], 2)
    assert await made.writer.close(5) == 0
    assert made.figures == {"buffered": 2, "written": 1, "dropped": 1}


async def test_a_store_that_never_answers_is_asked_again_and_delays_nobody(
    bench: Benches, store: AuditStore
) -> None:
    store.answers = [NEVER]
    made = bench(flush_seconds=LONG, batch_size=1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    made.add(1)
    await store.until(requests=1)
    made.add(*range(2, 5))
    assert loop.time() - began < 0.25
    await store.until(events=4)
    assert made.numbers == [1, 2, 3, 4]


async def test_a_store_that_is_not_there_loses_the_batch_after_three_tries(bench: Benches) -> None:
    made = bench(flush_seconds=LONG, batch_size=1)
    await made.store.close()
    made.add(1)
    began = asyncio.get_running_loop().time()
    assert await made.writer.close(5) == 1
    assert asyncio.get_running_loop().time() - began >= sum(PAUSES)
    assert made.figures == {"buffered": 1, "written": 0, "dropped": 1}


async def test_a_full_buffer_drops_and_counts_and_says_so_once(bench: Benches) -> None:
    made = bench(capacity=3, batch_size=10, flush_seconds=LONG)
    with capture_logs() as said:
        made.add(*range(10))
    assert [record["reason"] for record in said] == ["the buffer is full"]
    assert made.figures == {"buffered": 3, "written": 0, "dropped": 7}
    assert (made.figure("buffer_size"), made.figure("buffer_utilization_ratio")) == (3, 1)
    assert made.figure("buffer_capacity") == 3
    assert await made.writer.close(5) == 0
    assert sorted(made.numbers) == [0, 1, 2]
    assert made.figure("buffer_size") == 0


async def test_closing_sends_what_waits_also_to_a_store_that_is_back_at_the_second_try(
    bench: Benches, store: AuditStore
) -> None:
    store.answers = [503]
    made = bench(flush_seconds=LONG, batch_size=1000)
    made.add(*range(5))
    assert store.requests == []
    assert await made.writer.close(5) == 0
    assert made.numbers == [0, 1, 2, 3, 4]


async def test_closing_twice_is_closing_once(bench: Benches, store: AuditStore) -> None:
    made = bench(flush_seconds=LONG)
    made.add(1)
    assert await made.writer.close(5) == 0
    assert await made.writer.close(5) == 0
    assert (made.numbers, len(store.requests)) == ([1], 1)


async def test_closing_takes_no_longer_than_it_may_and_tells_what_is_lost(
    bench: Benches, store: AuditStore
) -> None:
    store.answers = [NEVER] * 10
    made = bench(flush_seconds=LONG, batch_size=2)
    made.add(*range(5))
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await made.writer.close(0.1) == 5
    assert loop.time() - began < 0.3
    assert made.figures == {"buffered": 5, "written": 0, "dropped": 5}


async def test_what_comes_after_closing_is_dropped_and_counted(bench: Benches) -> None:
    made = bench()
    await made.writer.close(5)
    made.add(1)
    assert made.figures == {"buffered": 0, "written": 0, "dropped": 1}


async def test_a_writer_in_a_hurry_waits_for_no_company(bench: Benches, store: AuditStore) -> None:
    made = bench(flush_seconds=LONG, batch_size=1000)
    made.add(1)
    made.writer.flush()
    await store.until(events=1)
    made.add(2)
    await store.until(events=2)


async def test_closing_a_writer_that_never_began_loses_nothing(bench: Benches) -> None:
    assert await bench(start=False).writer.close(5) == 0


async def test_a_client_that_breaks_costs_the_batch_and_not_the_writer(
    bench: Benches, store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench(flush_seconds=LONG, batch_size=1)
    real = made.client.write

    async def broken(_events: object) -> None:
        monkeypatch.setattr(made.client, "write", real)
        raise RuntimeError("a bug")

    monkeypatch.setattr(made.client, "write", broken)
    made.add(1, 2)
    await store.until(events=1)
    assert made.numbers == [2]
