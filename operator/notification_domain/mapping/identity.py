"""Names of notifications: the same for every repeat of a post, so that the API server refuses a second object.

A period has edges: a repeat that comes just after one has another name than the original just before it. So a name that
depends on the time comes with the one of the period before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from notification_contract.sources.source import NotificationSource
    from notification_domain.mapping.post import Post

DIGITS: Final = 20
"""Hexadecimal digits in a name."""
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A name, and when the object of another name is the same notification."""

    name: str
    previous_name: str | None = None
    previous_within: timedelta | None = None
    fires_since: datetime | None = None
    """Since when the youngest alert fires: a later event of the incident makes an object of that name another notification. None where none does."""


def named(prefix: str, *parts: object) -> str:
    """Return the name of the object that some parts identify."""
    return f"{prefix}-{digest(*parts)[:DIGITS]}"


def renamed(name: str, *parts: object) -> str:
    """Return another name with the same prefix, which a name and some parts identify."""
    return named(name.partition("-")[0], name, *parts)


def digest(*parts: object) -> str:
    """Return the hash of some parts, none of which can run into the next one."""
    return sha256(json.dumps(parts).encode("ascii")).hexdigest()


def by_content(prefix: str, source: NotificationSource, post: Post) -> Identity:
    """Return the identity of a post by what its signature covers; without one, the same body within a minute is a repeat."""
    if post.covered:
        return Identity(name=named(prefix, source.uid, *post.covered))
    content, minute = sha256(post.body).hexdigest(), int(post.received.timestamp() // MINUTE.total_seconds())
    return Identity(
        name=named(prefix, source.uid, content, minute),
        previous_name=named(prefix, source.uid, content, minute - 1),
        previous_within=MINUTE,
    )
