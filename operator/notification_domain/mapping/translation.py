"""What a post becomes: the values that go into `translate` and come out of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from notification_contract import bounds, names
from notification_domain.mapping.admission_limits import DEFAULT, Limits
from notification_domain.mapping.identity import renamed
from notification_domain.mapping.text import MAX_NOTE, body, clean, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

BODY_ANNOTATION: Final = f"{names.LABEL_PREFIX}source-body"
"""On a NotificationRequest: the hash of the posted body, where the sender chose the key; the same key with another body is a conflict."""
FIRES_SINCE_ANNOTATION: Final = f"{names.LABEL_PREFIX}fires-since"
"""On a Trigger of alerts: since when the youngest one fires. The Resolve of other, earlier alerts does not end its incident."""
INSTEAD: Final = {"dedupKey": "no dedupKey set"}
"""What a note says about a template without a result that has no built-in text."""
NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Malformed(ValueError):  # noqa: N818 - reads as a fact, like the errors of the kit
    """A post that cannot become a notification, however often it is repeated.

    Args:
        field: the field or header, as a path such as `alerts[2].startsAt`; `body` for the whole.
        read: the value, shortened, or what is the matter with it. It can be a secret: it is for the sender, not for a log.
        wanted: what the field must be.
    """

    def __init__(self, field: str, read: str, wanted: str) -> None:
        super().__init__(f"{field} is {read}; it must be {wanted}")
        self.field, self.read, self.wanted = field, read, wanted


class UnsupportedType(Malformed):
    """A post in a format that its source does not read, by its Content-Type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A NotificationRequest to create, in the namespace of the source."""

    name: str
    """The same for every repeat of the post, so that the API server refuses a second object."""
    previous_name: str | None = None
    """The name that the post had in the period before; None where names do not change with time."""
    previous_within: timedelta | None = None
    """The age up to which an object of that name makes this one a duplicate."""
    fires_since: datetime | None = None
    """Since when the youngest alert fires. An object of these names makes it a duplicate until the next event of the incident: a Trigger until
    a Resolve, a Resolve until another Trigger. None where no event counts."""
    spec: dict[str, Any]
    """Complete, with the built-in texts."""
    labels: dict[str, str]
    annotations: dict[str, str]
    templates: Mapping[str, str] = field(default_factory=dict)
    """The templates of the source for `subject` and `body` whose results replace the built-in texts."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """The values that these templates can use."""
    text: str = ""
    """The built-in body without its notes, for a notification with templates."""
    notes: tuple[str, ...] = ()
    """The last lines of every body: what had to be left out."""
    limits: Limits = DEFAULT

    def after(self, event: str) -> Notification:
        """Return the notification as the report that follows an event of the incident, by its uid."""
        previous = self.previous_name and renamed(self.previous_name, event)
        return replace(self, name=renamed(self.name, event), previous_name=previous, fires_since=None)

    def with_texts(self, texts: Mapping[str, str], problems: Mapping[str, str] = NONE) -> Notification:
        """Return the notification with the results of its templates.

        Args:
            texts: results by the keys of `templates`; for a key that is missing, the built-in text stays.
            problems: why a template has no result, by the same keys.
        """
        empty = {key: "it produces no text" for key, text in texts.items() if not clean(text).strip()}
        problems = {**problems, **empty}
        built_in = {"subject": self.spec["subject"], "body": self.text}
        used = built_in | {key: text for key, text in texts.items() if key not in problems}
        note = "; ".join(
            f"{INSTEAD.get(key, f'built-in {key} used')}: {problems[key]}" for key in sorted(problems)
        )
        notes = (*self.notes, one_line(note, MAX_NOTE)) if note else self.notes
        spec = {
            **self.spec,
            "subject": one_line(used["subject"]),
            "body": body(used["body"], notes, self.limits.body),
        }
        if key := clean(used.get("dedupKey", "")).strip():
            spec["dedupKey"] = key if len(key) <= bounds.DEDUP_KEY else sha256(key.encode()).hexdigest()
        if not note:
            return replace(self, spec=spec)
        return replace(
            self, spec=spec, annotations={**self.annotations, names.SOURCE_NOTE_ANNOTATION: notes[-1]}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """All that a post becomes."""

    notifications: tuple[Notification, ...] = ()
    filtered: int = 0
    """Alerts or events that the filter of the source left out."""
    beat: bool = False
    """Whether the post is a heartbeat."""
