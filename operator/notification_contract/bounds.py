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
TEXT_BYTES: Final = 786_432
"""Bytes in UTF-8 of the body and the values of the metadata together: the API server stores at most 1.5 MiB of an object."""
ACTION_LINKS: Final = 32
RECIPIENTS: Final = 64
CHANNELS: Final = 64

RECEIVER_REFS: Final = 20
DEDUP_KEY: Final = 255
REPLAY_DEPTH: Final = 5
"""How often a notification may be sent again, each time as a replay of the one before."""
TARGETS: Final = 20
"""Targets of one notification, and entries of `status.targets` and `status.resolvedChannels`."""
TARGET_KEY: Final = 253
RECEIVER_NAME: Final = 63
SOURCE_NAME: Final = 63
"""The name of a source is the value of a label."""
RECEIVER_RECIPIENTS: Final = 20
RECEIVER_TEMPLATE: Final = 65_536
MESSAGE_REF: Final = 512
RECEIVER_REVISION: Final = 64
NOTE: Final = 512
ATTEMPT_NUMBER: Final = 2**31 - 1
ATTEMPT_SECONDS: Final = 86_400
RETRY_AFTER_SECONDS: Final = 31_536_000
