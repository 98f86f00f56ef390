"""The custom resource definitions, as packaged YAML files."""

from __future__ import annotations

from importlib import resources
from typing import Any

from notification_contract import safe_yaml


def notification_request() -> dict[str, Any]:
    """Return the CustomResourceDefinition of NotificationRequest; each call reads the file again."""
    return _definition("notificationrequest.yaml")


def notification_receiver() -> dict[str, Any]:
    """Return the CustomResourceDefinition of NotificationReceiver; each call reads the file again."""
    return _definition("notificationreceiver.yaml")


def _definition(file: str) -> dict[str, Any]:
    definition: dict[str, Any] = safe_yaml.load(resources.files(__name__).joinpath(file).read_text("utf-8"))
    return definition
