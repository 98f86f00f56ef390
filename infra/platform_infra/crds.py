"""The NotificationRequest kind, as the cluster is taught it."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pulumi
import yaml
from pulumi_kubernetes.apiextensions import CustomResource


def notification_request() -> dict[str, Any]:
    """Return the CustomResourceDefinition as its file has it."""
    text = resources.files("platform_infra").joinpath("crds/notificationrequest.yaml").read_text("utf-8")
    definition: dict[str, Any] = yaml.safe_load(text)
    return definition


class Crds(pulumi.ComponentResource):
    """The custom resource definitions of the platform.

    They are handed on as the file has them: the typed class would rename what it knows and drop the rest.
    """

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("notification-platform:index:Crds", name, None, opts)
        document = notification_request()
        self.definition = CustomResource(
            "notificationrequests",
            api_version=document["apiVersion"],
            kind=document["kind"],
            metadata=document["metadata"],
            spec=document["spec"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
