"""Messages for an incoming webhook of Slack, as JSON or as a form with the field `payload`.

Formats: docs.slack.dev, "Sending messages using incoming webhooks", "Blocks" and "Legacy secondary message attachments".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from notification_domain.mapping import slack_texts
from notification_domain.mapping.draft import Draft, admits
from notification_domain.mapping.form import FIELD, json_of
from notification_domain.mapping.identity import by_content
from notification_domain.mapping.strict_json import parse
from notification_domain.mapping.translation import Malformed, Translation
from notification_domain.mapping.values import excerpt, text_at

if TYPE_CHECKING:
    from notification_contract.sources.source import NotificationSource
    from notification_domain.mapping.admission_limits import Limits
    from notification_domain.mapping.post import Post

PREFIX: Final = "sl"


def translate(source: NotificationSource, post: Post, limits: Limits) -> Translation:
    """Return the notification of a message.

    Raises:
        Malformed: it is no message; its field is `text` if nothing can be shown.
    """
    payload = parse(json_of(post), FIELD)
    if not isinstance(payload, dict):
        raise Malformed(FIELD, excerpt(payload), "an object")
    read = partial(text_at, payload)
    if not admits(source, read):
        return Translation(filtered=1)
    text = slack_texts.body(payload)
    if not text:
        raise Malformed("text", excerpt(payload.get("text")), "a text, or blocks or attachments with one")
    draft = Draft(
        identity=by_content(PREFIX, source, post),
        payload=payload,
        facts=(read,),
        subject=slack_texts.subject(payload, text),
        body=text,
        links=slack_texts.links(payload),
    )
    return Translation(notifications=(draft.notification(source, limits),))
