"""The loop: fresh read, change in memory, one write, again on conflict. Nothing else retries one."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from atomic_status._ports import JsonObject
from atomic_status.errors import Conflict, ConflictExhausted, Gone

if TYPE_CHECKING:
    from atomic_status._ports import ObjectRef, StatusStore

Change: TypeAlias = Callable[[JsonObject], JsonObject]
"""From an object to its next status.

It may run again on a newer object, so it must decide from its argument alone. The argument is a
copy of its own: a change that works in place is as good as one that builds a new status.
"""

DEFAULT_TRIES = 5
"""Conflicting writes that are met before a pass gives up."""
DEFAULT_PAUSE = 0.01
"""Seconds before a conflicting write is tried again; a competing writer needs about that long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The one write that happened."""

    before: JsonObject
    """The object that it was based on."""
    after: JsonObject
    """The object as it is stored now."""
    tries: int
    """How many writes it took; all but the last one met a conflict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """The change asked for nothing new, so nothing was written."""

    current: JsonObject
    """The object as it was read."""


async def apply(  # noqa: PLR0913 - three values and three optional tunings
    store: StatusStore,
    ref: ObjectRef,
    change: Change,
    *,
    base: JsonObject | None = None,
    tries: int = DEFAULT_TRIES,
    pause: float = DEFAULT_PAUSE,
) -> Applied | Unchanged:
    """Write the status that `change` decides from a fresh read, in one update (DD-PERF-001).

    Args:
        store: where the object lives.
        ref: the object; with a uid, only that incarnation is ever written.
        change: decides the next status from the object just read (DD-STATUS-001).
        base: a fresh read of this very pass, to be used for the first try instead of another read.
        tries: how many conflicting writes are met before giving up.
        pause: seconds between a conflict and the next read.

    Returns:
        `Applied` after one successful write, or `Unchanged` when `change` asked for nothing new.

    Raises:
        Gone: the object, or the incarnation that `ref` or `base` names, no longer exists.
        ConflictExhausted: each of the tries met another writer.
        Rejected: the API server refuses the read or the write for good.
        Unavailable: there was no usable answer; a write may or may not have been applied.
        Whatever `change` raises; then nothing is written.
    """
    if base is not None and ref.uid is None:
        ref = replace(ref, uid=base["metadata"]["uid"])
    for attempt in range(1, tries + 1):
        before = base if base is not None and attempt == 1 else await store.read(ref)
        if ref.uid is not None and before["metadata"]["uid"] != ref.uid:
            raise Gone(ref)
        status = change(copy.deepcopy(before))
        if status == before.get("status"):
            return Unchanged(current=before)
        try:
            after = await store.replace_status({**before, "status": status})
        except Conflict:
            await asyncio.sleep(pause)
            continue
        return Applied(before=before, after=after, tries=attempt)
    raise ConflictExhausted(ref, tries=tries)
