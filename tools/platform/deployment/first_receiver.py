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


USUAL: Final = ("urlSecretRef", "url")
CREDENTIALS: Final = {
    FirstReceiver.SLACK: ("webhookUrlSecretRef", "url"),
    FirstReceiver.PAGERDUTY: ("routingKeySecretRef", "routing-key"),
}
"""The field of the spec that refers to the Secret, and the key of the credential in it, if they are not the usual ones."""


def receiver_settings(kind: FirstReceiver, *, credential: str = "") -> dict[str, Any]:
    """Return the settings of a stack with this receiver, by key. The receiver and its Secret have the name of the type."""
    if kind == FirstReceiver.NONE:
        return {}
    name, (field, key) = kind.value, CREDENTIALS.get(kind, USUAL)
    spec = {"type": name, name: {field: {"name": name}}, "allowedNamespaces": {"from": "All"}}
    secrets = {"secrets": {name: {key: credential}}} if credential else {}
    routing = {"route": {"receiver": name}, "receivers": [{"name": name, "channels": [name]}]}
    return {"receivers": [{"name": name, "default": True, "spec": spec, **secrets}], "routing": routing}


def credential_path(kind: FirstReceiver) -> str:
    """Return the path of the credential in the configuration of Pulumi."""
    return f'receivers[0].secrets.{kind.value}["{CREDENTIALS.get(kind, USUAL)[1]}"]'
