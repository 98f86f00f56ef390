"""Why a receiver gets no message now, and for how long a message waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zlib import crc32

from notification_operator.delivery.refusals import receiver_not_allowed, receiver_not_ready
from notification_operator.delivery.senders import Unavailable
from notification_operator.domain.planning.hold import Hold, HoldReason
from notification_operator.domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notification_operator.domain.receivers.catalog import ReceiverKey

HOLD_SECONDS: Final = 900
"""After this time a held notification is looked at again, even if its receiver has not changed."""
NEW_SECONDS: Final = 15
"""The same for what takes moments: a receiver that has just been created, and the labels of namespaces."""
SUSPENDED: Final = "it is suspended; set spec.suspend to false"
GONE: Final = "the far end answered that it does not exist any more; change the receiver or its Secret"
NEW: Final = "it has just been created"
LABELS: Final = "allowedNamespaces selects by labels, and those of the namespaces are being read"
ORIGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)


def held(
    key: ReceiverKey,
    problem: str,
    *,
    reason: HoldReason = HoldReason.NOT_READY,
    until: datetime | None,
) -> Unavailable:
    """Return that a receiver is not ready: a message waits until a time; None: the attempt fails."""
    return Unavailable(
        error=receiver_not_ready(key, problem),
        reason=Reason.RECEIVER_NOT_READY,
        hold=None if until is None else Hold(until=until, reason=reason),
    )


def missing(key: ReceiverKey) -> str:
    """Return what is wrong with a receiver that does not exist."""
    return f"it does not exist; create NotificationReceiver {key.name} in namespace {key.namespace}"


def invalid(problems: Iterable[str]) -> str:
    """Return what is wrong with a receiver that never had a valid spec."""
    return f"its spec is not valid: {'; '.join(problems)}"


def not_for(key: ReceiverKey, namespace: str, *, undecided: bool) -> Unavailable:
    """Return that a receiver is not for the notifications of a namespace, or that this is not known yet."""
    if undecided:
        problem = (
            f"the labels of namespace {namespace} are not known, and allowedNamespaces selects by labels"
        )
        return held(key, problem, until=None)
    return Unavailable(error=receiver_not_allowed(key, namespace), reason=Reason.RECEIVER_NOT_ALLOWED)


def next_look(now: datetime, uid: str, seconds: int = HOLD_SECONDS) -> datetime:
    """Return when a held notification is looked at again: the same time until then, so that its status stays.

    The times of several notifications differ, so that they are not looked at together.
    """
    offset = timedelta(seconds=crc32(uid.encode()) % seconds)
    periods = (now - ORIGIN - offset) // timedelta(seconds=seconds)
    return ORIGIN + offset + (periods + 1) * timedelta(seconds=seconds)
