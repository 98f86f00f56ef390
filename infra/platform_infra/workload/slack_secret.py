"""Slack's webhook URL: its Secret, and the pod annotation that rolls the pods when the URL changes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.core.v1 import Secret

from platform_infra import names

if TYPE_CHECKING:
    from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

    from platform_infra.children import Children


def slack_secret(url: pulumi.Input[str], metadata: ObjectMetaArgs, child: Children) -> Secret:
    """Create the Secret; its content is encrypted in the stack's state."""
    content = {names.SLACK_SECRET_KEY: pulumi.Output.secret(url)}
    return Secret(child.name("slack"), metadata=metadata, string_data=content, opts=child.options("slack"))


def pod_annotations(url: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """Return an annotation with a checksum of the URL; it changes with the URL and does not reveal it."""
    checksum = pulumi.Output.from_input(url).apply(_checksum)
    # A secret annotation would hide every change of the pods in previews.
    return {names.SLACK_CHECKSUM_ANNOTATION: pulumi.Output.unsecret(checksum)}


def _checksum(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]
