"""The bell: what an event asks for, and what it makes the operator forget."""

from datetime import UTC, datetime
from typing import Any

from notification_operator.controller.workqueue import Done, Key, WorkQueue
from notification_operator.watch.event_handler import Bell

KEY = Key("shop", "order-1", "uid-1")


def event_object(phase: str | None = "Pending", version: str = "1") -> dict[str, Any]:
    meta = {"namespace": "shop", "name": "order-1", "uid": "uid-1", "resourceVersion": version}
    return {"metadata": meta, "status": {"phase": phase}} if phase else {"metadata": meta}


class Bench:
    def __init__(self, *, serves: bool = True, holds: bool = False) -> None:
        async def process(_key: Key, _queued_at: datetime) -> Done:
            return Done()

        self.queue = WorkQueue(
            process=process, starts=lambda _key: True, workers=1, clock=lambda: datetime.now(UTC)
        )
        self.over: list[str] = []
        self.bell = Bell(
            self.queue,
            serves=lambda _namespace: serves,
            over=self.over.append,
            holds=lambda _uid: holds,
        )


async def test_an_object_that_is_not_final_gets_its_turn() -> None:
    for event_type in (None, "ADDED", "MODIFIED"):
        for phase in ("Pending", "Sending", "Retrying", None):
            bench = Bench()
            bench.bell.ring(event_type, event_object(phase))
            assert bench.queue.waiting == 1


async def test_a_final_object_gets_none_and_loses_the_one_it_was_waiting_for() -> None:
    for phase in ("Sent", "PartiallySent", "Failed"):
        bench = Bench()
        bench.bell.ring("ADDED", event_object())
        bench.bell.ring("MODIFIED", event_object(phase, "2"))
        assert bench.queue.waiting == 0
        assert bench.over == ["uid-1"]


async def test_a_final_object_keeps_its_turn_while_a_try_of_it_is_not_known_to_be_written() -> None:
    bench = Bench(holds=True)
    bench.queue.add_after(KEY, 60)
    bench.bell.ring("MODIFIED", event_object("Sent", "2"))
    assert (bench.queue.waiting, bench.queue.delayed, bench.over) == (1, 1, [])


async def test_an_object_that_leaves_the_watch_gets_a_last_turn_while_a_try_of_it_is_not_known_to_be_written() -> (
    None
):
    bench = Bench(holds=True)
    bench.queue.add_after(KEY, 60)
    bench.bell.ring("DELETED", event_object("Sending", "2"))
    assert (bench.queue.waiting, bench.queue.delayed, bench.over) == (1, 1, [])


async def test_a_deleted_object_is_forgotten_wherever_it_was_known() -> None:
    bench = Bench()
    bench.bell.ring("ADDED", event_object())
    bench.queue.add_after(KEY, 60)
    bench.bell.ring("DELETED", event_object(version="3"))
    assert (bench.queue.waiting, bench.queue.delayed, bench.over) == (0, 0, ["uid-1"])


async def test_an_object_of_a_namespace_that_is_not_served_gets_no_turn() -> None:
    bench = Bench(serves=False)
    bench.bell.ring("ADDED", event_object())
    assert bench.queue.waiting == 0
