"""What the build contexts of the images have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tarfile


def owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Return the member with root as its owner, or None for bytecode, which is not part of an image."""
    if "__pycache__" in Path(member.name).parts:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
