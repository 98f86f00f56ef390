"""Conformance of failing calls: the right error, at once, and no partial write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atomic_status._apply import Unchanged, apply
from atomic_status.errors import Rejected, StatusError, Unavailable
from atomic_status.testing._fixtures import STATUS, create_one, status_is
from atomic_status.testing._harness import ContractViolation, require

if TYPE_CHECKING:
    from atomic_status._ports import JsonObject, ObjectRef
    from atomic_status.testing._harness import FaultHarness, Verb

REFUSAL = 422
RETRY_AFTER = 7.0
AFTER: JsonObject = {"count": 1}


async def refused_call_raises_rejected(harness: FaultHarness) -> None:
    """The error carries the code of the API server, and nothing is written."""
    ref = await create_one(harness)
    for verb in ("GET", "PUT"):
        error = Rejected(ref, code=REFUSAL, reason="injected")
        raised = await _failure(harness, ref, verb, error)
        require(isinstance(raised, Rejected), f"a refused {verb} raises Rejected, not {raised!r}")
        code = getattr(raised, "code", None)
        require(code == REFUSAL, f"the error carries the code {REFUSAL}, not {code}")
        await status_is(harness, ref, STATUS, "a refused call changes nothing")


async def failed_call_raises_unavailable(harness: FaultHarness) -> None:
    """A 5xx is neither retried by the store nor reported as Gone; the next call succeeds."""
    ref = await create_one(harness)
    for verb in ("GET", "PUT"):
        raised = await _failure(harness, ref, verb, Unavailable(ref, reason="injected"))
        require(
            isinstance(raised, Unavailable), f"a {verb} without a response raises Unavailable, not {raised!r}"
        )
        require(getattr(raised, "retry_after", None) is None, "without Retry-After there is no retry_after")
        await status_is(harness, ref, STATUS, "a failed call changes nothing")
    await harness.store.replace_status({**await harness.store.read(ref), "status": AFTER})
    await status_is(harness, ref, AFTER, "the next call succeeds")


async def retry_after_is_passed_on(harness: FaultHarness) -> None:
    """In seconds; the store itself does not wait."""
    ref = await create_one(harness)
    for verb in ("GET", "PUT"):
        raised = await _failure(
            harness, ref, verb, Unavailable(ref, reason="injected", retry_after=RETRY_AFTER)
        )
        delay = getattr(raised, "retry_after", None)
        require(delay == RETRY_AFTER, f"retry_after of a {verb} is {RETRY_AFTER}, not {delay}")


async def lost_response_raises_unavailable(harness: FaultHarness) -> None:
    """The store does not repeat the write, and the next `apply` has nothing left to write."""
    ref = await create_one(harness)
    raised = await _failure(harness, ref, "PUT", Unavailable(ref, reason="injected"), applied=True)
    require(isinstance(raised, Unavailable), f"a lost response raises Unavailable, not {raised!r}")
    await status_is(harness, ref, AFTER, "the write took effect")
    again = await apply(harness.store, ref, lambda _: AFTER)
    require(isinstance(again, Unchanged), f"applying the change again writes nothing: {again}")


async def _failure(
    harness: FaultHarness,
    ref: ObjectRef,
    verb: Verb,
    error: Rejected | Unavailable,
    *,
    applied: bool = False,
) -> StatusError:
    """Let a call fail, and return the error that the store raises."""
    obj = {**await harness.store.read(ref), "status": AFTER}
    await harness.fail_next(verb, error, applied=applied)
    try:
        await (harness.store.read(ref) if verb == "GET" else harness.store.replace_status(obj))
    except StatusError as raised:
        require(str(raised.ref) == str(ref), f"the error names {ref}, not {raised.ref}")
        return raised
    raise ContractViolation(f"a failing {verb} raises an error; it returned")


FAULTS = (
    refused_call_raises_rejected,
    failed_call_raises_unavailable,
    retry_after_is_passed_on,
    lost_response_raises_unavailable,
)
