"""Slack's webhook URL: its Secret, and the pod annotation that rolls the pods when the URL changes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.core.v1 import Secret, SecretKeySelectorArgs

from platform_infra import names

if TYPE_CHECKING:
    from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

    from platform_infra.children import Children
    from platform_infra.settings.sections.deployment import SlackChannel


def slack_url_key(
    slack: SlackChannel, url: pulumi.Input[str], metadata: ObjectMetaArgs, child: Children
) -> SecretKeySelectorArgs | None:
    """Return the key of the Secret that holds the URL; the Secret is created unless the settings name an existing one.

    Its content is encrypted in the stack's state. None if the channel is disabled.
    """
    if not slack.enabled:
        return None
    if slack.existing_secret:
        return SecretKeySelectorArgs(name=slack.existing_secret, key=slack.existing_secret_key)
    content = {names.SLACK_SECRET_KEY: pulumi.Output.secret(url)}
    created = Secret(child.name("slack"), metadata=metadata, string_data=content, opts=child.options())
    return SecretKeySelectorArgs(name=created.metadata.name, key=names.SLACK_SECRET_KEY)


def pod_annotations(slack: SlackChannel, url: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """Return an annotation with a checksum of the URL; it changes with the URL and does not reveal it.

    There is none for a Secret of others, whose content the program does not know.
    """
    if not slack.enabled or slack.existing_secret:
        return {}
    checksum = pulumi.Output.from_input(url).apply(_checksum)
    # A secret annotation would hide every change of the pods in previews.
    return {names.SLACK_CHECKSUM_ANNOTATION: pulumi.Output.unsecret(checksum)}


def _checksum(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]
