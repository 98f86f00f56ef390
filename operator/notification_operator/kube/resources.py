"""The kinds of the API that the operator reads and writes."""

from __future__ import annotations

from typing import Final

from atomic_status import Resource
from notification_contract import names

RESOURCE: Final = Resource(group=names.GROUP, version=names.VERSION, plural=names.PLURAL)
"""NotificationRequest."""
RECEIVER_RESOURCE: Final = Resource(group=names.GROUP, version=names.VERSION, plural=names.RECEIVER_PLURAL)
"""NotificationReceiver."""
