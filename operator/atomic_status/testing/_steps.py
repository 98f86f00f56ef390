"""What the promises of a store are tried on, and with."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from atomic_status.errors import StatusError
from atomic_status.testing._bench import BrokenPromise, demand

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from atomic_status._ports import JsonObject, ObjectRef
    from atomic_status.testing._bench import Bench

SPEC: JsonObject = {"colour": "red", "sizes": [1, 2]}
STATUS: JsonObject = {"count": 0, "list": [{"a": 1}]}
ODD: JsonObject = {
    "text": '日本語 🚨 "quoted" \\ \n\t \u2028',
    "large": 2**53 - 1,
    "deep": {"list": [{"x": [{"y": False}]}], "empty": {}, "none of them": []},
    "a.key/with-signs": 0,
    "half": 0.5,
}


async def one(bench: Bench) -> ObjectRef:
    """Create the object that a promise is tried on."""
    return await bench.create("one", spec=copy.deepcopy(SPEC), status=copy.deepcopy(STATUS))


async def with_status(bench: Bench, ref: ObjectRef, status: JsonObject) -> JsonObject:
    """Return the object as it is now, with another status to be written."""
    return {**await bench.store.read(ref), "status": copy.deepcopy(status)}


async def status_is(bench: Bench, ref: ObjectRef, status: JsonObject, promise: str) -> None:
    """Demand that the store reads this status."""
    found = (await bench.store.read(ref))["status"]
    demand(found == status, f"{promise}: expected {status}, found {found}")


async def raises(
    kind: type[StatusError] | tuple[type[StatusError], ...],
    call: Awaitable[Any],
    ref: ObjectRef,
    promise: str,
) -> None:
    """Demand that the call raises an error of the kind, about this object."""
    try:
        returned = await call
    except kind as error:
        demand(str(error.ref) == str(ref), f"{promise}: the error names {ref}, not {error.ref}")
    except StatusError as error:
        raise BrokenPromise(f"{promise}: raised {error!r}") from error
    else:
        raise BrokenPromise(f"{promise}: returned {returned}")


def spoil(part: dict[str, Any] | list[Any]) -> None:
    """Do to an object what a careless caller would, down to its last list."""
    for inner in part.values() if isinstance(part, dict) else part:
        if isinstance(inner, dict | list):
            spoil(inner)
    part.clear()
