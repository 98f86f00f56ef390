"""For tests: a store in memory, and the conformance suite of every `StatusStore`.

A controller's tests use `MemoryStore`. The author of another store runs `CONFORMANCE` against it, with a
`StoreHarness` that sets it up; see docs/contributing/atomic-status.md::

    @pytest.mark.parametrize("check", CONFORMANCE, ids=lambda check: check.__name__)
    async def test_my_store_conforms(check: Check) -> None:
        await check(MyHarness())
"""

from atomic_status.testing._faults import FAULTS
from atomic_status.testing._harness import (
    Check,
    ContractViolation,
    FaultCheck,
    FaultHarness,
    StoreHarness,
    Verb,
    require,
)
from atomic_status.testing._memory import MemoryHarness, MemoryStore
from atomic_status.testing._reads import READS
from atomic_status.testing._writes import WRITES

CONFORMANCE: tuple[Check, ...] = (*READS, *WRITES)
"""The checks of calls that succeed or conflict: `await check(harness)`."""
FAULT_CONFORMANCE: tuple[FaultCheck, ...] = FAULTS
"""The checks of calls that fail: `await check(fault_harness)`."""

__all__ = [
    "CONFORMANCE",
    "FAULT_CONFORMANCE",
    "Check",
    "ContractViolation",
    "FaultCheck",
    "FaultHarness",
    "MemoryHarness",
    "MemoryStore",
    "StoreHarness",
    "Verb",
    "require",
]
