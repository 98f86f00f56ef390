"""Brings an image from this machine's Docker into a node's container runtime."""

from __future__ import annotations

import subprocess

from docker.errors import APIError

from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.cluster.local.inside import execute
from platform_infra.cluster.local.node import connected

_CTR = ("ctr", "--namespace=k8s.io", "images")
_ID_LABEL = "notification-platform.docker-id"


def load_image(container: str, tag: str) -> bool:
    """Copies the image `tag` into the node; False when the node has this very image already.

    Raises:
        LocalNodeError: The node or the image is missing, or the copy failed.
    """
    with connected() as client:
        try:
            mark = f"{_ID_LABEL}={client.images.get(tag).id}"
            node = client.containers.get(container)
            _, listed = execute(node, [*_CTR, "list", f"name==docker.io/{tag}"])
            if mark in listed:
                return False
            _copy(container, tag)
            code, output = execute(node, [*_CTR, "label", f"docker.io/{tag}", mark])
        except APIError as error:
            raise LocalNodeError(
                f"cannot load {tag} into {container}: {error.explanation or error}"
            ) from error
    if code != 0:
        raise LocalNodeError(f"{tag} arrived in {container} under another name: {output.strip()}")
    return True


def _copy(container: str, tag: str) -> None:
    """Through Docker's command line: its Python client offers no stream into a process of a container."""
    load = ["docker", "exec", "--interactive", container, *_CTR, "import", "--local", "-"]
    with subprocess.Popen(["docker", "save", tag], stdout=subprocess.PIPE) as save:  # noqa: S603, S607 (see above)
        done = subprocess.run(  # noqa: S603 (likewise)
            load, stdin=save.stdout, capture_output=True, text=True, check=False
        )
    if done.returncode != 0 or save.returncode != 0:
        raise LocalNodeError(
            f"cannot load {tag} into {container}: {done.stderr.strip() or 'docker save failed'}"
        )
