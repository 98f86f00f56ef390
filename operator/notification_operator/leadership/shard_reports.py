"""Which shards of a replica have changed since its observers last heard of them, and what was refused meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_operator.leadership.lease import LeaseCandidate

logger = structlog.get_logger(__name__)


class ShardReports:
    """Compares the shards with those of the latest report, and logs Leases that were acquired or lost."""

    def __init__(self, candidates: Sequence[LeaseCandidate]) -> None:
        self._candidates = candidates
        self._reported: tuple[tuple[bool, bool], ...] = ((False, False),) * len(candidates)
        """Whether each shard was worked on, and leaving, at the latest report."""
        self._refused: set[int] = set()
        """The shards of which an object was refused, because this replica does not work on them."""

    @property
    def gained(self) -> bool:
        """Whether this replica works on a shard that it did not work on at the latest report."""
        pairs = zip(self._candidates, self._reported, strict=True)
        return any(candidate.working and not before for candidate, (before, _) in pairs)

    def works_on(self, shard: int) -> bool:
        """Return whether this replica works on a shard, and remember a refusal."""
        works = self._candidates[shard].working
        if not works:
            self._refused.add(shard)
        return works

    def take_refusals(self) -> bool:
        """Return whether an object was refused of a shard that this replica works on now; its key has to be readmitted.

        A Lease that is lost and won again between two reports changes nothing else that could be reported.
        """
        outdated = {shard for shard in self._refused if self._candidates[shard].working}
        self._refused -= outdated
        return bool(outdated)

    def take(self) -> bool:
        """Take the current shards as reported; return whether they differ from those before."""
        now = tuple((candidate.working, candidate.leaving) for candidate in self._candidates)
        if now == self._reported:
            return False
        for candidate, (before, _), (works, _) in zip(self._candidates, self._reported, now, strict=True):
            if before is not works:
                logger.info("lease acquired" if works else "lease lost", lease=candidate.name)
        self._reported = now
        return True
