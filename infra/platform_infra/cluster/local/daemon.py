"""The connection to the Docker daemon, with failures as errors of the local node."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from platform_infra import docker_client
from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.docker_client import DockerError, DockerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient


@contextlib.contextmanager
def connected() -> Iterator[DockerClient]:
    """Yield a client of the Docker daemon.

    Raises:
        LocalNodeError: no daemon answers, or it refused a call of the block.
    """
    try:
        with docker_client.connected() as client:
            yield client
    except DockerUnavailableError as error:
        raise LocalNodeError(
            f"a local node needs Docker: {error}; start it (`tools/with-env python -m tools.localcluster.runtime.dockerd`), "
            "or set clusterKind to `existing`"
        ) from error
    except DockerError as error:
        raise LocalNodeError(str(error)) from error
