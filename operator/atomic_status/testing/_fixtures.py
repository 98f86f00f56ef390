"""Objects and steps that the conformance checks share."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from atomic_status.errors import StatusError
from atomic_status.testing._harness import ContractViolation, require

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from atomic_status._ports import JsonObject, ObjectRef
    from atomic_status.testing._harness import StoreHarness

SPEC: JsonObject = {"colour": "red", "sizes": [1, 2]}
STATUS: JsonObject = {"count": 0, "list": [{"a": 1}]}
ODD: JsonObject = {
    "text": '日本語 🚨 "quoted" \\ \n\t \u2028',
    "large": 2**53 - 1,
    "deep": {"list": [{"x": [{"y": False}]}], "empty": {}, "no items": []},
    "a.key/with-signs": 0,
    "half": 0.5,
}


async def create_one(harness: StoreHarness) -> ObjectRef:
    """Create the object of a check."""
    return await harness.create("one", spec=copy.deepcopy(SPEC), status=copy.deepcopy(STATUS))


async def with_status(harness: StoreHarness, ref: ObjectRef, status: JsonObject) -> JsonObject:
    """Return the present object with another status to write."""
    return {**await harness.store.read(ref), "status": copy.deepcopy(status)}


async def status_is(harness: StoreHarness, ref: ObjectRef, status: JsonObject, expectation: str) -> None:
    """Require that the store reads this status."""
    actual = (await harness.store.read(ref))["status"]
    require(actual == status, f"{expectation}: expected {status}, read {actual}")


async def raises(
    kind: type[StatusError] | tuple[type[StatusError], ...],
    call: Awaitable[Any],
    ref: ObjectRef,
    expectation: str,
) -> None:
    """Require that the call raises an error of this kind about this object."""
    try:
        returned = await call
    except kind as error:
        require(str(error.ref) == str(ref), f"{expectation}: the error names {ref}, not {error.ref}")
    except StatusError as error:
        raise ContractViolation(f"{expectation}: raised {error!r}") from error
    else:
        raise ContractViolation(f"{expectation}: returned {returned}")


def spoil(part: dict[str, Any] | list[Any]) -> None:
    """Clear every mapping and list of an object, as a careless caller might."""
    for inner in part.values() if isinstance(part, dict) else part:
        if isinstance(inner, dict | list):
            spoil(inner)
    part.clear()
