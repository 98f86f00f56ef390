"""The volumes of the operator's pods: additional ones of types that the restricted pod security standard admits, each mounted once. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from notification_contract.quantity import PATTERN
from platform_infra import names
from platform_infra.settings.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_infra.settings.model import Settings

VOLUMES, MOUNTS = "operatorVolumes", "operatorVolumeMounts"
KEYS: Final = frozenset({VOLUMES, MOUNTS})
TYPES: Final = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
"""The types of volumes that the restricted pod security standard allows."""
RESERVED: Final = frozenset({"audit-file", "audit-token", "ca-bundle", "config", "files", "tmp"})
"""Names of the volumes that the Deployment has itself."""
QUANTITY: Final = re.compile(f"^{PATTERN}$")
DIRECTORY = "channelsFileDirectory"
DIRECTORY_KEYS: Final = frozenset({DIRECTORY, "channelsFileEnabled"})
OCCUPIED: Final[Mapping[str, str]] = {
    "/": "the image",
    names.CONFIG_DIRECTORY: "the configuration",
    names.AUDIT_TOKEN_DIRECTORY: "the token for the audit store",
    names.CA_DIRECTORY: "the bundle of authorities",
    "/tmp": "the directory for temporary files",  # noqa: S108 - a mount point of the pod
}
"""What the Deployment mounts itself, by directories that no setting can change; the root cannot be replaced either."""


def directory_problems(settings: Settings) -> Iterator[Problem]:
    """Yield the directory of the file channel if something else is mounted there."""
    channel = settings.channels.file
    owner = OCCUPIED.get(normal(channel.directory))
    if channel.enabled and owner:
        what = f"is {channel.directory!r}, where {owner} is mounted"
        hint = "choose another directory, such as /var/lib/notifications"
        yield Problem(key=DIRECTORY, what=what, hint=hint)


def volume_problems(settings: Settings) -> Iterator[Problem]:
    """Yield every problem of the volumes and of their mounts."""
    operator = settings.operator
    known = [str(volume.get("name") or "") for volume in operator.volumes]
    for index, volume in enumerate(operator.volumes):
        yield from _of_volume(f"{VOLUMES}[{index}]", volume, known[:index])
    taken = _own_directories(settings)
    for index, mount in enumerate(operator.volume_mounts):
        yield from _of_mount(f"{MOUNTS}[{index}]", mount, known, taken)
        taken = {**taken, _path(mount): f"{MOUNTS}[{index}]"}
    mounted = {mount.get("name") for mount in operator.volume_mounts}
    for index, name in enumerate(known):
        if name and name not in mounted:
            what = f"is the volume {name!r}, which {MOUNTS} does not mount"
            yield Problem(key=f"{VOLUMES}[{index}]", what=what, hint=f"add it to {MOUNTS}, or remove it")


def _of_volume(key: str, volume: Mapping[str, Any], before: Sequence[str]) -> Iterator[Problem]:
    name = volume.get("name")
    if not isinstance(name, str) or not name:
        yield Problem(key=f"{key}.name", what="is missing", hint="add the name that a mount refers to")
    elif name in RESERVED or name in before:
        what = f"is {name!r}, which is the name of another volume of the pods"
        yield Problem(key=f"{key}.name", what=what, hint="choose another name")
    types = [field for field in volume if field != "name"]
    listed = ", ".join(TYPES)
    if len(types) != 1:
        what = f"has {len(types)} types ({', '.join(types) or 'none'}), but a volume has one"
        yield Problem(key=key, what=what, hint=f"set one of {listed}")
    elif types[0] not in TYPES:
        what = f"has the type {types[0]!r}, which the restricted pod security standard does not admit"
        yield Problem(key=key, what=what, hint=f"use one of {listed}")
    elif not isinstance(volume[types[0]], dict):
        what = "is not an object"
        yield Problem(key=f"{key}.{types[0]}", what=what, hint="write the source as in the Kubernetes API")
    elif not QUANTITY.match(str(limit := volume[types[0]].get("sizeLimit", "0"))):
        what = f"is {limit!r}, which is no quantity"
        yield Problem(key=f"{key}.{types[0]}.sizeLimit", what=what, hint="set one such as 64Mi")


def _of_mount(
    key: str, mount: Mapping[str, Any], known: Sequence[str], taken: Mapping[str, str]
) -> Iterator[Problem]:
    name, path = mount.get("name"), mount.get("mountPath")
    if name not in known or not name:
        what = f"is {name!r}, which is no volume of {VOLUMES}"
        yield Problem(key=f"{key}.name", what=what, hint="correct it, or add the volume")
    if not isinstance(path, str) or not path.startswith("/") or ":" in path:
        what = f"is {path!r}, but must be an absolute path without a colon"
        yield Problem(key=f"{key}.mountPath", what=what, hint="set a directory such as /etc/extra")
    elif owner := taken.get(_path(mount)):
        what = f"is {path!r}, where {owner} is mounted"
        yield Problem(key=f"{key}.mountPath", what=what, hint="choose another directory")


def _own_directories(settings: Settings) -> dict[str, str]:
    """Return what the Deployment mounts itself, by directory."""
    files = {normal(settings.channels.file.directory): "the volume of the file channel"}
    audit = {parent_of(settings.audit.file): "the audit file"} if settings.audit.file else {}
    return {**files, **audit, **OCCUPIED}


def _path(mount: Mapping[str, Any]) -> str:
    return normal(str(mount.get("mountPath")))


def normal(directory: str) -> str:
    """Return a directory without a slash at its end."""
    return PurePosixPath(directory).as_posix()


def parent_of(file: str) -> str:
    return PurePosixPath(file).parent.as_posix()
