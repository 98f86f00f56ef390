"""The parts of the operator's pod specification: security, probes, ports, mounts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ContainerPortArgs,
    DownwardAPIVolumeFileArgs,
    DownwardAPIVolumeSourceArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    HTTPGetActionArgs,
    ObjectFieldSelectorArgs,
    PodSecurityContextArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecretKeySelectorArgs,
    SecurityContextArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from notification_contract.quantity import amount
from platform_infra import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from notification_contract.settings import Server
    from platform_infra.settings.sections.deployment import Operator

TEMPORARY_BYTES = "64Mi"
"""The size of the directory for temporary files."""


def pod_security() -> PodSecurityContextArgs:
    """Return the pod security context that the restricted pod security standard requires."""
    return PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=names.USER_ID,
        run_as_group=names.USER_ID,
        fs_group=names.USER_ID,
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> SecurityContextArgs:
    """Return the container security context of the restricted standard, with a read-only root filesystem."""
    return SecurityContextArgs(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        capabilities=CapabilitiesArgs(drop=["ALL"]),
    )


def environment(extra: Mapping[str, str], slack_url: SecretKeySelectorArgs | None = None) -> list[EnvVarArgs]:
    """Return the variables with the pod's identity, Slack's URL from its Secret, and the extra variables."""
    variables = [
        EnvVarArgs(name=name, value_from=EnvVarSourceArgs(field_ref=ObjectFieldSelectorArgs(field_path=path)))
        for name, path in names.POD_FIELDS.items()
    ]
    if slack_url is not None:
        source = EnvVarSourceArgs(secret_key_ref=slack_url)
        variables.append(EnvVarArgs(name=names.SLACK_URL_VARIABLE, value_from=source))
    return variables + [EnvVarArgs(name=name, value=value) for name, value in extra.items()]


def ports(server: Server) -> list[ContainerPortArgs]:
    return [
        ContainerPortArgs(name="health", container_port=server.health_port),
        ContainerPortArgs(name="metrics", container_port=server.metrics_port),
    ]


def startup_probe() -> ProbeArgs:
    """Return a probe that allows 60 s for the start and checks every second."""
    return ProbeArgs(http_get=_get("/healthz"), period_seconds=1, failure_threshold=60)


def liveness_probe() -> ProbeArgs:
    """Return a probe that restarts a process whose event loop has not answered for 30 s."""
    return ProbeArgs(http_get=_get("/healthz"), period_seconds=10, timeout_seconds=5, failure_threshold=3)


def readiness_probe() -> ProbeArgs:
    """Return a probe that removes the pod from the ready ones while the operator reports that it is not ready."""
    return ProbeArgs(http_get=_get("/readyz"), period_seconds=2, timeout_seconds=2, failure_threshold=3)


def resources(settings: Operator, volumes: Iterable[VolumeArgs]) -> ResourceRequirementsArgs:
    """Return requests and limits; a CPU limit only if the settings have one.

    The kubelet counts the volumes of type `emptyDir` as local storage of the pod.
    """
    return ResourceRequirementsArgs(
        requests={
            "cpu": settings.cpu_request,
            "memory": settings.memory_request,
            "ephemeral-storage": settings.ephemeral_storage_request,
        },
        limits={
            **processor(settings.cpu_limit),
            "memory": settings.memory_limit,
            **_local_storage(settings, volumes),
        },
    )


def processor(limit: str) -> dict[str, str]:
    """Return the CPU limit of a pod; none for an empty one."""
    return {"cpu": limit} if limit else {}


def _local_storage(settings: Operator, volumes: Iterable[VolumeArgs]) -> dict[str, str]:
    """Return the limit of local storage; none where a volume has none."""
    temporary = [
        volume.empty_dir for volume in volumes if isinstance(volume.empty_dir, EmptyDirVolumeSourceArgs)
    ]
    sizes = [source.size_limit for source in temporary]
    extra = [volume["emptyDir"] for volume in settings.volumes if "emptyDir" in volume]
    sizes += [source.get("sizeLimit") for source in extra if source.get("medium") != "Memory"]
    if None in sizes:
        return {}
    return {
        "ephemeral-storage": str(int(sum(map(amount, map(str, [settings.ephemeral_storage_limit, *sizes])))))
    }


def config_annotations(text: str) -> dict[str, str]:
    """Return the annotations with the configuration file.

    A part of the pod template, so that each revision of the Deployment has its own: `kubectl rollout undo` restores it.
    """
    return {names.CONFIG_ANNOTATION: text}


def volumes() -> list[VolumeArgs]:
    """Return the configuration and a scratch directory; the root filesystem is read-only."""
    field = ObjectFieldSelectorArgs(field_path=f"metadata.annotations['{names.CONFIG_ANNOTATION}']")
    file = DownwardAPIVolumeFileArgs(path=names.CONFIG_KEY, field_ref=field)
    return [
        VolumeArgs(name="config", downward_api=DownwardAPIVolumeSourceArgs(items=[file])),
        VolumeArgs(name="tmp", empty_dir=EmptyDirVolumeSourceArgs(size_limit=TEMPORARY_BYTES)),
    ]


def mounts() -> list[VolumeMountArgs]:
    return [
        VolumeMountArgs(name="config", mount_path=names.CONFIG_DIRECTORY, read_only=True),
        VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108 - a mount point of the pod
    ]


def _get(path: str) -> HTTPGetActionArgs:
    return HTTPGetActionArgs(path=path, port="health")


def rollout_timeouts(seconds: int, replicas: int, *, stop: int = 0) -> pulumi.CustomTimeouts:
    """Return how long a rollout may take that may make no progress for some seconds: each replica and the last old pod in turn.

    `stop` is how long the old pods may take to stop before the first new one starts.
    """
    limit = f"{seconds * (replicas + 1) + stop}s"
    return pulumi.CustomTimeouts(create=limit, update=limit)
