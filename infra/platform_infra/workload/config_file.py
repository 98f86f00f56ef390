"""The operator's configuration file, rendered from a stack's settings. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, get_args

import yaml
from pydantic import SecretStr

from notification_contract.settings import OperatorSettings, PluginChannel, declared_settings
from platform_infra import names
from platform_infra.settings.derivation import operator_settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from notification_contract.settings.operator import Path
    from platform_infra.settings.model import Settings

OMITTED_DEFAULTS: frozenset[Path] = frozenset(
    {
        ("queue", "max_notifications"),
        ("delivery", "in_flight_bytes"),
        ("delivery", "visible_after_seconds"),
        ("breaker", "initial_open_seconds"),
        ("breaker", "window_seconds"),
        ("channels", "console", "namespaces"),
        ("channels", "file", "namespaces"),
        ("channels", "log", "namespaces"),
        ("channels", "slack", "namespaces"),
        ("channels", "slack", "rate_per_second"),
        ("channels", "slack", "burst"),
        ("channels", "slack", "mrkdwn"),
        ("channels", "file", "size"),
        ("channels", "file", "keep_days"),
        ("receivers", "enabled"),
        ("receivers", "namespaced"),
        ("receivers", "cluster"),
        ("drill", "schedule"),
        ("audit", "buffer_size"),
        ("audit", "token_audience"),
        ("audit", "file"),
        ("audit", "file_max_bytes"),
        ("audit", "file_count"),
        ("retention", "interval_seconds"),
        ("retention", "failed_days"),
        ("leader_election", "lease_seconds"),
        ("server", "host"),
    }
)
"""Settings that the file contains only if they differ from their default. Earlier releases did not write them: with the
same text, an update from such a release replaces neither the ConfigMap nor the pods. Add every new setting here."""
OMITTED_OF_PLUGINS: Final = ("namespaces", "rate_per_second", "burst")
"""The same for the settings of each plugin."""


def document(settings: Settings) -> dict[str, Any]:
    """Return the content of the file: the settings of the operator except secrets, which a Secret holds."""
    content: dict[str, Any] = operator_settings(settings).model_dump(mode="json")
    for path, field in declared_settings(OperatorSettings):
        *sections, name = path
        branch = content
        for section in sections:
            branch = branch[section]
        secret = SecretStr in {field.annotation, *get_args(field.annotation)}
        if secret or (path in OMITTED_DEFAULTS and _is_default(branch[name], field)):
            del branch[name]
        else:
            branch[name] = _plain(branch[name])
    for plugin in content["channels"]["plugins"].values():
        for name in OMITTED_OF_PLUGINS:
            if _is_default(plugin[name], PluginChannel.model_fields[name]):
                del plugin[name]
    # A section that an earlier release does not know makes its operator refuse the file.
    return {name: section for name, section in content.items() if section}


def _is_default(value: Any, field: FieldInfo) -> bool:  # noqa: ANN401 - a setting can have any type
    return bool(value == (list(field.default) if isinstance(field.default, tuple) else field.default))


def _plain(value: Any) -> Any:  # noqa: ANN401 - a setting can have any type
    """Write a whole number without a fraction, as earlier releases did."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def render(settings: Settings) -> str:
    """Return the text of the file."""
    return yaml.safe_dump(document(settings), sort_keys=False)


def object_name(text: str) -> str:
    """Return a ConfigMap name that contains a hash of the text, so that a change replaces the pods."""
    return f"{names.OPERATOR}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
