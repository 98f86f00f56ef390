"""Makes every fsync of a process slow, as on a disk that is overloaded: Python imports this module at its start."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

SECONDS = float(os.environ.get("CHAOS_FSYNC_SECONDS", "0"))
_fsync = os.fsync


def fsync(fd: FileDescriptorLike) -> None:
    time.sleep(SECONDS)  # the fault itself
    _fsync(fd)


os.fsync = fsync
