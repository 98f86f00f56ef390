"""Loads an image from this machine's Docker into the container runtime of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_infra.cluster.kind import command
from platform_infra.cluster.kind.command import CLUSTER_LABEL, KindError
from platform_infra.cluster.local.daemon import connected
from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.docker_client import APIError, execute, execute_with_input, explanation

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_CTR = ("ctr", "--namespace=k8s.io", "images")
_ID_LABEL = "notification-platform.docker-id"


def load_image(container: str, tag: str) -> None:
    """Copy the image `tag` into a node if it does not have it; into all nodes of a cluster of `kind`.

    Raises:
        LocalNodeError: the node or the image does not exist, or the copy failed.
    """
    with connected() as client:
        try:
            cluster = client.containers.get(container).labels.get(CLUSTER_LABEL)
        except APIError as error:
            raise LocalNodeError(f"cannot load {tag} into {container}: {explanation(error)}") from error
    if cluster is None:
        load_into_container(container, tag)
        return
    try:
        command.load_image(cluster, tag)
    except KindError as error:
        raise LocalNodeError(str(error)) from None


def load_into_container(container: str, tag: str) -> None:
    """Copy the image `tag` into the container runtime of one container if it does not have it.

    Raises:
        LocalNodeError: the container or the image does not exist, or the copy failed.
    """
    with connected() as client:
        try:
            mark = f"{_ID_LABEL}={client.images.get(tag).id}"
            node = client.containers.get(container)
            if mark in execute(node, [*_CTR, "list", f"name==docker.io/{tag}"]).output:
                return
            _copy(client, node, tag)
            labelled = execute(node, [*_CTR, "label", f"docker.io/{tag}", mark])
        except APIError as error:
            raise LocalNodeError(f"cannot load {tag} into {container}: {explanation(error)}") from error
    if labelled.code != 0:
        raise LocalNodeError(f"{container} imported {tag} under another name: {labelled.output.strip()}")


def _copy(client: DockerClient, node: Container, tag: str) -> None:
    archive = client.api.get_image(tag)
    result = execute_with_input(client, node, [*_CTR, "import", "--local", "-"], archive)
    if result.code != 0:
        raise LocalNodeError(f"cannot load {tag} into {node.name}: {result.output.strip()}")
