"""Programs and Docker calls that build an image, with failures as errors that name the next step."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra import docker_client
from platform_infra.docker_client import DockerError

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator, Sequence

    from docker import DockerClient

_SHOWN_LINES = 15


class NodeImageError(Exception):
    """An image cannot be built; the message names the step, the end of its output and the next step, if it is known."""


def run(command: Sequence[str], *, log: Path | None = None) -> str:
    """Run a program and return its output; with `log`, also write the output to that file."""
    try:
        process = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise NodeImageError(
            f"`{command[0]}` is not on PATH: install it and run the same command again"
        ) from error
    if log is not None:
        log.write_text(process.stdout)
    if process.returncode != 0:
        lines = "\n".join(f"    {line}" for line in process.stdout.splitlines()[-_SHOWN_LINES:])
        raise NodeImageError(f"`{' '.join(command[:3])}` exited with {process.returncode}:\n{lines}")
    return process.stdout


@contextlib.contextmanager
def connected() -> Iterator[DockerClient]:
    """Yield a client of the Docker daemon; a failure of the block is an error of the image, too."""
    try:
        with docker_client.connected() as client:
            yield client
    except DockerError as error:
        raise NodeImageError(str(error)) from error


def owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Return the member with root as its owner, or None for bytecode, which is not part of an image."""
    if "__pycache__" in Path(member.name).parts:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
