"""The custom resource definitions as a component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from notification_contract.crds import notification_receiver, notification_request, notification_source
from platform_infra import names
from platform_infra.children import DELETION_TIMEOUT, Children
from platform_infra.crd.guard import CompatibilityGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from platform_infra.cluster.ownership import Identity
    from platform_infra.crd.guard import Cluster
    from platform_infra.settings.model import Settings
    from platform_infra.settings.sections.deployment import Crd


DEFINITIONS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    names.PLURAL: notification_request,
    names.RECEIVER_PLURAL: notification_receiver,
}
"""The function that returns each definition, by the plural of its kind, which is part of the name of its resource in a stack."""
GATEWAY_DEFINITIONS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    names.SOURCE_PLURAL: notification_source
}
"""Those of a stack with the gateway: a kind that nothing serves would accept objects and do nothing."""


HANDED_OVER: Final = (
    "crdManaged is false, but this stack has created the CRDs: this update gives them up and keeps them; run `up` once more to remove "
    "them from the state, and then the `up` of their next owner with --adopt"
)


class Crds(pulumi.ComponentResource):
    """The custom resource definitions of the platform.

    A definition goes to the API server as its file has it: the typed class renames known fields and drops unknown
    ones. Pulumi refuses a definition that rejects objects which the applied one accepts (DD-CRD-001): the one in the state,
    and the one in the cluster if `cluster` can be asked. The API server refuses a definition that another stack owns,
    because the owner annotations conflict.
    """

    def __init__(  # noqa: PLR0913 - what all CRDs have in common
        self,
        name: str,
        *,
        crd: Crd,
        gateway: bool,
        protect: bool,
        cluster: Cluster | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("notification-platform:index:Crds", name, None, opts)
        declared = {**DEFINITIONS, **(GATEWAY_DEFINITIONS if gateway else {})}
        definitions = {plural: read() for plural, read in declared.items()}
        guard = CompatibilityGuard(definitions, cluster)
        options = pulumi.ResourceOptions(
            protect=protect,
            retain_on_delete=crd.retain,
            custom_timeouts=DELETION_TIMEOUT,
            hooks=None if crd.allow_incompatible else guard.binding(name),
        )
        child = Children(self, name, options)
        crd_names, created = [], []
        for plural, document in definitions.items():
            resource = CustomResource(
                child.name(plural),
                api_version=document["apiVersion"],
                kind=document["kind"],
                metadata=document["metadata"],
                spec=document["spec"],
                opts=child.options(),
            )
            crd_names.append(document["metadata"]["name"])
            created.append(resource.urn)
        self.names: pulumi.Output[list[str]] = pulumi.Output.all(*created).apply(lambda _urns: crd_names)
        """The names of the CRDs; what uses them is created after the CRDs."""
        self.register_outputs({})


def crds(settings: Settings, identity: Identity, child: Children) -> list[Crds]:
    """Return the CRDs; empty when another stack owns them.

    CRDs that the stack has created are handed over in two updates, as the namespace is: the engine would delete what it no longer
    finds in the program, and every notification with it.
    """
    crd, gateway, protect = settings.crd, settings.gateway.enabled, settings.protection.data
    if not crd.managed:
        request, receiver, source = map(identity.owns_definition, names.crd_names(gateway=True))
        if not (request or receiver or source):
            return []
        pulumi.log.warn(HANDED_OVER)
        crd, gateway, protect = crd.model_copy(update={"retain": True}), source, False
    return [
        Crds(
            child.name("crds"),
            crd=crd,
            gateway=gateway,
            protect=protect,
            cluster=identity.reader,
            opts=child.options(),
        )
    ]
