"""Preview stacks as values: names, settings, tags, and which of them have expired. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from platform_infra.names import PREVIEW_CONTEXT, PROJECT
from platform_infra.settings.inputs import REGISTRY_PASSWORD, REGISTRY_USERNAME
from tools.platform.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

NAME = re.compile(r"^pr-([1-9][0-9]{0,8})$")
TIME = "%Y-%m-%dT%H:%M:%SZ"
ORGANIZATION = "organization"
"""The organization name of a backend without organizations."""
OWNER_LENGTH = 100
REGISTRY_VARIABLES = {
    "operatorRegistryServer": "PREVIEW_REGISTRY_SERVER",
    REGISTRY_USERNAME: "PREVIEW_REGISTRY_USERNAME",
    REGISTRY_PASSWORD: "PREVIEW_REGISTRY_PASSWORD",
}
"""The variables with the credentials of a private registry, by the setting."""
TAG = "preview:"
"""Prefix of the tags of a preview."""


class PreviewError(PlatformError):
    """A preview cannot be created or taken down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a preview reaches the cluster of its base."""

    restricted: bool = False
    """Whether it uses the account for previews, which can manage preview namespaces only."""
    kubeconfig: str = ""
    """Path of the kubeconfig of that account; empty to read the outputs of the base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A preview stack; `base` is the stack whose cluster it uses, empty for its own cluster.

    The backend of a `separate` preview does not hold the base.
    """

    number: int
    owner: str
    commit: str
    base: str
    created: datetime
    expires: datetime
    separate: bool = False

    @property
    def stack(self) -> str:
        return stack_name(self.number)

    @property
    def place(self) -> str:
        return f"the cluster of {self.base}" if self.base else "its own cluster"

    def tags(self) -> dict[str, str]:
        """Return the tags that mark the stack as a preview, even if its first `up` fails."""
        return {
            f"{TAG}owner": self.owner or "-",
            f"{TAG}commit": self.commit or "-",
            f"{TAG}base": self.base or "-",
            f"{TAG}separate": "yes" if self.separate else "-",
            f"{TAG}created": format_time(self.created),
            f"{TAG}expires": format_time(self.expires),
            # The last one: its presence means that all tags are set.
            f"{TAG}number": str(self.number),
        }


def stack_name(number: int) -> str:
    """Return the name of a pull request's stack."""
    if not NAME.match(name := f"pr-{number}"):
        raise PreviewError(f"{number} is not a pull request number", hint="pull request numbers start at 1")
    return name


def values(
    template: Mapping[str, Any], preview: Preview, *, image: str, access: Access | None = None
) -> dict[str, Any]:
    """Return the settings of a preview: those of the template and its own.

    In its own cluster it manages the CRD too, and the program builds and loads an empty `image`.
    """
    prefix = f"{PROJECT}:"
    common = {key.removeprefix(prefix): value for key, value in (template.get("config") or {}).items()}
    return common | {
        **_place(preview.base, access or Access()),
        "operatorImage": image,
        "operatorNamespace": preview.stack,
        "watchNamespaces": [preview.stack],
        "previewNumber": preview.number,
        "previewOwner": preview.owner[:OWNER_LENGTH],
        "previewCommit": preview.commit,
        "previewExpires": format_time(preview.expires),
    }


def registry_values(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of a pull secret from the environment; without variables, those of the template apply."""
    present = {key: variables[name] for key, name in REGISTRY_VARIABLES.items() if variables.get(name)}
    password = present.pop(REGISTRY_PASSWORD, "")
    return present | ({REGISTRY_PASSWORD: SecretStr(password)} if password else {})


def _place(base: str, access: Access) -> dict[str, Any]:
    if not base:
        return {"clusterKind": "local", "crdManaged": True}
    # The file of an earlier `up` may hold another value.
    restricted = {"previewRestricted": access.restricted}
    if access.kubeconfig:
        return restricted | {
            "clusterKind": "existing",
            "clusterKubeconfig": access.kubeconfig,
            "clusterContext": PREVIEW_CONTEXT,
        }
    return restricted | {"clusterStack": base if "/" in base else f"{ORGANIZATION}/{PROJECT}/{base}"}


def from_tags(stack: str, tags: Mapping[str, str]) -> Preview | None:
    """Return the preview that the tags of a stack describe, or None for a stack that is not a preview."""
    fields = {key.removeprefix(TAG): "" if value == "-" else value for key, value in tags.items()}
    match = NAME.match(stack)
    if not match or fields.get("number") != match[1]:
        return None
    try:
        created, expires = (_read(fields.get(name, "")) for name in ("created", "expires"))
    except ValueError:
        return None
    return Preview(
        number=int(match[1]),
        owner=fields.get("owner", ""),
        commit=fields.get("commit", ""),
        base=fields.get("base", ""),
        created=created,
        expires=expires,
        separate=fields.get("separate") == "yes",
    )


def expired(
    previews: Iterable[Preview], *, now: datetime, closed: Collection[int] = ()
) -> list[tuple[Preview, str]]:
    result = []
    for preview in previews:
        if preview.number in closed:
            result.append((preview, "its pull request is closed"))
        elif preview.expires <= now:
            result.append((preview, remaining(preview, now)))
    return result


def remaining(preview: Preview, now: datetime) -> str:
    left = preview.expires - now
    return f"{span(left)} left" if left > timedelta(0) else f"expired {span(-left)} ago"


def span(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h" if hours else f"{minutes} min"


def format_time(time: datetime) -> str:
    return time.astimezone(UTC).strftime(TIME)


def _read(text: str) -> datetime:
    return datetime.strptime(text, TIME).replace(tzinfo=UTC)
