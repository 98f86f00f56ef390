"""Which notifications are watched: those that are open, by a selector that the API server applies.

The CRD makes `status.phase` a field to select by. So what is final costs this process nothing, however
much of it there is (DD-WATCH-001).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aiohttp
import structlog
from kubernetes.aio.client.exceptions import ApiException

from notification_operator.domain.phases import FINAL
from notification_operator.kube.requests import call

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

BAD_REQUEST: Final = 400
SECONDS: Final = 8.0
"""For the one question at start."""

OPEN: Final = ",".join(f"status.phase!={phase}" for phase in sorted(FINAL))

logger = structlog.get_logger(__name__)


async def open_only(client: ApiClient, path: str) -> str:
    """Return the field selector of what is open; an empty one where the CRD is older than that.

    Every other trouble is left to those who meet it next.
    """
    try:
        await call(client, "GET", path, query={"fieldSelector": OPEN, "limit": 1}, seconds=SECONDS)
    except ApiException as error:
        if error.status != BAD_REQUEST:
            return OPEN
        logger.warning(
            "final notifications are watched too, which takes memory for each",
            error=error.reason,
            remedy="bring the CRD up to date, so that it can be selected by status.phase, and restart",
        )
        return ""
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return OPEN
    return OPEN
