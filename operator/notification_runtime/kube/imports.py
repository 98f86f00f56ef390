"""What a process of this platform does about its imports: it leaves out what no code uses, and spares the rest from garbage collection."""

from __future__ import annotations

import gc
import importlib.util
import sys
from typing import Final

GARBAGE: Final = 10_000
"""New objects, net of freed ones, before a collection of the youngest generation: one or two megabytes."""


def skip_unused_clients() -> None:
    """Import the Kubernetes client without its synchronous half and its tools: 7 MB, half a second."""
    # Their __init__ modules import everything.
    for package in ("kubernetes", "kubernetes.aio"):
        spec = importlib.util.find_spec(package)
        if spec is not None and package not in sys.modules:
            sys.modules[package] = importlib.util.module_from_spec(spec)
    # Kopf recognizes objects of the synchronous client if it can import it.
    sys.modules.setdefault("kubernetes.client", None)  # type: ignore[arg-type]  # documented: an import of it fails


def freeze_imports() -> None:
    """Exclude the imported objects from garbage collection, and collect less often.

    They live as long as the process; a collection of them takes 0.1 s, in which nothing else happens.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)
