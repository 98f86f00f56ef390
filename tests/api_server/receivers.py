"""NotificationReceivers for tests of the API server."""

from __future__ import annotations

import itertools
from typing import Any

from platform_infra import names

_numbers = itertools.count(1)


def receiver(namespace: str, spec: dict[str, Any], **metadata: object) -> dict[str, Any]:
    """Return a NotificationReceiver with a name of its own."""
    return {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": names.RECEIVER_KIND,
        "metadata": {"name": f"receiver-{next(_numbers)}", "namespace": namespace, **metadata},
        "spec": spec,
    }
