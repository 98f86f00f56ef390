"""The credentials among a stack's settings: those in plain text, and those that a Secret of others has. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from platform_infra.settings.inputs import PLACEHOLDERS, SLACK_URL
from platform_infra.settings.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_infra.settings.model import Settings


def with_existing_secrets(settings: Settings) -> Settings:
    """Return the settings with a placeholder for each credential that a Secret of others has."""
    slack = settings.channels.slack
    if not slack.existing_secret:
        return settings
    filled = slack.model_copy(update={"webhook_url": SecretStr(PLACEHOLDERS[SLACK_URL])})
    return settings.model_copy(update={"channels": settings.channels.model_copy(update={"slack": filled})})


def plain_text(settings: Settings) -> Iterator[Problem]:
    """Yield a problem per value that is a secret; the caller knows which of them are stored as secrets."""
    what = "contains credentials in plain text"
    if is_kubeconfig_content(settings.cluster.kubeconfig):
        hint = "store it with `pulumi config set --secret clusterKubeconfig`, or set the path of a file"
        yield Problem(key="clusterKubeconfig", what=what, hint=hint)
    # A URL that is sent over the network unencrypted is not a secret.
    if settings.channels.slack.url.startswith("https:"):
        hint = "store it with `pulumi config set --secret channelsSlackWebhookUrl URL`"
        yield Problem(key="channelsSlackWebhookUrl", what=what, hint=hint)
    if settings.operator.registry.password:
        hint = "store it with `pulumi config set --secret operatorRegistryPassword VALUE`"
        yield Problem(key="operatorRegistryPassword", what=what, hint=hint)
    for index, receiver in enumerate(settings.receivers):
        for name, values in receiver.secrets.items():
            for key in values:
                place = f'receivers[{index}].secrets["{name}"]["{key}"]'
                hint = f"store it with `pulumi config set --secret --path '{place}' VALUE`"
                yield Problem(key=place, what=what, hint=hint)


def is_kubeconfig_content(value: str) -> bool:
    """Return whether a text is the content of a kubeconfig (YAML or JSON) instead of the path of a file."""
    return "\n" in value.strip() or value.lstrip().startswith("{")
