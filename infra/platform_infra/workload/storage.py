"""Where the file channel's files are kept."""

from __future__ import annotations

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

from platform_infra import names
from platform_infra.settings.sections import FileVolume

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings

VOLUME = "files"
CLAIM = f"{names.OPERATOR}-files"
ACCESS = ["ReadWriteOnce"]


class FileStorage(pulumi.ComponentResource):
    """The file channel's volume; empty lists where that channel is off.

    A directory of the node is bound through a PersistentVolume, because the restricted pod security
    standard allows a pod to claim a volume but not to name a host path.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("notification-platform:index:FileStorage", name, None, opts)
        self._file = settings.channels.file
        self._namespace = namespace
        self._keep = pulumi.ResourceOptions(parent=self, protect=settings.protection.data)
        self._directory_name = names.cluster_scoped(settings.operator.namespace)
        self.volumes: list[VolumeArgs] = []
        self.mounts: list[VolumeMountArgs] = []
        if self._file.enabled:
            self.volumes = [self._volume()]
            self.mounts = [VolumeMountArgs(name=VOLUME, mount_path=self._file.directory)]
        self.register_outputs({})

    def _volume(self) -> VolumeArgs:
        match self._file.volume:
            case FileVolume.EMPTY_DIR:
                return VolumeArgs(name=VOLUME, empty_dir=EmptyDirVolumeSourceArgs())
            case FileVolume.HOST_PATH:
                directory = self._host_directory()
                claim = self._claim(storage_class="", volume=directory.metadata.name)
            case FileVolume.PVC:
                claim = self._claim(storage_class=self._file.storage_class or None, volume=None)
        source = PersistentVolumeClaimVolumeSourceArgs(claim_name=claim.metadata.name)
        return VolumeArgs(name=VOLUME, persistent_volume_claim=source)

    def _host_directory(self) -> PersistentVolume:
        return PersistentVolume(
            "directory",
            metadata=ObjectMetaArgs(name=self._directory_name, labels=names.labels("storage")),
            spec=PersistentVolumeSpecArgs(
                access_modes=ACCESS,
                capacity={"storage": self._file.size},
                claim_ref=ObjectReferenceArgs(namespace=self._namespace, name=CLAIM),
                host_path=HostPathVolumeSourceArgs(path=self._file.host_path, type="DirectoryOrCreate"),
                persistent_volume_reclaim_policy="Retain",
                storage_class_name="",
            ),
            opts=self._keep,
        )

    def _claim(self, *, storage_class: str | None, volume: pulumi.Input[str] | None) -> PersistentVolumeClaim:
        return PersistentVolumeClaim(
            "claim",
            metadata=ObjectMetaArgs(
                name=CLAIM,
                namespace=self._namespace,
                labels=names.labels("storage"),
                # A class that binds on first use waits for the pod, which waits for this object.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=PersistentVolumeClaimSpecArgs(
                access_modes=ACCESS,
                resources=VolumeResourceRequirementsArgs(requests={"storage": self._file.size}),
                storage_class_name=storage_class,
                volume_name=volume,
            ),
            opts=self._keep,
        )
