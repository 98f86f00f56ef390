"""The operator's configuration file, rendered from a stack's settings. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, get_args

import yaml
from pydantic import SecretStr

from notification_contract.settings import OperatorSettings, declared_settings
from platform_infra import names
from platform_infra.settings.derivation import operator_settings

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings


def document(settings: Settings) -> dict[str, Any]:
    """Return the content of the file: all settings of the operator except secrets, which a Secret holds."""
    content: dict[str, Any] = operator_settings(settings).model_dump(mode="json")
    for (*sections, name), field in declared_settings(OperatorSettings):
        if SecretStr in {field.annotation, *get_args(field.annotation)}:
            branch = content
            for section in sections:
                branch = branch[section]
            del branch[name]
    return content


def render(settings: Settings) -> str:
    """Return the text of the file."""
    return yaml.safe_dump(document(settings), sort_keys=False)


def object_name(text: str) -> str:
    """Return a ConfigMap name that contains a hash of the text, so that a change replaces the pods."""
    return f"{names.OPERATOR}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
