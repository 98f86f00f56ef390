"""Writes without an answer that arrive later, or never: nothing starts that they would rule out, and nothing is lost."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from atomic_status import Unavailable
from notification_runtime.delivery.channel import Transient
from tests.unit.operator.controller.reconciler_fixture import IDLE, VISIBLE_AFTER, ReconcilerFixture, Stub
from tests.unit.operator.controller.test_reconciler_receivers import Composition, until_idle, webhook
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.controller.request import Result
    from notification_runtime.delivery.channel import Channel

pytestmark = pytest.mark.parametrize("arrives", [True, False], ids=["arrives", "never arrives"])


async def lost_write(fixture: ReconcilerFixture) -> Callable[[], None]:
    """Reconcile with a write that gets no answer; return what lets it arrive."""
    before = copy.deepcopy(fixture.store.objects)
    fixture.store.fail_next("PUT", Unavailable(fixture.ref, reason="timed out"), applied=True)
    assert isinstance((await fixture.reconcile()).error, Unavailable)
    late = fixture.status
    fixture.store.objects = before
    fixture.store.calls.clear()
    return lambda: fixture.store.write_status(fixture.ref, late)


async def until_planned(fixture: ReconcilerFixture) -> Result:
    """Reconcile as often as the queue does at once."""
    result = await fixture.reconcile()
    while fixture.requeued or (result.requeue_after is not None and result.requeue_after <= 0):
        fixture.operator.queue.forget(fixture.key)
        result = await fixture.reconcile()
    return result


async def test_receiver_gets_nothing_that_a_late_final_status_hides(*, arrives: bool) -> None:
    composition = Composition("hook", priority="low")
    composition.collections.put_receiver("hook", webhook(priorities=["critical"]))
    async with composition.following() as fixture:
        arrive = await lost_write(fixture)
        composition.collections.put_receiver("hook", webhook(), generation=2)
        await until_idle()
        if arrives:
            fixture.store.interfere_next(arrive)
        assert (await until_planned(fixture)).final
    assert (fixture.status["phase"], composition.calls) == ("Suppressed", [])
    assert fixture.verbs == (["GET", "PUT", "GET"] if arrives else ["GET", "PUT"])
    assert fixture.attempts == IDLE


async def test_suppressed_target_gets_nothing_after_a_late_write(*, arrives: bool) -> None:
    busy: dict[str, Channel] = {"console": Stub(Transient("busy"))}
    composition = Composition("hook", priority="low", channels=busy, to=["console"])
    composition.collections.put_receiver("hook", webhook(priorities=["critical"]))
    async with composition.following() as fixture:
        arrive = await lost_write(fixture)
        composition.collections.put_receiver("hook", webhook(), generation=2)
        await until_idle()
        if arrives:
            fixture.store.interfere_next(arrive)
        await until_planned(fixture)
    states = {target["name"]: target["state"] for target in fixture.status["targets"]}
    assert states == {"console": "Waiting", "webhook/hook": "Suppressed"}
    assert composition.calls == []


async def test_attempt_that_ends_after_a_lost_write_is_recorded(*, arrives: bool) -> None:
    slow = Stub(seconds=2 * VISIBLE_AFTER)
    fixture = ReconcilerFixture({"console": Stub(), "slack": slow})
    arrive = await lost_write(fixture)
    await until(lambda: not fixture.attempts.running)
    assert fixture.attempts.unrecorded == 2
    if arrives:
        fixture.store.interfere_next(arrive)
    await until_planned(fixture)
    assert (fixture.status["phase"], fixture.status["totalAttempts"], len(slow.calls)) == ("Sent", 2, 1)
    assert fixture.attempts == IDLE
