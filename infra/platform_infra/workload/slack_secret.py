"""Slack's webhook URL: its Secret, and the pod annotation that rolls the pods when the URL changes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.core.v1 import Secret

from platform_infra import names

if TYPE_CHECKING:
    from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

    from notification_contract.settings import SlackChannel


def slack_secret(
    settings: SlackChannel, metadata: ObjectMetaArgs, opts: pulumi.ResourceOptions
) -> Secret | None:
    """Create the Secret if the channel is enabled; its content is encrypted in the stack's state."""
    if not settings.enabled:
        return None
    content = {names.SLACK_SECRET_KEY: pulumi.Output.secret(settings.url)}
    return Secret("slack", metadata=metadata, string_data=content, opts=opts)


def pod_annotations(settings: SlackChannel) -> dict[str, str]:
    """Return an annotation with a checksum of the URL; it changes with the URL and does not reveal it."""
    if not settings.enabled:
        return {}
    digest = hashlib.sha256(settings.url.encode()).hexdigest()[:16]
    return {f"{names.GROUP}/slack-webhook-checksum": digest}
