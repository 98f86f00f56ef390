"""The certificates of authorities that the operator trusts: their volume, and the variable that names their file. Pure.

OpenSSL reads the variable, so every TLS connection of the process honours it. Connections to the API server use the certificates
of the ServiceAccount instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
    KeyToPathArgs,
    SecretVolumeSourceArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from platform_infra import names

if TYPE_CHECKING:
    from platform_infra.settings.sections.pod import CaBundle

VOLUME: Final = "ca-bundle"
FILE: Final = "ca.crt"


def volumes(bundle: CaBundle) -> list[VolumeArgs]:
    """Return the volume of the bundle; none without one."""
    items = [KeyToPathArgs(key=bundle.key, path=FILE)]
    if bundle.config_map:
        source = ConfigMapVolumeSourceArgs(name=bundle.config_map, items=items)
        return [VolumeArgs(name=VOLUME, config_map=source)]
    if bundle.secret:
        return [
            VolumeArgs(name=VOLUME, secret=SecretVolumeSourceArgs(secret_name=bundle.secret, items=items))
        ]
    return []


def mounts(bundle: CaBundle) -> list[VolumeMountArgs]:
    mount = VolumeMountArgs(name=VOLUME, mount_path=names.CA_DIRECTORY, read_only=True)
    return [mount] if bundle.is_set else []


def variables(bundle: CaBundle) -> dict[str, str]:
    """Return the variable that names the file; none without a bundle."""
    return {names.CA_VARIABLE: f"{names.CA_DIRECTORY}/{FILE}"} if bundle.is_set else {}
