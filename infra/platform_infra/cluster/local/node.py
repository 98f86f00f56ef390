"""The node's container: make it, find it, take it away with all that belongs to it.

Rule: whatever `create` makes carries the stack's label, and `delete` removes whatever carries it.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import docker
import docker.errors

from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.cluster.local.readiness import wait_ready
from platform_infra.cluster.local.spec import (
    API_PORT,
    CHECKOUT,
    CHECKOUT_LABEL,
    CURRENT_IMAGE,
    LABEL,
    NodeInfo,
    NodeSpec,
    for_this_machine,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient
    from docker.models.containers import Container

    Launch: TypeAlias = Callable[[DockerClient, str, dict[str, Any]], Container]

_NODE_IMAGE_LABEL = "ai.kubernaut.notification-platform.image=node"
_KUBECONFIG = "/etc/kubernetes/admin.conf"
_CGROUPS = {"/sys/fs/cgroup": {"bind": "/sys/fs/cgroup", "mode": "rw"}}
_CALL_SECONDS = 120
_STOP_SECONDS = 3
_PRIVILEGED: dict[str, Any] = {"privileged": True}
# For machines that lack CAP_SYS_RESOURCE themselves, and so cannot give it away.
_CAPABILITIES: dict[str, Any] = {
    "cap_add": ["ALL"],
    "cap_drop": ["SYS_RESOURCE"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "devices": ["/dev/kmsg:/dev/kmsg:rwm"],
}


@contextlib.contextmanager
def connected() -> Iterator[DockerClient]:
    """A client of the Docker daemon that the environment names.

    Raises:
        LocalNodeError: No daemon answers.
    """
    try:
        client = docker.from_env(timeout=_CALL_SECONDS)
        client.ping()
    except docker.errors.DockerException as error:
        raise LocalNodeError(
            f"a local node needs Docker, which does not answer ({error}): start it (`python3 -m tools.localcluster.runtime.dockerd`), "
            "or set clusterKind to `existing`"
        ) from error
    with contextlib.closing(client):
        yield client


def current_image() -> str:
    """The tag by content of the node image that was made last on this machine.

    Raises:
        LocalNodeError: There is none.
    """
    with connected() as client:
        try:
            tags = client.images.get(CURRENT_IMAGE).tags
        except docker.errors.ImageNotFound as error:
            raise LocalNodeError(
                f"there is no image {CURRENT_IMAGE}: run `python3 -m tools.localcluster.image`"
            ) from error
    by_content = sorted(
        tag for tag in tags if tag.startswith("notification-platform/node:") and tag != CURRENT_IMAGE
    )
    return by_content[0] if by_content else CURRENT_IMAGE


def docker_run(client: DockerClient, image: str, arguments: dict[str, Any]) -> Container:
    """Starts a container; the arguments are those of Docker's own client."""
    return client.containers.run(image, detach=True, **arguments)


def create(spec: NodeSpec, *, launch: Launch = docker_run) -> NodeInfo:
    """Makes a node and waits until it is ready; a leftover of the same name is replaced.

    `launch` starts the container: a test harness may have a way of its own.

    Raises:
        LocalNodeError: It could not be made or did not become ready; nothing of it is left then.
    """
    with connected() as client:
        _require_image(client, spec.image)
        _require_ours(client, spec)
        _remove(client, spec)
        try:
            container = _run(client, spec, launch)
            wait_ready(container)
            return _describe(container)
        except docker.errors.APIError as error:
            _remove(client, spec)
            raise LocalNodeError(
                f"Docker refuses the node {spec.name}: {error.explanation or error}"
            ) from error
        except BaseException:
            _remove(client, spec)
            raise


def read(stack: str) -> NodeInfo | None:
    """The stack's node, or None when it is gone or does not run."""
    spec = NodeSpec(stack=stack, image="")
    with connected() as client:
        try:
            container = client.containers.get(spec.name)
        except docker.errors.NotFound:
            return None
        return _describe(container) if container.status == "running" else None


def delete(stack: str) -> None:
    """Removes the node, its volumes and its cgroup; it is no error when they are gone already."""
    with connected() as client:
        _remove(client, NodeSpec(stack=stack, image=""))


def _require_image(client: DockerClient, image: str) -> None:
    """Checked first, because Docker would go and ask the internet for it."""
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound as error:
        raise LocalNodeError(
            f"there is no image {image} on this machine: run `python3 -m tools.localcluster.image`"
        ) from error


def _require_ours(client: DockerClient, spec: NodeSpec) -> None:
    """A node of the same name may be a leftover of ours, but not the one that another checkout works with."""
    try:
        owner = client.containers.get(spec.name).labels.get(CHECKOUT_LABEL, CHECKOUT)
    except docker.errors.NotFound:
        return
    if owner != CHECKOUT and Path(owner).exists():
        raise LocalNodeError(
            f"the node {spec.name} belongs to the checkout in {owner}: take it down there "
            f"(`make down STACK={spec.stack}`), or give this stack another name"
        )


def _run(client: DockerClient, spec: NodeSpec, launch: Launch) -> Container:
    """Starts the container, privileged where the machine allows that."""
    for volume in spec.volumes:
        client.volumes.create(volume, labels=spec.labels)
    arguments = _arguments(spec, cgroup_v1=client.info().get("CgroupVersion") == "1")
    try:
        return launch(client, spec.image, {**arguments, **_PRIVILEGED})
    except docker.errors.APIError as error:
        if "not permitted" not in str(error):
            raise
        client.containers.get(spec.name).remove(force=True)
        return launch(client, spec.image, {**arguments, **_CAPABILITIES})


def _arguments(spec: NodeSpec, *, cgroup_v1: bool) -> dict[str, Any]:
    mounts = {volume: {"bind": place, "mode": "rw"} for volume, place in spec.volumes.items()}
    return {
        "name": spec.name,
        "hostname": spec.name,
        "labels": spec.labels,
        # A cgroup v2 namespace is the node's own already; v1 shows the machine's tree, of which it takes a branch.
        "environment": {"NODE_CGROUP_ROOT": spec.cgroup_root} if cgroup_v1 else {},
        "volumes": {**mounts, **_CGROUPS} if cgroup_v1 else mounts,
        "tmpfs": {"/run": "exec", "/tmp": "exec"},  # noqa: S108 (a mount inside the node)
        "ports": {API_PORT: ("127.0.0.1", 0)},
    }


def _describe(container: Container) -> NodeInfo:
    container.reload()
    published = container.ports.get(API_PORT)
    if not published:
        raise LocalNodeError(
            f"{container.name} does not publish its API server: remove it and run the same command again"
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
    except docker.errors.NotFound as error:
        raise LocalNodeError(
            f"{container.name} has no {path}: it did not start; see `docker logs {container.name}`"
        ) from error
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        member = archive.extractfile(archive.getmembers()[0])
        return member.read().decode() if member else ""


def _remove(client: DockerClient, spec: NodeSpec) -> None:
    filters: dict[str, Any] = {"label": f"{LABEL}={spec.stack}"}
    for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
        with contextlib.suppress(docker.errors.NotFound):
            container.stop(timeout=_STOP_SECONDS)
            container.remove(v=True, force=True)
    for volume in client.volumes.list(filters=filters):
        volume.remove(force=True)
    for network in client.networks.list(filters=filters):
        network.remove()
    _remove_cgroup(client, spec)


def _remove_cgroup(client: DockerClient, spec: NodeSpec) -> None:
    """From inside a container, for the daemon's machine need not be this one, nor we its root."""
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
