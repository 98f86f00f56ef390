"""For tests: a store in memory, and what every `StatusStore` promises, to be run against any of them.

A controller's tests take `MemoryStore`. Who writes a store of their own holds it against `PROMISES`,
with a `Bench` that sets it up; see docs/atomic-status.md::

    @pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
    async def test_my_store_keeps_every_promise(promise: Promise) -> None:
        await promise(MyBench())
"""

from atomic_status.testing._bench import (
    Bench,
    BrokenPromise,
    Promise,
    TroubledBench,
    TroublePromise,
    Verb,
)
from atomic_status.testing._memory import MemoryBench, MemoryStore
from atomic_status.testing._reads import READS
from atomic_status.testing._trouble import TROUBLE
from atomic_status.testing._writes import WRITES

PROMISES: tuple[Promise, ...] = (*READS, *WRITES)
"""Every promise that needs no trouble: `await promise(bench)`."""
TROUBLE_PROMISES: tuple[TroublePromise, ...] = TROUBLE
"""Every promise about calls that fail: `await promise(troubled_bench)`."""

__all__ = [
    "PROMISES",
    "TROUBLE_PROMISES",
    "Bench",
    "BrokenPromise",
    "MemoryBench",
    "MemoryStore",
    "Promise",
    "TroublePromise",
    "TroubledBench",
    "Verb",
]
