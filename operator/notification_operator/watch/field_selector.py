"""The field selector of the notifications to watch: the open ones only.

The CRD makes `status.phase` selectable, so that a final notification takes no memory here (DD-WATCH-001).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from notification_operator.domain.phases import FINAL
from notification_operator.kube.errors import KubeError
from notification_operator.kube.requests import call

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

SECONDS: Final = 8.0
"""Time limit of the one request at start."""

OPEN: Final = ",".join(f"status.phase!={phase}" for phase in sorted(FINAL))

logger = structlog.get_logger(__name__)


async def open_only(client: ApiClient, path: str) -> str:
    """Return the field selector of open notifications; empty where the CRD does not support it yet.

    Any other failure is left to the watch, which meets it next.
    """
    try:
        await call(client, "GET", path, query={"fieldSelector": OPEN, "limit": 1}, seconds=SECONDS)
    except KubeError as error:
        if error.bad_request:
            logger.warning(
                "CRD cannot be selected by status.phase; watching final notifications too, which takes more memory",
                error=error.reason,
                hint="update the NotificationRequest CRD, then restart the operator",
            )
            return ""
    return OPEN
