"""The custom resource definitions, as packaged YAML files."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from notification_contract import safe_yaml


def notification_request() -> dict[str, Any]:
    """Return the CustomResourceDefinition of NotificationRequest; each call returns a new object."""
    return _definition("notificationrequest.yaml")


def notification_receiver() -> dict[str, Any]:
    """Return the CustomResourceDefinition of NotificationReceiver; each call returns a new object."""
    return _definition("notificationreceiver.yaml")


def notification_source() -> dict[str, Any]:
    """Return the CustomResourceDefinition of NotificationSource; each call returns a new object."""
    return _definition("notificationsource.yaml")


def _definition(file: str) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(_as_json(file))
    return definition


@cache
def _as_json(file: str) -> str:
    """Return a definition as JSON, which is read in a twentieth of the time."""
    return json.dumps(safe_yaml.load(resources.files(__name__).joinpath(file).read_text("utf-8")))
