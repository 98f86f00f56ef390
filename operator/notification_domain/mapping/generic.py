"""Any JSON, also in a form, such as the webhooks of GitHub and GitLab: the mapping of the source says what it means."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from notification_domain.mapping.draft import Draft, admits
from notification_domain.mapping.form import json_of
from notification_domain.mapping.identity import Identity, by_content, named
from notification_domain.mapping.strict_json import canonical, parse
from notification_domain.mapping.translation import BODY_ANNOTATION, Translation
from notification_domain.mapping.values import shown, text_at

if TYPE_CHECKING:
    from notification_contract.sources.source import NotificationSource
    from notification_domain.mapping.admission_limits import Limits
    from notification_domain.mapping.post import Post

PREFIX: Final = "ev"
KEY_HEADERS: Final = ("idempotency-key", "webhook-id")
"""The headers with an id that the sender chose, the first one first."""


def translate(source: NotificationSource, post: Post, limits: Limits) -> Translation:
    """Return the notification of a post, whose built-in text is the payload itself.

    Raises:
        Malformed: it is not JSON.
    """
    payload = parse(json_of(post))
    read = partial(text_at, payload)
    if not admits(source, read):
        return Translation(filtered=1)
    key = "" if post.covered else _key(source, post)
    draft = Draft(
        identity=Identity(name=named(PREFIX, source.uid, key)) if key else by_content(PREFIX, source, post),
        payload=payload,
        facts=(read,),
        subject=f"Message from {source.name}",
        body=shown(payload),
        annotations={BODY_ANNOTATION: sha256(canonical(payload)).hexdigest()} if key or post.covered else {},
    )
    return Translation(notifications=(draft.notification(source, limits),))


def _key(source: NotificationSource, post: Post) -> str:
    """Return the id that the sender chose."""
    headers = (*KEY_HEADERS, source.spec.mapping.idempotency_header.lower())
    return next(filter(None, map(post.headers.get, headers)), None) or ""
