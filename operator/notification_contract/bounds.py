"""The bounds of a NotificationRequest, in characters and entries: those of the CRD's schema. Pure.

The operator refuses larger objects, which were stored before the schema had bounds; admission can be stricter.
"""

from __future__ import annotations

from typing import Final

SUBJECT: Final = 500
BODY: Final = 262_144
METADATA_ENTRIES: Final = 64
METADATA_NAME: Final = 253
METADATA_VALUE: Final = 4096
ACTION_LINKS: Final = 32
RECIPIENTS: Final = 64
CHANNELS: Final = 64

RESOLVED_CHANNELS: Final = 16
CHANNEL_NAME: Final = 63
ATTEMPT_NUMBER: Final = 2**31 - 1
ATTEMPT_SECONDS: Final = 86_400
RETRY_AFTER_SECONDS: Final = 31_536_000
