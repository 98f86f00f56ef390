"""The custom resource definitions, as packaged YAML files."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml


def notification_request() -> dict[str, Any]:
    """Return the CustomResourceDefinition of NotificationRequest; each call reads the file again."""
    return _definition("notificationrequest.yaml")


def notification_receiver() -> dict[str, Any]:
    """Return the CustomResourceDefinition of NotificationReceiver; each call reads the file again."""
    return _definition("notificationreceiver.yaml")


def _definition(file: str) -> dict[str, Any]:
    definition: dict[str, Any] = yaml.safe_load(resources.files(__name__).joinpath(file).read_text("utf-8"))
    return definition
