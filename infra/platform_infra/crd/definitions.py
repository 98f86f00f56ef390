"""The custom resource definitions as a component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from notification_contract.crds import notification_receiver, notification_request
from platform_infra import names
from platform_infra.children import DELETION_TIMEOUT, Children
from platform_infra.crd.accepted import unaccepted
from platform_infra.crd.compatibility import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from platform_infra.settings.sections import Crd


class CrdError(pulumi.RunError):
    """The new definition rejects objects that the applied one accepts; the message lists every reason."""

    def __init__(self, plural: str, reasons: Sequence[str]) -> None:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        super().__init__(
            f"incompatible CRD change of {plural}: existing or new objects would be rejected:\n{listed}\n"
            "Revert these changes, or serve a new version in addition to this one; to apply the change nevertheless, "
            "for example in a rollback, set crdAllowIncompatible to true for this `up`"
        )


DEFINITIONS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    names.PLURAL: notification_request,
    names.RECEIVER_PLURAL: notification_receiver,
}
"""The function that returns each definition, by the plural of its kind, which is part of the name of its resource in a stack."""


class Crds(pulumi.ComponentResource):
    """The custom resource definitions of the platform.

    A definition goes to the API server as its file has it: the typed class renames known fields and drops unknown
    ones. Pulumi refuses a definition that rejects objects which the applied one accepts (DD-CRD-001). The API server
    refuses a definition that another stack owns, because the owner annotations conflict.
    """

    def __init__(
        self,
        name: str,
        *,
        crd: Crd,
        owner: pulumi.Input[str],
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("notification-platform:index:Crds", name, None, opts)
        options = pulumi.ResourceOptions(
            protect=protect,
            retain_on_delete=crd.retain,
            custom_timeouts=DELETION_TIMEOUT,
            hooks=None if crd.allow_incompatible else _compatibility_hook(name),
        )
        child = Children(self, name, options)
        crd_names, created = [], []
        for plural, read in DEFINITIONS.items():
            document = read()
            resource = CustomResource(
                child.name(plural),
                api_version=document["apiVersion"],
                kind=document["kind"],
                metadata=_owned(document["metadata"], owner),
                spec=document["spec"],
                opts=child.options(plural),
            )
            crd_names.append(document["metadata"]["name"])
            created.append(resource.urn)
        self.names: pulumi.Output[list[str]] = pulumi.Output.all(*created).apply(lambda _urns: crd_names)
        """The names of the CRDs; what uses them is created after the CRDs."""
        self.register_outputs({})


def _owned(metadata: dict[str, Any], owner: pulumi.Input[str]) -> dict[str, Any]:
    """Return the metadata with the owner's annotation, on which two stacks that apply the same definition conflict.

    Without the annotation both could apply it, and the first stack to be destroyed would delete it for the other.
    """
    return {**metadata, "annotations": {**metadata.get("annotations", {}), names.CRD_OWNER: owner}}


def refuse_incompatible(change: pulumi.ResourceHookArgs) -> None:
    """Check an update of a definition before the engine applies it, except for the changes that a decision accepts.

    Raises:
        CrdError: the update is incompatible; the message lists every field.
    """
    reasons = unaccepted(problems(change.old_inputs or {}, change.new_inputs or {}))
    if reasons:
        raise CrdError(_plural(change), reasons)


def _plural(change: pulumi.ResourceHookArgs) -> str:
    spec: Mapping[str, Any] = (change.new_inputs or {})["spec"]
    plural: str = spec["names"]["plural"]
    return plural


def _compatibility_hook(name: str) -> pulumi.ResourceHookBinding:
    """Return the hook of an instance: the engine knows a hook by its name."""
    options = pulumi.ResourceHookOptions(on_dry_run=True)
    hook = pulumi.ResourceHook(f"{name}-compatibility", refuse_incompatible, opts=options)
    return pulumi.ResourceHookBinding(before_update=[hook])
