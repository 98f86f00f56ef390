"""What this process may begin now: passes and tries of the shards that it works on, by rules that it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_operator.domain.sharding import shard_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.controller.workqueue import Key, WorkQueue
    from notification_operator.delivery.attempt_tracker import Ledger
    from notification_operator.leadership.elector import Elector


class Duty:
    """Asked before each pass and before the tries of each pass.

    Args:
        elector: None for an operator that is alone, and works on everything.
        knows_rules: says whether the routing rules are known.
    """

    def __init__(
        self, *, elector: Elector | None, ledger: Ledger, queue: WorkQueue, knows_rules: Callable[[], bool]
    ) -> None:
        self._elector = elector
        self._ledger = ledger
        self._queue = queue
        self._knows_rules = knows_rules

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return 1 if self._elector is None else self._elector.shards

    @property
    def owned(self) -> int:
        """How many of them this process works on."""
        return 1 if self._elector is None else len(self._elector.working)

    def owns(self, uid: str) -> bool:
        """Return whether an object is this process's to work on; new tries begin only then."""
        return self._elector is None or self._elector.works(uid)

    def starts(self, key: Key) -> bool:
        """Return whether a pass may start; of a shard that is to be given back, those that record tries."""
        own = self.owns(key.uid) or (self.records(key.uid) and bool(self._ledger.over(key.uid)))
        return own and self._knows_rules()

    def records(self, uid: str) -> bool:
        """Return whether tries of an object may be recorded here, as long as its shard is held."""
        return self._elector is None or self._elector.works(uid) or self._elector.leaves(uid)

    def drained(self, shard: int) -> bool:
        """Return whether nothing of a shard is under way here."""
        uids = (*(key.uid for key in self._queue.in_pass), *self._ledger.uids)
        return all(shard_of(uid, self.shards) != shard for uid in uids)

    def abandon(self) -> int:
        """Drop the tries that another replica makes again, since they can be recorded here no more."""
        lost = [uid for uid in self._ledger.uids if not self.records(uid)]
        for uid in lost:
            self._ledger.forget(uid)
        return len(lost)
