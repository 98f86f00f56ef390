"""What a post to a source becomes: pure functions from its bytes to NotificationRequests, without I/O.

`translate` reads a post that is authenticated. Its notifications are complete: they have the built-in texts. The templates of
a source are rendered elsewhere, in the process that computes what tenants write, and only for notifications that are not
duplicates::

    translation = translate(source, post, limits)    # Malformed: 400, UnsupportedType: 415
    for notification in translation.notifications:
        # Its name, or the one before, exists: a duplicate. Otherwise, if it has templates:
        texts = {key: render(template, notification.data) for key, template in notification.templates.items()}
        notification = notification.with_texts(texts)

A template without a result is left out of the texts, with its reason as second argument: `with_texts(texts, {"body": "line 2:
…"})`. The built-in text stays then, and the note about it becomes the last line of the body and an annotation.

A `Malformed` of a source of the type slack whose `field` is `text` is Slack's error `no_text`; every other one is
`invalid_payload`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_contract.sources.source import SourceType
from notification_domain.mapping import alertmanager, cloud_events, generic, slack
from notification_domain.mapping.admission_limits import DEFAULT, Limits
from notification_domain.mapping.post import Post
from notification_domain.mapping.translation import Malformed, Notification, Translation, UnsupportedType

if TYPE_CHECKING:
    from notification_contract.sources.source import NotificationSource

__all__ = [
    "Limits",
    "Malformed",
    "Notification",
    "Post",
    "Translation",
    "UnsupportedType",
    "translate",
]


def translate(source: NotificationSource, post: Post, limits: Limits = DEFAULT) -> Translation:
    """Return what a post becomes.

    Args:
        source: whose post it is.
        post: as received.
        limits: what the admission policies accept.

    Raises:
        Malformed: it can become nothing.
        ValueError: a condition of the source's filter is not valid. Such a source is not ready, and serves nothing.
    """
    match source.spec.type:
        case SourceType.ALERTMANAGER:
            return alertmanager.translate(source, post, limits)
        case SourceType.CLOUDEVENTS:
            return cloud_events.translate(source, post, limits)
        case SourceType.SLACK:
            return slack.translate(source, post, limits)
        case SourceType.GENERIC:
            return generic.translate(source, post, limits)
        case SourceType.HEARTBEAT:
            return Translation(beat=True)
