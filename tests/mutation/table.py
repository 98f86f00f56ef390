"""The mutations: each breaks one promise of the product, and names the checks that have to notice."""

from __future__ import annotations

from typing import Final

from tests.mutation.admission import ADMITTING
from tests.mutation.deliveries import DECIDING
from tests.mutation.processes import STOPPING, TAKING
from tests.mutation.records import STATUS, TELLING
from tests.mutation.texts import EXPLAINING, LEADING, MASKING, SHOWING

MUTATIONS: Final = (
    *DECIDING,
    *MASKING,
    *SHOWING,
    *EXPLAINING,
    *LEADING,
    *STATUS,
    *TELLING,
    *STOPPING,
    *TAKING,
    *ADMITTING,
)

UNTRIED: Final = frozenset(
    {
        "final is not final",
        "what failed is taken up again",
        "only the outermost error counts",
        "a bug of a channel ends the try without a result",
        "a try counts before it is over",
        "every message sent twice",
        "errors not cut",
        "errors as they come",
        "errors mixed up",
        "low priority waits",
        "passes begin late",
        "what is gone is an error",
        "events tied together by nothing",
        "tries counted twice",
        "audit not flushed at stop",
        "signal heeded late",
        "stop waits without a limit",
        "work without the Lease",
        "a connection for each request",
        "a deletion under way not noted",
        "a pass follows a pass",
        "a connection for each message of a burst",
        "tries never forgotten",
        "memory leaks",
        "tasks leak",
        "never idle",
        "a deletion is never believed",
        "subject without bounds",
        "a word more",
        "no priority by default",
        "another default",
        "a field left out",
        "names of one word only",
        "spec can be changed",
    }
)
"""Names of those that no cluster has seen as they are now: what turns red is an expectation. Take a name out when it has."""
