"""Preview stacks as values: what they are called, set to and marked by, which of them may go. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from platform_infra.names import PROJECT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

NAME = re.compile(r"^pr-([1-9][0-9]{0,8})$")
TIME = "%Y-%m-%dT%H:%M:%SZ"
ORGANIZATION = "organization"
"""What a backend without organizations takes for one."""
OWNER_LENGTH = 100
TAG = "preview:"
"""What the names of a preview's tags begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A preview stack: whose, of what, where, since when and until when. `base` is empty for a cluster of its own."""

    number: int
    owner: str
    commit: str
    base: str
    created: datetime
    expires: datetime

    @property
    def stack(self) -> str:
        """The stack's name, which is also that of its namespace."""
        return stack_name(self.number)

    @property
    def place(self) -> str:
        """Where it lives, in words."""
        return f"the cluster of {self.base}" if self.base else "a cluster of its own"

    def tags(self) -> dict[str, str]:
        """Return the tags by which the stack is known again, whatever becomes of its first `up`."""
        return {
            f"{TAG}owner": self.owner or "-",
            f"{TAG}commit": self.commit or "-",
            f"{TAG}base": self.base or "-",
            f"{TAG}created": written(self.created),
            f"{TAG}expires": written(self.expires),
            # The one that says that all of them are there.
            f"{TAG}number": str(self.number),
        }


def stack_name(number: int) -> str:
    """Return the name of a pull request's stack.

    Raises:
        ValueError: no pull request has this number.
    """
    if not NAME.match(name := f"pr-{number}"):
        raise ValueError(f"{number} is no number of a pull request; give one from 1 on")
    return name


def values(template: Mapping[str, Any], preview: Preview, *, image: str) -> dict[str, Any]:
    """Return the settings of a preview: the template's, and those that tell it from others.

    With a cluster of its own it has the CRD too, and an empty `image` is built and loaded by the program.
    """
    prefix = f"{PROJECT}:"
    common = {key.removeprefix(prefix): value for key, value in (template.get("config") or {}).items()}
    return common | {
        **_place(preview.base),
        "operatorImage": image,
        "operatorNamespace": preview.stack,
        "watchNamespaces": [preview.stack],
        "previewNumber": preview.number,
        "previewOwner": preview.owner[:OWNER_LENGTH],
        "previewCommit": preview.commit,
        "previewExpires": written(preview.expires),
    }


def _place(base: str) -> dict[str, Any]:
    if not base:
        return {"clusterKind": "local", "crdManaged": True}
    return {"clusterStack": base if "/" in base else f"{ORGANIZATION}/{PROJECT}/{base}"}


def recognised(stack: str, tags: Mapping[str, str]) -> Preview | None:
    """Return the preview that a stack is by its tags, or None for one that is not ours to touch."""
    told = {key.removeprefix(TAG): "" if value == "-" else value for key, value in tags.items()}
    match = NAME.match(stack)
    if not match or told.get("number") != match[1]:
        return None
    try:
        created, expires = (_read(told.get(name, "")) for name in ("created", "expires"))
    except ValueError:
        return None
    return Preview(
        number=int(match[1]),
        owner=told.get("owner", ""),
        commit=told.get("commit", ""),
        base=told.get("base", ""),
        created=created,
        expires=expires,
    )


def due(
    previews: Iterable[Preview], *, now: datetime, closed: Collection[int] = ()
) -> list[tuple[Preview, str]]:
    """Return the previews that may go, each with the reason."""
    found = []
    for preview in previews:
        if preview.number in closed:
            found.append((preview, "its pull request is closed"))
        elif preview.expires <= now:
            found.append((preview, remaining(preview, now)))
    return found


def remaining(preview: Preview, now: datetime) -> str:
    """Return how long a preview still has, in words."""
    left = preview.expires - now
    return f"{span(left)} left" if left > timedelta(0) else f"expired {span(-left)} ago"


def span(time: timedelta) -> str:
    """Return a length of time in words."""
    minutes = int(time.total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h" if hours else f"{minutes} min"


def written(time: datetime) -> str:
    """Return a time as tags and settings hold it."""
    return time.astimezone(UTC).strftime(TIME)


def _read(text: str) -> datetime:
    return datetime.strptime(text, TIME).replace(tzinfo=UTC)
