"""Makes every fsync of a process slow, as on a disk that is overloaded: Python imports this module at its start."""

import os
import time

SECONDS = float(os.environ.get("CHAOS_FSYNC_SECONDS", "0"))
_fsync = os.fsync


def fsync(descriptor: int) -> None:
    time.sleep(SECONDS)
    _fsync(descriptor)


os.fsync = fsync
