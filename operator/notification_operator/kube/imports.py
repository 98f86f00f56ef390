"""What a process of this platform does about its imports: it leaves out the synchronous client, and spares the rest from garbage collection."""

from __future__ import annotations

import gc
import importlib.util
import sys
from typing import Final

GARBAGE: Final = 10_000
"""New objects, net of freed ones, before a collection of the youngest generation: one or two megabytes."""


def skip_synchronous_client() -> None:
    """Import `kubernetes` without running its `__init__`, which loads the synchronous client: 6 MB, half a second."""
    spec = importlib.util.find_spec("kubernetes")
    if spec is not None and "kubernetes" not in sys.modules:
        sys.modules["kubernetes"] = importlib.util.module_from_spec(spec)


def freeze_imports() -> None:
    """Exclude the imported objects from garbage collection, and collect less often.

    They live as long as the process; a collection of them takes 0.1 s, in which nothing else happens.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)
