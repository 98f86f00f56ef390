"""The storage of the file channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_kubernetes.core.v1 import (
    EmptyDirVolumeSourceArgs,
    HostPathVolumeSourceArgs,
    ObjectReferenceArgs,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpecArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PersistentVolumeSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from notification_contract.quantity import amount
from platform_infra import names
from platform_infra.children import Children
from platform_infra.cluster import ClusterError
from platform_infra.cluster.planned import Planned
from platform_infra.settings.sections.deployment import FileVolume

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platform_infra.cluster.api_server import ApiServer
    from platform_infra.settings.model import Settings
    from platform_infra.settings.sections.deployment import FileChannel

VOLUME = "files"
CLAIM = f"{names.OPERATOR}-files"
ACCESS = ["ReadWriteOnce"]


HINT = (
    "a volume is not replaced while pods use it. Nothing has been changed. To replace it, set channelsFileEnabled to false and run `up`, which "
    "deletes the claim, and its files unless they are in a hostPath or its storage class retains them; then set it to true and run `up` again"
)


def check_storage(settings: Settings, reader: ApiServer | None) -> None:
    """Check that the file channel keeps the volume that it has in the cluster: a replacement would wait for the pods, and they for it.

    Raises:
        ClusterError: the settings ask for another volume.
    """
    channel, home = settings.channels.file, settings.operator.namespace
    deployed = settings.operator.enabled and channel.enabled and channel.volume != FileVolume.EMPTY_DIR
    if reader is None or not deployed:
        return
    claim = Planned(version="v1", kind="PersistentVolumeClaim", name=CLAIM, namespace=home)
    volume = Planned(version="v1", kind="PersistentVolume", name=names.cluster_scoped(home))
    found = reader.existing([claim, volume])
    specs = [(found.get(each) or {}).get("spec") or {} for each in (claim, volume)]
    for key, value, present in _differences(channel, *specs):
        if present and value != present:
            raise ClusterError(
                f"{key} is {value!r}, but the file channel has {present!r} in the cluster, and {HINT}"
            )


def _differences(
    channel: FileChannel, claim: Mapping[str, Any], volume: Mapping[str, Any]
) -> Iterator[tuple[str, str, str | None]]:
    """Yield settings whose change replaces the claim or the volume: the key, the value, and the value in the cluster if it is known.

    The class of a claim without one in the settings is the default of the cluster.
    """
    if not claim:
        return
    class_name = claim.get("storageClassName")
    present = FileVolume.HOST_PATH if class_name == "" else FileVolume.PVC
    yield "channelsFileVolume", str(channel.volume), str(present)
    if channel.volume == FileVolume.HOST_PATH:
        yield "channelsFileHostPath", channel.host_path, (volume.get("hostPath") or {}).get("path")
    elif channel.storage_class:
        yield "channelsFileStorageClass", channel.storage_class, class_name


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStorageArgs:
    """The file channel's settings, and the namespace of its claim."""

    channel: FileChannel
    namespace: pulumi.Input[str]
    volume_name: str
    """The name of the PersistentVolume; it is unique in the cluster."""
    protect: bool
    """Whether Pulumi refuses to delete the volume and the claim."""


class FileStorage(pulumi.ComponentResource):
    """The file channel's volume; `volumes` and `mounts` are empty when the channel is disabled.

    A directory of the node is bound through a PersistentVolume, because the restricted pod security standard allows a
    pod to claim a volume but not to name a host path.
    """

    def __init__(
        self, name: str, *, args: FileStorageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("notification-platform:index:FileStorage", name, None, opts)
        self._args = args
        self._child = Children(self, name, pulumi.ResourceOptions(protect=args.protect))
        self.volumes: list[VolumeArgs] = []
        self.mounts: list[VolumeMountArgs] = []
        if args.channel.enabled:
            self.volumes = [self._volume()]
            self.mounts = [VolumeMountArgs(name=VOLUME, mount_path=args.channel.directory)]
        self.register_outputs({})

    def _volume(self) -> VolumeArgs:
        channel = self._args.channel
        match channel.volume:
            case FileVolume.EMPTY_DIR:
                limit = channel.size if amount(channel.size) else None
                return VolumeArgs(name=VOLUME, empty_dir=EmptyDirVolumeSourceArgs(size_limit=limit))
            case FileVolume.HOST_PATH:
                directory = self._host_directory()
                claim = self._claim(
                    storage_class="", volume=directory.metadata.name, fixed=["spec.resources"]
                )
            case FileVolume.PVC:
                claim = self._claim(storage_class=channel.storage_class or None)
        source = PersistentVolumeClaimVolumeSourceArgs(claim_name=claim.metadata.name)
        return VolumeArgs(name=VOLUME, persistent_volume_claim=source)

    def _host_directory(self) -> PersistentVolume:
        args = self._args
        return PersistentVolume(
            self._child.name("directory"),
            metadata=ObjectMetaArgs(name=args.volume_name, labels=names.labels("storage")),
            spec=PersistentVolumeSpecArgs(
                access_modes=ACCESS,
                capacity={"storage": args.channel.size},
                claim_ref=ObjectReferenceArgs(namespace=args.namespace, name=CLAIM),
                host_path=HostPathVolumeSourceArgs(path=args.channel.host_path, type="DirectoryOrCreate"),
                persistent_volume_reclaim_policy="Retain",
            ),
            # A directory has no size: a change would only differ from the bound claim.
            opts=self._child.options(pulumi.ResourceOptions(ignore_changes=["spec.capacity"])),
        )

    def _claim(
        self,
        *,
        storage_class: str | None,
        volume: pulumi.Input[str] | None = None,
        fixed: list[str] | None = None,
    ) -> PersistentVolumeClaim:
        """Create the claim; changes of the `fixed` paths are ignored, which the API server would refuse."""
        return PersistentVolumeClaim(
            self._child.name("claim"),
            metadata=ObjectMetaArgs(
                name=CLAIM,
                namespace=self._args.namespace,
                labels=names.labels("storage"),
                # A storage class with WaitForFirstConsumer waits for the pod, and the pod waits for the claim.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=PersistentVolumeClaimSpecArgs(
                access_modes=ACCESS,
                resources=VolumeResourceRequirementsArgs(requests={"storage": self._args.channel.size}),
                storage_class_name=storage_class,
                volume_name=volume,
            ),
            opts=self._child.options(pulumi.ResourceOptions(ignore_changes=fixed)),
        )
