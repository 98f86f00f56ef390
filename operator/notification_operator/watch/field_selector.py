"""The field selector of the notifications to watch: the open ones only.

The CRD makes `status.phase` selectable, so that a final notification takes no memory here (DD-WATCH-001).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from notification_operator.domain.status import FINAL
from notification_operator.kube.objects import METADATA
from notification_operator.kube.requests import JSON, KubeError, call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubernetes.aio.client import ApiClient

SECONDS: Final = 8.0
"""Time limit of one request."""

OPEN: Final = ",".join(f"status.phase!={phase}" for phase in sorted(FINAL))

logger = structlog.get_logger(__name__)


class OpenSelector:
    """The field selector of the notifications to watch and to list, as far as the CRD supports it."""

    def __init__(self) -> None:
        self.text = OPEN
        """The selector; an empty one selects all."""

    @property
    def media_type(self) -> str:
        """What the events of a watch are requested as.

        The metadata is enough where the selector looks at the status, and a notification may have a megabyte of text.
        """
        return METADATA if self.text else JSON

    async def detect(self, client: ApiClient, paths: Sequence[str]) -> None:
        """Find out what the CRD supports; the first collection of notifications that answers decides.

        Without an answer, the current CRD is assumed: the watch meets the failure.
        """
        self.text = OPEN
        for path in paths:
            try:
                await call(client, "GET", path, query={"fieldSelector": OPEN, "limit": 1}, seconds=SECONDS)
            except KubeError as error:
                if not error.bad_request:
                    continue
                logger.warning(
                    "CRD cannot be selected by status.phase; watching final notifications too, "
                    "which takes more memory",
                    error=error.reason,
                    hint="update the NotificationRequest CRD, then restart the operator",
                )
                self.text = ""
            return
