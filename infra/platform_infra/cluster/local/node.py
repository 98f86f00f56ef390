"""The node's container: create, read and delete it with everything that belongs to it.

Every object that `create` creates has the stack's label, and `delete` deletes every object with that label.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from platform_infra.cluster.local.daemon import connected
from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.cluster.local.readiness import wait_ready
from platform_infra.cluster.local.spec import (
    API_PORT,
    CHECKOUT,
    CHECKOUT_LABEL,
    CURRENT_IMAGE,
    CURRENT_NETWORK_POLICY_IMAGE,
    LABEL,
    NodeInfo,
    NodeSpec,
    for_this_machine,
)
from platform_infra.docker_client import APIError, ImageNotFound, NotFound, explanation, has_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient
    from docker.models.containers import Container

    Launch: TypeAlias = Callable[[DockerClient, str, dict[str, Any]], Container]

_NODE_IMAGE_LABEL = "ai.kubernaut.notification-platform.image=node"
_BUILD_IMAGE = "run `tools/with-env python -m tools.localcluster.image` in a checkout of this repository"
_KUBECONFIG = "/etc/kubernetes/admin.conf"
_CGROUPS = {"/sys/fs/cgroup": {"bind": "/sys/fs/cgroup", "mode": "rw"}}
_STOP_SECONDS = 3
_PRIVILEGED: dict[str, Any] = {"privileged": True}
# For machines without CAP_SYS_RESOURCE, which cannot grant it to a container.
_CAPABILITIES: dict[str, Any] = {
    "cap_add": ["ALL"],
    "cap_drop": ["SYS_RESOURCE"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "devices": ["/dev/kmsg:/dev/kmsg:rwm"],
}


def current_image(*, network_policy: bool = False) -> str:
    """Return the content-based tag of the node image that this machine built last.

    With `network_policy` it is the image whose node enforces NetworkPolicies.

    Raises:
        LocalNodeError: there is no node image.
    """
    current = CURRENT_NETWORK_POLICY_IMAGE if network_policy else CURRENT_IMAGE
    with connected() as client:
        try:
            tags = client.images.get(current).tags
        except ImageNotFound as error:
            option = ", with --network-policy" if network_policy else ""
            raise LocalNodeError(f"there is no image {current}: {_BUILD_IMAGE}{option}") from error
    by_content = sorted(
        tag for tag in tags if tag.startswith("notification-platform/node:") and tag != current
    )
    return by_content[0] if by_content else current


def docker_run(client: DockerClient, image: str, arguments: dict[str, Any]) -> Container:
    """Start a container; `arguments` are those of the Docker SDK."""
    return client.containers.run(image, detach=True, **arguments)


def create(spec: NodeSpec, *, launch: Launch = docker_run) -> NodeInfo:
    """Create a node and wait until it is ready; an existing node with the same name is deleted first.

    `launch` starts the container; a test harness may start it in its own way.

    Raises:
        LocalNodeError: the node could not be created or did not become ready; it has been deleted again.
    """
    with connected() as client:
        _require_image(client, spec.image)
        _require_same_checkout(client, spec)
        _remove(client, spec)
        try:
            container = _run(client, spec, launch)
            wait_ready(container)
            return _describe(container)
        except APIError as error:
            _remove(client, spec)
            raise LocalNodeError(
                f"Docker cannot create the node {spec.name}: {explanation(error)}"
            ) from error
        except BaseException:
            _remove(client, spec)
            raise


def read(stack: str) -> NodeInfo | None:
    """Return the stack's node, or None if it does not exist or does not run."""
    spec = NodeSpec(stack=stack, image="")
    with connected() as client:
        try:
            container = client.containers.get(spec.name)
        except NotFound:
            return None
        return _describe(container) if container.status == "running" else None


def delete(stack: str) -> None:
    """Delete the node, its volumes and its cgroup; objects that do not exist are not an error."""
    with connected() as client:
        _remove(client, NodeSpec(stack=stack, image=""))


def _require_image(client: DockerClient, image: str) -> None:
    """Refuse a missing image, which Docker would try to pull from a registry."""
    if not has_image(client, image):
        raise LocalNodeError(f"there is no image {image} on this machine: {_BUILD_IMAGE}")


