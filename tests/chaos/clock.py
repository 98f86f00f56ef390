"""The wall clock of one process: libfaketime steps it while the process runs, and leaves monotonic clocks alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tools.platform.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Mapping

LIBRARY = "faketime/libfaketimeMT.so.1"
FOLDERS = ("/usr/lib", "/usr/local/lib")


class SteppedClock:
    """`variables` are for the process that gets this clock."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.step("+0")
        self.variables: Mapping[str, str] = {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, offset: str) -> None:
        """Set the distance from the true time, such as `+1h` or `-1d`; the process notices within a second."""
        new = self._file.with_suffix(".new")
        new.write_text(offset + "\n", "ascii")
        new.rename(self._file)


def library() -> Path:
    """Return the library.

    Raises:
        PlatformError: it is not installed.
    """
    libraries = [file for folder in FOLDERS for file in Path(folder).glob(f"**/{LIBRARY}")]
    if not libraries:
        raise PlatformError(
            f"{LIBRARY} is not installed, and the scenarios with clock steps need it",
            hint="install it (Debian: apt-get install faketime), or leave them out with --skip clock",
        )
    return libraries[0]
