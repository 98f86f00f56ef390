"""Messages for an incoming webhook of Slack, as JSON or as a form with the field `payload`.

Formats: docs.slack.dev, "Sending messages using incoming webhooks", "Blocks" and "Legacy secondary message attachments".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from notification_gateway.mapping import slack_texts
from notification_gateway.mapping.draft import Draft, admits
from notification_gateway.mapping.identity import by_minute
from notification_gateway.mapping.strict_json import parse
from notification_gateway.mapping.translation import Malformed, Translation
from notification_gateway.mapping.values import excerpt, text_at

if TYPE_CHECKING:
    from notification_contract.sources.source import NotificationSource
    from notification_gateway.mapping.admission_limits import Limits
    from notification_gateway.mapping.translation import Post

PREFIX: Final = "sl"
FORM: Final = "application/x-www-form-urlencoded"
FIELD: Final = "payload"
MAX_FIELDS: Final = 100


def translate(source: NotificationSource, post: Post, limits: Limits) -> Translation:
    """Return the notification of a message.

    Raises:
        Malformed: it is no message; its field is `text` if nothing can be shown.
    """
    payload = parse(_json(post), FIELD)
    if not isinstance(payload, dict):
        raise Malformed(FIELD, excerpt(payload), "an object")
    read = partial(text_at, payload)
    if not admits(source, read):
        return Translation(filtered=1)
    text = slack_texts.body(payload)
    if not text:
        raise Malformed("text", excerpt(payload.get("text")), "a text, or blocks or attachments with one")
    draft = Draft(
        identity=by_minute(PREFIX, source, post),
        payload=payload,
        facts=(read,),
        subject=slack_texts.subject(payload, text),
        body=text,
        links=slack_texts.links(payload),
    )
    return Translation(notifications=(draft.notification(source, limits),))


def _json(post: Post) -> bytes:
    """Return the message as JSON."""
    if post.content_type.partition(";")[0].strip().lower() != FORM or post.body.lstrip().startswith(b"{"):
        return post.body
    try:
        fields = parse_qs(post.body.decode(), errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Malformed(
            FIELD, "no form in UTF-8", f"a field of a form of at most {MAX_FIELDS} fields"
        ) from None
    if FIELD not in fields:
        raise Malformed(FIELD, "absent", "a field of the form")
    return fields[FIELD][0].encode()
