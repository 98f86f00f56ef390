"""JSON in a field of a form, as some senders post it: clients for Slack, and GitHub by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from notification_domain.mapping.translation import Malformed

if TYPE_CHECKING:
    from notification_domain.mapping.post import Post

FORM: Final = "application/x-www-form-urlencoded"
FIELD: Final = "payload"
MAX_FIELDS: Final = 100


def json_of(post: Post) -> bytes:
    """Return the JSON of a post: the field `payload` of a form, and the body otherwise.

    Raises:
        Malformed: it is a form without that field.
    """
    # curl calls every body a form unless it is told otherwise.
    if post.media_type != FORM or post.body.lstrip().startswith((b"{", b"[")):
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
