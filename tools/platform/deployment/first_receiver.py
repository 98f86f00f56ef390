"""The first receiver of a new stack, with the routing rule that sends it each message that names no other one. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final


class FirstReceiver(StrEnum):
    """A type of receivers that needs one credential; `none` for a stack without a receiver."""

    SLACK = "slack"
    TEAMS = "teams"
    PAGERDUTY = "pagerduty"
    WEBHOOK = "webhook"
    DISCORD = "discord"
    MATTERMOST = "mattermost"
    NONE = "none"


FIELDS: Final = {FirstReceiver.SLACK: "webhookUrlSecretRef", FirstReceiver.PAGERDUTY: "routingKeySecretRef"}
"""The field of the spec that refers to the credential, if it is not `urlSecretRef`."""


def receiver_settings(kind: FirstReceiver) -> dict[str, Any]:
    """Return the settings of a stack with this receiver, by key. The receiver and its Secret are named after the type."""
    if kind == FirstReceiver.NONE:
        return {}
    name = kind.value
    spec = {
        "type": name,
        name: {FIELDS.get(kind, "urlSecretRef"): {"name": name}},
        "allowedNamespaces": {"from": "All"},
    }
    routing = {"route": {"receiver": name}, "receivers": [{"name": name, "channels": [name]}]}
    return {"receivers": [{"name": name, "default": True, "spec": spec}], "routing": routing}


def with_credential(settings: dict[str, Any], kind: FirstReceiver) -> dict[str, Any]:
    """Return the settings as they are when the credential is set, which is encrypted in the stack's file."""
    secrets = {kind.value: {_key(kind): "credential"}}
    return {**settings, "receivers": [{**each, "secrets": secrets} for each in settings["receivers"]]}


def credential_path(kind: FirstReceiver) -> str:
    """Return the path of the credential in the configuration of Pulumi."""
    return f'receivers[0].secrets.{kind.value}["{_key(kind)}"]'


def _key(kind: FirstReceiver) -> str:
    """Return the usual key of the Secret, as in the declaration of the type."""
    return "routing-key" if kind == FirstReceiver.PAGERDUTY else "url"
