"""The pinned SHA-256 of release files, in checksums.txt.

The file is not part of a group's pins, because those determine the name of a group in the cache: a checksum that is added
later does not require a new build.
"""

from __future__ import annotations

import re
from pathlib import Path

FILE = Path(__file__).with_name("checksums.txt")
_LINE = re.compile(r"(?P<checksum>[0-9a-f]{64})  (?P<address>https://\S+)")


def pinned(file: Path = FILE) -> dict[str, str]:
    """Return the checksum of each address.

    Raises:
        ValueError: a line is invalid, or an address has two lines.
    """
    checksums: dict[str, str] = {}
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or match["address"] in checksums:
            raise ValueError(f"{file.name}, line {number}: invalid or repeated: {line}")
        checksums[match["address"]] = match["checksum"]
    return checksums
