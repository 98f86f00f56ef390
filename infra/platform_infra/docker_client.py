"""The one client of the Docker daemon: connections, error translation, images, programs in containers.

No other module imports the Docker SDK or urllib3: Pulumi calls providers in threads of one process, and two threads that enter these
packages by different modules at the same time end in Python's error about a deadlock of imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import urllib3.exceptions
from docker.utils.socket import frames_iter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from docker import DockerClient
    from docker.models.containers import Container

APIError = docker.errors.APIError
ImageNotFound = docker.errors.ImageNotFound
NotFound = docker.errors.NotFound
HTTPError = urllib3.exceptions.HTTPError

CALL_SECONDS = 120
BUILD_SECONDS = 900
"""How long a build may be silent."""
DEFAULT_HOST = "unix:///var/run/docker.sock"
SHOWN_LINES = 15


class DockerError(Exception):
    """Docker failed; the message names the operation and contains Docker's own explanation."""


class DockerUnavailableError(DockerError):
    """No Docker daemon answers; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessResult:
    """The exit code of a program in a container, and what it wrote to stdout and stderr."""

    code: int
    output: str


@contextlib.contextmanager
def connected(*, seconds: int = CALL_SECONDS) -> Iterator[DockerClient]:
    """Yield a client of the daemon that DOCKER_HOST names; `seconds` limits each call.

    Raises:
        DockerUnavailableError: no daemon answers.
        DockerError: the daemon refused a call of the block.
    """
    host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    try:
        _require_listener(host)
        client = docker.from_env(timeout=seconds)
    except (OSError, docker.errors.DockerException) as error:
        raise DockerUnavailableError(
            f"the Docker daemon at {host} does not answer: {_cause(error)}"
        ) from error
    with contextlib.closing(client):
        try:
            yield client
        except docker.errors.DockerException as error:
            raise DockerError(f"Docker refused a call: {explanation(error)}") from error


def _require_listener(host: str) -> None:
    """Connect once to a Unix socket and close it: the SDK leaves its own socket open when nothing listens.

    Raises:
        OSError: nothing listens.
    """
    scheme, _, path = host.partition("://")
    if scheme == "unix":
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
            probe.connect(path)


def explanation(error: BaseException) -> str:
    """Return the daemon's own explanation of a failed call."""
    return str(getattr(error, "explanation", None) or error)


def has_image(client: DockerClient, tag: str) -> bool:
    try:
        client.images.get(tag)
    except NotFound:
        return False
    return True


def import_image(
    client: DockerClient, archive: Path | bytes, tag: str, *, changes: Sequence[str] = ()
) -> None:
    """Make an image of one layer from the tar of a file system; `changes` are lines of a Dockerfile.

    Raises:
        DockerError: the daemon rejected the archive.
    """
    repository, _, version = tag.rpartition(":")
    with contextlib.ExitStack() as stack:
        data = archive if isinstance(archive, bytes) else stack.enter_context(archive.open("rb"))
        response: str = client.api.import_image_from_data(
            data, repository=repository, tag=version, changes=list(changes)
        )
    for event in map(json.loads, response.splitlines()):
        if "error" in event:
            raise DockerError(f"docker import of {tag} failed: {event['error']}")


def pull_image(repository: str, digest: str, *, tag: str, seconds: int) -> None:
    """Pull an image by its digest and give it the name `tag`; the daemon may be silent for `seconds`.

    Raises:
        DockerError: the image cannot be pulled.
    """
    try:
        with connected(seconds=seconds) as client:
            for event in client.api.pull(repository, tag=digest, stream=True, decode=True):
                if "error" in event:
                    raise DockerError(str(event["error"]))
            name, _, version = tag.rpartition(":")
            client.images.get(f"{repository}@{digest}").tag(name, version)
    except (OSError, HTTPError) as error:
        raise DockerError(_cause(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    cached: bool = True
    """Whether layers that the daemon has may be part of the image."""


def build_image(
    client: DockerClient, context: BinaryIO, *, tag: str, options: BuildOptions, log: Path
) -> str:
    """Build an image from a tar that contains the Dockerfile and its files; the output is written to `log`.

    Returns:
        The ID of the image. Unlike the tag, no other user of the daemon can give it to another image.

    Raises:
        DockerError: a step failed; the message contains the end of the output.
    """
    events = client.api.build(
        fileobj=context,
        custom_context=True,
        tag=tag,
        buildargs=dict(options.arguments),
        labels=dict(options.labels),
        nocache=not options.cached,
        rm=True,
        decode=True,
        timeout=BUILD_SECONDS,
    )
    lines: list[str] = []
    image_id = ""
    with log.open("w", encoding="utf-8") as output:
        for event in events:
            image_id = (event.get("aux") or {}).get("ID", image_id)
            text = str(event.get("error") or event.get("stream") or event.get("status") or "")
            output.write(text)
            lines += text.splitlines()
            if "error" in event:
                last = "\n".join(f"    {line}" for line in lines[-SHOWN_LINES:])
                raise DockerError(f"docker build of {tag} failed; the end of {log}:\n{last}")
    return image_id


def execute(container: Container, command: Sequence[str]) -> ProcessResult:
    """Run a program in the container and wait for it."""
    code, output = container.exec_run(list(command))
    assert isinstance(output, bytes)
    return ProcessResult(code=int(code or 0), output=output.decode(errors="replace"))


def execute_with_input(
    client: DockerClient, container: Container, command: Sequence[str], chunks: Iterable[bytes]
) -> ProcessResult:
    """Run a program in the container with `chunks` as its stdin and wait for it."""
    process = client.api.exec_create(container.id, list(command), stdin=True)["Id"]
    stream: Any = client.api.exec_start(process, socket=True)
    # The SDK has no way to close one direction of the stream; the socket below it has.
    connection: socket.socket = getattr(stream, "_sock", stream)
    with contextlib.closing(stream), contextlib.closing(connection):
        # A large image takes longer than a call.
        connection.settimeout(None)
        # A program that exits early closes the connection; its exit code and output are the result.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for chunk in chunks:
                connection.sendall(chunk)
            connection.shutdown(socket.SHUT_WR)
        frames = frames_iter(stream, tty=False)  # type: ignore[no-untyped-call]  # the SDK lacks the annotation
        output = b"".join(data for _, data in frames)
    code = client.api.exec_inspect(process)["ExitCode"]
    return ProcessResult(code=int(code or 0), output=output.decode(errors="replace"))


def _cause(error: BaseException) -> str:
    """Return the innermost cause, without the layers of HTTP around it."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return getattr(error, "strerror", None) or str(error)
