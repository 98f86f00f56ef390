"""How fast this machine compiles, from half a second of measuring.

The times in pins.py were measured in processor seconds of one machine: `REFERENCE` is what one of its cores counts in a second
if it does nothing else. A machine whose cores together count twice as much takes half of these seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

REFERENCE = 465.0
REFERENCE_CORES = 2
_SECONDS = 0.5
# zlib, because its speed does not depend on the version of Python.
_COUNT = f"""
import time, zlib
text = b"".join(b"%d %x;" % (n, n * n) for n in range(5000))
count, end = 0, time.monotonic() + {_SECONDS}
while time.monotonic() < end:
    zlib.compress(text)
    count += 1
print(count)
"""


@cache
def speed() -> float:
    """Return how many processor seconds of the reference machine this machine's cores do together in a second, measured once."""
    cores = len(os.sched_getaffinity(0))
    children = [
        subprocess.Popen([sys.executable, "-I", "-c", _COUNT], stdout=subprocess.PIPE, text=True)
        for _ in range(cores)
    ]
    counted = sum(int(child.communicate()[0] or 0) for child in children)
    return max(counted / _SECONDS / REFERENCE, 0.01)
