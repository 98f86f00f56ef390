"""Preview stacks as values: what they are called, what they are set to, which of them may go. Pure."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A preview stack that is ours: its name and what it gives out about itself agree."""

    number: int
    owner: str
    commit: str
    expires: datetime

    @property
    def stack(self) -> str:
        """The stack's name, which is also that of its namespace."""
        return stack_name(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a preview is made from."""

    number: int
    owner: str
    commit: str
    image: str
    base: str


def stack_name(number: int) -> str:
    """Return the name of a pull request's stack.

    Raises:
        ValueError: no pull request has this number.
    """
    if not NAME.match(name := f"pr-{number}"):
        raise ValueError(f"{number} is no number of a pull request; give one from 1 on")
    return name


def values(template: Mapping[str, Any], source: Source, *, expires: datetime) -> dict[str, Any]:
    """Return the settings of a preview: the template's, and those that tell it from others."""
    name = stack_name(source.number)
    prefix = f"{PROJECT}:"
    common = {key.removeprefix(prefix): value for key, value in (template.get("config") or {}).items()}
    return common | {
        "clusterStack": source.base if "/" in source.base else f"{ORGANIZATION}/{PROJECT}/{source.base}",
        "operatorImage": source.image,
        "operatorNamespace": name,
        "watchNamespaces": [name],
        "previewNumber": source.number,
        "previewOwner": source.owner,
        "previewCommit": source.commit,
        "previewExpires": expires.astimezone(UTC).strftime(TIME),
    }


def recognised(stack: str, outputs: Mapping[str, Any]) -> Preview | None:
    """Return the preview that a stack is, or None for one that is not ours to touch."""
    told = outputs.get("preview")
    match = NAME.match(stack)
    if not match or not isinstance(told, dict) or int(told.get("number") or 0) != int(match[1]):
        return None
    try:
        expires = datetime.strptime(str(told.get("expires")), TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Preview(
        number=int(match[1]), owner=str(told.get("owner")), commit=str(told.get("commit")), expires=expires
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
            found.append((preview, f"expired {_span(now - preview.expires)} ago"))
    return found


def remaining(preview: Preview, now: datetime) -> str:
    """Return how long a preview still has, in words."""
    left = preview.expires - now
    return f"{_span(left)} left" if left > timedelta(0) else f"expired {_span(-left)} ago"


def _span(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60
    return f"{days} d" if days else f"{hours} h" if hours else f"{minutes} min"
