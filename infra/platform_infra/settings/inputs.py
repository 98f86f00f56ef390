"""The settings whose values a program can pass as outputs of other resources. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE: Final = "operatorImage"
SLACK_URL: Final = "channelsSlackWebhookUrl"
REGISTRY_USERNAME: Final = "operatorRegistryUsername"
REGISTRY_PASSWORD: Final = "operatorRegistryPassword"  # noqa: S105 - the key of a setting
MONITORING_LABELS: Final = "monitoringLabels"
RECEIVERS: Final = "receivers"

INPUT_TYPES: Final[Mapping[str, str]] = {
    IMAGE: "pulumi.Input[str]",
    SLACK_URL: "pulumi.Input[str]",
    REGISTRY_USERNAME: "pulumi.Input[str]",
    REGISTRY_PASSWORD: "pulumi.Input[str]",
    MONITORING_LABELS: "pulumi.Input[dict[str, pulumi.Input[str]]]",
}
"""The type of the component's argument by the key of the setting. None of them decides which resources are registered."""

PLACEHOLDERS: Final[Mapping[str, Any]] = {
    IMAGE: "registry.invalid/operator",
    SLACK_URL: "https://slack.invalid/services/x",
    REGISTRY_USERNAME: "x",
    REGISTRY_PASSWORD: "x",
    MONITORING_LABELS: {},
}
"""Valid values that stand for outputs in the check before any resource is registered."""
ENCRYPTED: Final = "encrypted"
"""Stands for an encrypted part of a setting in the check of a stack file, which cannot read it."""
SECRET_PLACEHOLDER: Final = "x"  # noqa: S105 - stands for a secret
