"""What may begin: of shards that are held and not about to be given back, and by rules that are known."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from notification_operator.controller.workqueue import Key
from notification_operator.delivery.attempt_tracker import Ledger
from notification_operator.domain.routing.route import resolve
from notification_operator.domain.sharding import shard_of
from notification_operator.leadership.ownership import Duty
from tests.unit.operator.domain.builders import notification, success

if TYPE_CHECKING:
    from notification_operator.domain.model import Attempt

SHARDS = 4
KEYS = {shard_of(f"{number}-0000", SHARDS): Key("shop", "order", f"{number}-0000") for number in range(20)}
"""By shard a key of it."""


class Office:
    """A duty with an elector and a queue that say what a test wants."""

    def __init__(self, *, works: set[int] = frozenset(), leaves: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.elector = SimpleNamespace(
            shards=SHARDS,
            working=frozenset(works),
            works=lambda uid: shard_of(uid, SHARDS) in works,
            leaves=lambda uid: shard_of(uid, SHARDS) in leaves,
        )
        self.ledger = Ledger()
        self.in_pass: list[Key] = []
        self.knows = True
        self.duty = Duty(
            elector=cast("Any", self.elector),
            ledger=self.ledger,
            queue=cast("Any", SimpleNamespace(in_pass=self.in_pass)),
            knows_rules=lambda: self.knows,
        )

    async def has_tried(self, key: Key, *, over: bool = True) -> None:
        async def attempt() -> Attempt:
            if not over:
                await asyncio.sleep(3600)
            return success("console")

        self.ledger.start(key.uid, "console", resolve(notification("console")), attempt())
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def test_an_operator_that_is_alone_works_on_everything_once_it_knows_the_rules() -> None:
    office = Office()
    alone = Duty(
        elector=None,
        ledger=office.ledger,
        queue=cast("Any", None),
        knows_rules=lambda: office.knows,
    )
    assert (alone.shards, alone.owned, alone.owns("any"), alone.starts(KEYS[0])) == (1, 1, True, True)
    office.knows = False
    assert not alone.starts(KEYS[0])


def test_passes_and_tries_begin_in_the_shards_that_are_held_and_in_no_other() -> None:
    duty = Office(works={1, 2}).duty
    assert [duty.owns(KEYS[shard].uid) for shard in range(SHARDS)] == [False, True, True, False]
    assert [duty.starts(KEYS[shard]) for shard in range(SHARDS)] == [False, True, True, False]
    assert (duty.shards, duty.owned) == (SHARDS, 2)


async def test_of_a_shard_that_is_given_back_only_passes_start_that_have_a_try_to_record() -> None:
    office = Office(leaves={1})
    assert not office.duty.starts(KEYS[1])
    await office.has_tried(KEYS[1])
    assert office.duty.starts(KEYS[1])
    assert not office.duty.owns(KEYS[1].uid)


async def test_a_shard_is_drained_when_no_pass_no_try_and_no_record_of_it_is_outstanding() -> None:
    office = Office(leaves={0, 1, 2})
    office.in_pass.append(KEYS[0])
    await office.has_tried(KEYS[1])
    await office.has_tried(KEYS[2], over=False)
    assert [office.duty.drained(shard) for shard in range(SHARDS)] == [False, False, False, True]
    office.in_pass.clear()
    office.ledger.forget(KEYS[1].uid)
    office.ledger.forget(KEYS[2].uid)
    assert all(office.duty.drained(shard) for shard in range(SHARDS))
    office.ledger.cancel()


async def test_what_is_another_replica_s_is_abandoned_and_what_can_still_be_recorded_is_not() -> None:
    office = Office(works={1}, leaves={2})
    for shard in range(3):
        await office.has_tried(KEYS[shard])
    assert office.duty.abandon() == 1
    assert set(office.ledger.uids) == {KEYS[1].uid, KEYS[2].uid}


@pytest.mark.parametrize("over", [True, False])
async def test_a_stop_waits_for_no_try_of_a_lease_that_is_lost(over: bool) -> None:  # noqa: FBT001
    office = Office()
    await office.has_tried(KEYS[0], over=over)
    assert office.duty.abandon() == 1
    async with asyncio.timeout(1):
        await office.ledger.drained()
    office.ledger.cancel()