def _require_same_checkout(client: DockerClient, spec: NodeSpec) -> None:
    """Refuse to delete a node with the same name that belongs to another checkout."""
    try:
        owner = client.containers.get(spec.name).labels.get(CHECKOUT_LABEL, CHECKOUT)
    except NotFound:
        return
    if owner != CHECKOUT and Path(owner).exists():
        raise LocalNodeError(
            f"the node {spec.name} belongs to the checkout in {owner}: destroy it there "
            f"(`make down STACK={spec.stack}`), or choose another name for this stack"
        )


def _run(client: DockerClient, spec: NodeSpec, launch: Launch) -> Container:
    """Start the container, privileged if the machine allows it."""
    for volume in spec.volumes:
        client.volumes.create(volume, labels=spec.labels)
    arguments = _arguments(spec, cgroup_v1=client.info().get("CgroupVersion") == "1")
    try:
        return launch(client, spec.image, {**arguments, **_PRIVILEGED})
    except APIError as error:
        if "not permitted" not in str(error):
            raise
        client.containers.get(spec.name).remove(force=True)
        return launch(client, spec.image, {**arguments, **_CAPABILITIES})


def _arguments(spec: NodeSpec, *, cgroup_v1: bool) -> dict[str, Any]:
    # With cgroup v2 a container has its own namespace; with v1 the node uses a branch of the machine's tree.
    cgroup = {"NODE_CGROUP_ROOT": spec.cgroup_root} if cgroup_v1 else {}
    mounts = {volume: {"bind": place, "mode": "rw"} for volume, place in spec.volumes.items()}
    return {
        "name": spec.name,
        "hostname": spec.name,
        "labels": spec.labels,
        "environment": {**spec.options.environment, **cgroup},
        "volumes": {**mounts, **_CGROUPS} if cgroup_v1 else mounts,
        "tmpfs": {"/run": "exec", "/tmp": "exec"},  # noqa: S108 (a mount inside the node)
        "ports": {API_PORT: ("127.0.0.1", 0)},
    }


def _describe(container: Container) -> NodeInfo:
    container.reload()
    published = container.ports.get(API_PORT)
    if not published:
        raise LocalNodeError(
            f"{container.name} does not publish its API server: delete the container and run the same command again"
        )
    port = int(published[0]["HostPort"])
    return NodeInfo(
        name=str(container.name),
        identity=str(container.id),
        image=container.attrs["Config"]["Image"],
        api_port=port,
        kubeconfig=for_this_machine(_file(container, _KUBECONFIG), port),
    )


def _file(container: Container, path: str) -> str:
    try:
        chunks, _ = container.get_archive(path)
    except NotFound as error:
        raise LocalNodeError(
            f"{container.name} has no {path} because the node did not start: see `docker logs {container.name}`"
        ) from error
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        member = archive.extractfile(archive.getmembers()[0])
        return member.read().decode() if member else ""


def _remove(client: DockerClient, spec: NodeSpec) -> None:
    filters: dict[str, Any] = {"label": f"{LABEL}={spec.stack}"}
    for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
        with contextlib.suppress(NotFound):
            container.stop(timeout=_STOP_SECONDS)
            container.remove(v=True, force=True)
    for volume in client.volumes.list(filters=filters):
        volume.remove(force=True)
    for network in client.networks.list(filters=filters):
        network.remove()
    _remove_cgroup(client, spec)


def _remove_cgroup(client: DockerClient, spec: NodeSpec) -> None:
    """Delete the cgroup from a container: the daemon may run on another machine, or this user may not be root."""
    images = client.images.list(filters={"label": _NODE_IMAGE_LABEL})
    if not images or client.info().get("CgroupVersion") != "1":
        return
    client.containers.run(
        str(images[0].id),
        entrypoint=["python3", "-m", "notification_node.cgroups", "remove", spec.cgroup_root],
        command=[],
        remove=True,
        labels=spec.labels,
        network_mode="none",
        volumes=_CGROUPS,
        cap_add=["SYS_ADMIN"],
    )
