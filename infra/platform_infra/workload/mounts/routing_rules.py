"""The operator's routing rules in the pods of the gateway: the volume with their ConfigMap. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
    KeyToPathArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from platform_infra import names

if TYPE_CHECKING:
    from platform_infra.settings.sections.deployment import RoutingConfigMap

VOLUME: Final = "routing"


def volumes(config_map: RoutingConfigMap) -> list[VolumeArgs]:
    """Return the volume. It is optional, because the ConfigMap does not have to exist."""
    items = [KeyToPathArgs(key=config_map.key, path=names.ROUTING_KEY)]
    source = ConfigMapVolumeSourceArgs(name=config_map.name, items=items, optional=True)
    return [VolumeArgs(name=VOLUME, config_map=source)]


def mounts() -> list[VolumeMountArgs]:
    return [VolumeMountArgs(name=VOLUME, mount_path=names.ROUTING_DIRECTORY, read_only=True)]
