"""The custom resource definitions, as packaged YAML files."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml


def notification_request() -> dict[str, Any]:
    """Return the CustomResourceDefinition of NotificationRequest; each call reads the file again."""
    text = resources.files(__name__).joinpath("notificationrequest.yaml").read_text("utf-8")
    definition: dict[str, Any] = yaml.safe_load(text)
    return definition
