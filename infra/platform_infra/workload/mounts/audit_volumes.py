"""The volumes of audit events: the token for the audit store, and the directory of the audit file. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pulumi_kubernetes.core.v1 import (
    EmptyDirVolumeSourceArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    ProjectedVolumeSourceArgs,
    ServiceAccountTokenProjectionArgs,
    VolumeArgs,
    VolumeMountArgs,
    VolumeProjectionArgs,
)

from platform_infra import names

if TYPE_CHECKING:
    from platform_infra.settings.sections.deployment import Audit

TOKEN_VOLUME = "audit-token"  # noqa: S105 - the name of a volume
FILE_VOLUME = "audit-file"
TOKEN_SECONDS = 3600
"""Lifetime of the token; the kubelet replaces it after four fifths of this time."""
MARGIN_BYTES = 16 * 1024 * 1024
"""Space for the last batch of a file, and for the lock file."""


def volumes(audit: Audit) -> list[VolumeArgs]:
    """Return the volumes that the settings need; none by default."""
    token = [VolumeArgs(name=TOKEN_VOLUME, projected=_token(audit.token_audience))]
    return [*(token if audit.token_audience else ()), *([_file(audit)] if audit.file else ())]


def mounts(audit: Audit) -> list[VolumeMountArgs]:
    token = VolumeMountArgs(name=TOKEN_VOLUME, mount_path=names.AUDIT_TOKEN_DIRECTORY, read_only=True)
    directory = PurePosixPath(audit.file).parent.as_posix()
    file = VolumeMountArgs(name=FILE_VOLUME, mount_path=directory)
    return [*([token] if audit.token_audience else ()), *([file] if audit.file else ())]


def _token(audience: str) -> ProjectedVolumeSourceArgs:
    """Return a token of the pod's service account that only the audit store accepts, never the API server."""
    token = ServiceAccountTokenProjectionArgs(
        audience=audience, expiration_seconds=TOKEN_SECONDS, path=names.AUDIT_TOKEN_KEY
    )
    return ProjectedVolumeSourceArgs(sources=[VolumeProjectionArgs(service_account_token=token)])


def _file(audit: Audit) -> VolumeArgs:
    if audit.file_claim:
        claim = PersistentVolumeClaimVolumeSourceArgs(claim_name=audit.file_claim)
        return VolumeArgs(name=FILE_VOLUME, persistent_volume_claim=claim)
    size = audit.file_max_bytes * (audit.file_count + 1) + MARGIN_BYTES
    return VolumeArgs(name=FILE_VOLUME, empty_dir=EmptyDirVolumeSourceArgs(size_limit=str(size)))
