"""The keys from which the gateway computes the secret parts of URLs: their Secret, and its volume."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_kubernetes.core.v1 import Secret, SecretVolumeSourceArgs, VolumeArgs, VolumeMountArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from notification_contract.sources.path_token import KEYS, LEAST_BYTES
from platform_infra import names

if TYPE_CHECKING:
    from platform_infra.children import Children

VOLUME: Final = "path-keys"
CONTENT: Final = ["data", "stringData"]
"""The fields of the Secret that only its creation sets."""


def create(child: Children, namespace: pulumi.Input[str]) -> None:
    """Create the Secret with a random key. An update keeps the key, and what an administrator has changed to rotate it."""
    Secret(
        child.name(VOLUME),
        metadata=ObjectMetaArgs(
            name=names.PATH_KEYS_SECRET,
            namespace=namespace,
            labels=names.gateway_labels(),
            annotations=dict(names.WRITE_ONLY),
        ),
        string_data={KEYS[0]: pulumi.Output.secret(secrets.token_urlsafe(LEAST_BYTES))},
        opts=child.options(pulumi.ResourceOptions(ignore_changes=CONTENT)),
    )


def volumes() -> list[VolumeArgs]:
    """Return the volume. It is optional: YAML and charts have no Secret, and only sources with `auth.path` need the keys."""
    source = SecretVolumeSourceArgs(secret_name=names.PATH_KEYS_SECRET, optional=True)
    return [VolumeArgs(name=VOLUME, secret=source)]


def mounts() -> list[VolumeMountArgs]:
    return [VolumeMountArgs(name=VOLUME, mount_path=names.PATH_KEYS_DIRECTORY, read_only=True)]
