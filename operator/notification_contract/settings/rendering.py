"""The configuration file of an operator: what differs from the defaults, so that older operators can read it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import yaml
from pydantic import SecretStr

from notification_contract.settings.section import Section
from notification_contract.settings.version import ANY, FIRST, mark, since

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic.fields import FieldInfo

    from notification_contract.settings.operator import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A setting whose value is not its default."""

    path: Path
    """The place in the file."""
    setting: Path
    """The place with `*` for the name of a plugin."""
    value: Any
    """The value in YAML."""

    @property
    def since(self) -> int:
        """Return the version that introduced the setting, or this value of it."""
        return max(since(self.setting), since((*self.setting, str(self.value))))


def render(settings: Section) -> str:
    """Return the text of a program's configuration file: the version that it needs, and what differs from the defaults.

    Secrets are left out: a Secret holds them.
    """
    changed = list(differences(settings))
    return mark(max((each.since for each in changed), default=FIRST)) + yaml.safe_dump(
        document(changed), sort_keys=False
    )


def document(changed: Iterable[Difference]) -> dict[str, Any]:
    """Return the content of a configuration file."""
    content: dict[str, Any] = {}
    for each in changed:
        *sections, name = each.path
        branch = content
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = each.value
    return content


def differences(section: Section, path: Path = (), setting: Path = ()) -> Iterator[Difference]:
    """Yield the settings in a section and below that differ from their defaults, except secrets."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        at, declared = (*path, name), (*setting, name)
        if isinstance(value, Section):
            yield from differences(value, at, declared)
        elif not _is_secret(field) and value != field.get_default():
            yield from _entries(value, section, at, declared)


def _entries(value: Any, section: Section, path: Path, setting: Path) -> Iterator[Difference]:  # noqa: ANN401 - settings have values of any type
    """Yield one setting, or those of each section in a mapping of sections."""
    members = value.items() if isinstance(value, Mapping) else ()
    if any(isinstance(member, Section) for _, member in members):
        for key, member in members:
            yield from differences(member, (*path, key), (*setting, ANY))
    else:
        plain = section.model_dump(mode="json", include={path[-1]})[path[-1]]
        yield Difference(path=path, setting=setting, value=_whole(plain))


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in {field.annotation, *get_args(field.annotation)}


def _whole(value: Any) -> Any:  # noqa: ANN401 - settings have values of any type
    """Write a whole number without a fraction."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
