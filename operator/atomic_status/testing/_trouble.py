"""What every `StatusStore` promises when a call fails: the right error, at once, and nothing half done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atomic_status._apply import Unchanged, apply
from atomic_status.errors import Rejected, StatusError, Unavailable
from atomic_status.testing._bench import BrokenPromise, demand
from atomic_status.testing._steps import STATUS, one, status_is

if TYPE_CHECKING:
    from atomic_status._ports import JsonObject, ObjectRef
    from atomic_status.testing._bench import TroubledBench, Verb

REFUSAL = 422
PAUSE = 7.0
AFTER: JsonObject = {"count": 1}


async def a_refused_call_is_rejected(bench: TroubledBench) -> None:
    """With the code that the API server gave, and nothing is written."""
    ref = await one(bench)
    for verb in ("GET", "PUT"):
        error = Rejected(ref, code=REFUSAL, reason="as ordered")
        met = await _meets(bench, ref, verb, error)
        demand(isinstance(met, Rejected), f"a refused {verb} raises Rejected, not {met!r}")
        code = getattr(met, "code", None)
        demand(code == REFUSAL, f"the code of a refusal is handed on: {code}")
        await status_is(bench, ref, STATUS, "a refused call changes nothing")


async def a_call_without_an_answer_is_unavailable(bench: TroubledBench) -> None:
    """A 5xx is neither repeated by the store nor taken for an end; the call after it goes through."""
    ref = await one(bench)
    for verb in ("GET", "PUT"):
        met = await _meets(bench, ref, verb, Unavailable(ref, reason="as ordered"))
        demand(isinstance(met, Unavailable), f"a {verb} without an answer raises Unavailable, not {met!r}")
        demand(getattr(met, "retry_after", None) is None, "no pause is made up")
        await status_is(bench, ref, STATUS, "a call that did not get there changes nothing")
    await bench.store.replace_status({**await bench.store.read(ref), "status": AFTER})
    await status_is(bench, ref, AFTER, "the call after it goes through")


async def a_pause_that_is_asked_for_is_handed_on(bench: TroubledBench) -> None:
    """In seconds; the store itself does not wait."""
    ref = await one(bench)
    for verb in ("GET", "PUT"):
        met = await _meets(bench, ref, verb, Unavailable(ref, reason="as ordered", retry_after=PAUSE))
        asked = getattr(met, "retry_after", None)
        demand(asked == PAUSE, f"retry_after of a {verb} is {PAUSE}, not {asked}")


async def a_write_whose_answer_is_lost_is_unavailable(bench: TroubledBench) -> None:
    """It is not made twice, and the kit's loop finds afterwards that nothing is left to be written."""
    ref = await one(bench)
    met = await _meets(bench, ref, "PUT", Unavailable(ref, reason="as ordered"), applied=True)
    demand(isinstance(met, Unavailable), f"a lost answer raises Unavailable, not {met!r}")
    await status_is(bench, ref, AFTER, "the write itself took effect")
    again = await apply(bench.store, ref, lambda _: AFTER)
    demand(isinstance(again, Unchanged), f"making it again asks for no change: {again}")


async def _meets(
    bench: TroubledBench,
    ref: ObjectRef,
    verb: Verb,
    error: Rejected | Unavailable,
    *,
    applied: bool = False,
) -> StatusError:
    """Let a call fail, and return the error that the store makes of it."""
    given = {**await bench.store.read(ref), "status": AFTER}
    await bench.fail_next(verb, error, applied=applied)
    try:
        await (bench.store.read(ref) if verb == "GET" else bench.store.replace_status(given))
    except StatusError as met:
        demand(str(met.ref) == str(ref), f"the error names {ref}, not {met.ref}")
        return met
    raise BrokenPromise(f"a {verb} that fails raises an error, once; it returned as if all were well")


TROUBLE = (
    a_refused_call_is_rejected,
    a_call_without_an_answer_is_unavailable,
    a_pause_that_is_asked_for_is_handed_on,
    a_write_whose_answer_is_lost_is_unavailable,
)
