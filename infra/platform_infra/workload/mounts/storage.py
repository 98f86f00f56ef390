"""The storage of the file channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from platform_infra.settings.sections.deployment import FileVolume

if TYPE_CHECKING:
    from platform_infra.settings.sections.deployment import FileChannel

VOLUME = "files"
CLAIM = f"{names.OPERATOR}-files"
ACCESS = ["ReadWriteOnce"]


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
                claim = self._claim(storage_class="", volume=directory.metadata.name)
            case FileVolume.PVC:
                claim = self._claim(storage_class=channel.storage_class or None, volume=None)
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
            opts=self._child.options(),
        )

    def _claim(self, *, storage_class: str | None, volume: pulumi.Input[str] | None) -> PersistentVolumeClaim:
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
            opts=self._child.options(),
        )
