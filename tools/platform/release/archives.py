"""Archives whose bytes depend on the files in them alone: sorted, without owners, with one time."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

LEVEL: Final = 6
"""The level of compression; 9 would take longer than it saves."""


def normalized(archive: tarfile.TarFile, *, time: int) -> bytes:
    """Return the tar of another one's members."""
    members = {
        member.name.removeprefix("./").strip("/"): member for member in archive if member.name.strip("/.")
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as target:
        for name in sorted(members):
            member = members[name]
            _add(target, member, name, archive.extractfile(member) if member.isreg() else None, time)
    return buffer.getvalue()


def packed(files: Iterable[tuple[str, bytes]], *, time: int) -> bytes:
    """Return the tar of files by their name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as target:
        for name, content in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            _add(target, member, name, io.BytesIO(content), time)
    return buffer.getvalue()


def compressed(content: bytes) -> bytes:
    return gzip.compress(content, LEVEL, mtime=0)


def members(layers: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each regular file in the layers of an image."""
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            for member in archive:
                if member.isreg() and (file := archive.extractfile(member)):
                    yield member.name, file.read()


def _add(
    target: tarfile.TarFile, member: tarfile.TarInfo, name: str, content: IO[bytes] | None, time: int
) -> None:
    member.name, member.mtime = name, time
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.pax_headers = {}
    target.addfile(member, content)
