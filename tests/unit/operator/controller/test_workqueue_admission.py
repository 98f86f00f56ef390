"""Keys that are not admitted yet: they are parked, never lost, and delay nothing."""

import asyncio

from notification_operator.controller.request import Result
from tests.unit.operator.controller.gated_queue import KEY, OTHER, Recorder, running


async def test_closed_gate_parks_keys_until_it_opens() -> None:
    reconcile = Recorder()
    async with running(reconcile) as queue:
        queue.is_open = False
        queue.add(KEY)
        await reconcile.no_more()
        queue.open()
        await reconcile.reconciliations(1)


async def test_parked_key_holds_no_worker_and_delays_no_other_key() -> None:
    reconcile = Recorder()
    async with running(reconcile, workers=1) as queue:
        queue.foreign = {KEY}
        queue.add(KEY)
        queue.add(OTHER)
        await reconcile.reconciliations(1)
        await reconcile.no_more()
        statistics = queue.statistics()
        assert (reconcile.keys, statistics.waiting, statistics.parked) == ([OTHER], 0, 1)


async def test_readmit_reconciles_a_parked_key_once() -> None:
    reconcile = Recorder()
    async with running(reconcile) as queue:
        queue.foreign = {KEY}
        for version in ("1", "2"):
            queue.add(KEY, version=version)
        await reconcile.no_more()
        queue.foreign = set()
        queue.readmit()
        await reconcile.reconciliations(1)
        await reconcile.no_more()
        assert queue.statistics().parked == 0


async def test_parked_key_is_reconciled_when_it_is_added_again() -> None:
    reconcile = Recorder()
    async with running(reconcile) as queue:
        queue.foreign = {KEY}
        queue.add(KEY)
        await reconcile.no_more()
        queue.foreign = set()
        queue.add(KEY)
        await reconcile.reconciliations(1)


async def test_parked_key_is_forgotten_with_its_object_and_discarded() -> None:
    reconcile = Recorder()
    async with running(reconcile) as queue:
        queue.foreign = {KEY, OTHER}
        queue.add(KEY)
        queue.add(OTHER)
        await reconcile.no_more()
        queue.forget(KEY)
        assert queue.statistics().parked == 1
        queue.discard_pending(keep=lambda _key: False)
        assert queue.statistics().parked == 0


async def test_discard_pending_keeps_only_the_selected_keys() -> None:
    reconcile = Recorder()
    async with running(reconcile, is_open=False) as queue:
        queue.add(KEY)
        queue.add(OTHER)
        queue.add_after(KEY, 0.01)
        queue.add_after(OTHER, 0.01)
        queue.discard_pending(keep=lambda key: key == OTHER)
        queue.open()
        await reconcile.reconciliations(1)
        await reconcile.no_more()
    assert set(reconcile.keys) == {OTHER}


async def test_discard_pending_ends_requeues_and_keeps_retries() -> None:
    reconcile = Recorder(Result(requeue_after=0.01), Result(error=RuntimeError("unavailable")), held=True)
    async with running(reconcile) as queue:
        queue.add(KEY)
        queue.add(OTHER)
        await reconcile.reconciliations(2)
        queue.discard_pending(keep=lambda _key: False)
        reconcile.go.set()
        await asyncio.sleep(0)
        await reconcile.reconciliations(1)
        await reconcile.no_more()
    assert reconcile.keys == [KEY, OTHER, OTHER]
