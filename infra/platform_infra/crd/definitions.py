"""The NotificationRequest kind, as the cluster is taught it."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import pulumi
import yaml
from pulumi_kubernetes.apiextensions import CustomResource

from platform_infra import names
from platform_infra.crd import compatibility as crd_compatibility

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.settings.model import Settings


class CrdError(pulumi.RunError):
    """A definition cannot be applied over the one before; the message lists every reason."""

    def __init__(self, reasons: Sequence[str]) -> None:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        super().__init__(
            f"the CRD takes less than the one before, so objects that are stored or sent today would be refused:\n{listed}\n"
            "Take these changes back, or serve a new version beside this one; to apply it all the same, as for a "
            "rollback, set crdAllowIncompatible to true for this `up`"
        )


def notification_request() -> dict[str, Any]:
    """Return the CustomResourceDefinition as its file has it."""
    text = (
        resources.files("notification_contract").joinpath("crds/notificationrequest.yaml").read_text("utf-8")
    )
    definition: dict[str, Any] = yaml.safe_load(text)
    return definition


class Crds(pulumi.ComponentResource):
    """The custom resource definitions of the platform.

    They are handed on as the file has them: the typed class would rename what it knows and drop the rest.
    A definition that takes less than the one that this stack applied before is refused (DD-CRD-001). One that another
    stack owns is refused by the API server, since both would have to say whose it is.
    """

    def __init__(self, name: str, *, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("notification-platform:index:Crds", name, None, opts)
        document = notification_request()
        self.definition = CustomResource(
            "notificationrequests",
            api_version=document["apiVersion"],
            kind=document["kind"],
            metadata=_owned(document["metadata"]),
            spec=document["spec"],
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=settings.protection.data,
                retain_on_delete=settings.crd.retain,
                hooks=None if settings.crd.allow_incompatible else _guards(),
            ),
        )
        self.register_outputs({})


def _owned(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata with the owner: two stacks that both claim a definition come into conflict over that alone.

    Without it the API server would let both apply the same definition, and the first one destroyed would take it away.
    """
    owner = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    return {**metadata, "annotations": {**metadata.get("annotations", {}), names.CRD_OWNER: owner}}


def refuse_incompatible(change: pulumi.ResourceHookArgs) -> None:
    """Let an update of a definition pass that takes all that the one before took.

    Raises:
        CrdError: it takes less; the message lists every place.
    """
    found = crd_compatibility.problems(change.old_inputs or {}, change.new_inputs or {})
    if found:
        raise CrdError(found)


def _guards() -> pulumi.ResourceHookBinding:
    options = pulumi.ResourceHookOptions(on_dry_run=True)
    hook = pulumi.ResourceHook("crd-compatibility", refuse_incompatible, opts=options)
    return pulumi.ResourceHookBinding(before_update=[hook])
