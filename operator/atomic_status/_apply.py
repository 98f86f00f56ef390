"""The loop: fresh read, change in memory, one write, again on conflict. It is the only retry of the kit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import random
from typing import TYPE_CHECKING, Any, TypeAlias

from atomic_status._ports import JsonObject
from atomic_status.errors import Conflict, ConflictExhausted, Gone

if TYPE_CHECKING:
    from atomic_status._ports import ObjectRef, StatusStore

Change: TypeAlias = Callable[[JsonObject], JsonObject]
"""From an object to its next status.

It may run again on a newer object, so it must decide from its argument alone. The argument is a private
copy: a change may work in place or build a new status.
"""

DEFAULT_MAX_ATTEMPTS = 5
"""Writes that may conflict before `apply` gives up."""
DEFAULT_RETRY_DELAY = 0.01
"""Seconds between a conflict and the next read; a competing writer needs about that long."""

JITTER = 0.1
"""The share of the delay that is added at most, so that two writers do not conflict again in step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The status was written once."""

    before: JsonObject
    """The object that the write was based on."""
    after: JsonObject
    """The object as it is stored now."""
    attempts: int
    """The number of writes; all but the last one conflicted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """The change returned the present status, so nothing was written."""

    current: JsonObject
    """The object as it was read."""


async def apply(  # noqa: PLR0913 - three values and four optional tunings
    store: StatusStore,
    ref: ObjectRef,
    change: Change,
    *,
    base: JsonObject | None = None,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    retry_delay: float = DEFAULT_RETRY_DELAY,
    spread: Callable[[], float] | None = None,
) -> Applied | Unchanged:
    """Write the status that `change` decides from a fresh read, in one update (DD-PERF-001).

    Args:
        store: the store of the object.
        ref: the object; with a uid, no other incarnation is ever written.
        change: decides the next status from the object just read (DD-STATUS-001).
        base: a fresh read of the same reconciliation, used by the first attempt in place of another read.
        max_attempts: writes that may conflict before giving up.
        retry_delay: seconds between a conflict and the next read, to which up to 10 % are added.
        spread: returns random numbers in [0, 1), which decide how much is added; None: `random.random`.

    Returns:
        `Applied` after one successful write, or `Unchanged` when `change` returned the present status.

    Raises:
        Gone: the object, or the incarnation that `ref` or `base` names, no longer exists.
        ConflictExhausted: every attempt conflicted with another writer.
        Rejected: the API server refuses the read or the write permanently.
        Unavailable: there was no usable response; a write may or may not have been applied.
        Whatever `change` raises; then nothing is written.
    """
    if base is not None and ref.uid is None:
        ref = replace(ref, uid=base["metadata"]["uid"])
    for attempt in range(1, max_attempts + 1):
        before = base if base is not None and attempt == 1 else await store.read(ref)
        if ref.uid is not None and before["metadata"]["uid"] != ref.uid:
            raise Gone(ref)
        status = change(_copy(before))
        if status == before.get("status"):
            return Unchanged(current=before)
        try:
            after = await store.replace_status({**before, "status": status})
        except Conflict:
            await asyncio.sleep(retry_delay * (1 + JITTER * (spread or random)()))
            continue
        return Applied(before=before, after=after, attempts=attempt)
    raise ConflictExhausted(ref, attempts=max_attempts)


def _copy(value: Any) -> Any:  # noqa: ANN401 - any value of a JSON document
    """Copy a JSON document; `copy.deepcopy` takes almost three times as long."""
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_copy(each) for each in value]
    return value
