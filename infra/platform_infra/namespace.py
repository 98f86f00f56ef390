"""The operator's namespace: created by the stack, or that of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names
from platform_infra.children import DELETION_TIMEOUT
from platform_infra.cluster import ClusterError
from platform_infra.preview.access import bind_manager, limit

if TYPE_CHECKING:
    from platform_infra.children import Children
    from platform_infra.cluster.ownership import Identity
    from platform_infra.settings.model import Settings

POD_SECURITY: Final = {
    f"pod-security.kubernetes.io/{mode}{suffix}": value
    for mode in ("enforce", "audit", "warn")
    for suffix, value in (("", "restricted"), ("-version", "latest"))
}
"""The newest restricted standard: an upgrade of the cluster that the pods do not meet fails visibly, and in tests first."""
PART: Final = "namespace"
HANDED_OVER: Final = (
    "namespaceManaged is false, but this stack has created the namespace {!r}: this update gives it up and keeps it; run `up` once "
    "more to remove it from the state"
)


def check_namespace(settings: Settings, identity: Identity) -> None:
    """Check that a namespace of others exists; where the cluster cannot be asked, the objects in it fail.

    Raises:
        ClusterError: it does not exist.
    """
    name = settings.operator.namespace
    if settings.namespace.managed or identity.reader is None:
        return
    match identity.reader.has_namespace(name):
        case False:
            raise ClusterError(
                f"operatorNamespace: the namespace {name!r} does not exist, and namespaceManaged is false, so this stack does not "
                "create it. Nothing has been changed. Ask the owner of the cluster for it, correct operatorNamespace, or set "
                "namespaceManaged to true"
            )
        case None:
            pulumi.log.warn(
                f"the account of context {identity.context!r} may not read the namespace {name!r}: it does not exist, or the "
                "account has no role in it"
            )


def operator_namespace(settings: Settings, identity: Identity, child: Children) -> pulumi.Output[str]:
    """Create the namespace unless it is of others; return its name once it exists.

    A namespace that the stack has created is handed over in two updates, because the engine would delete what it no longer finds
    in the program: the first one gives up the owner's annotation and keeps the namespace on deletion, the next one leaves it.
    """
    name = settings.operator.namespace
    if settings.namespace.managed:
        created = _namespace(settings, child, _options(settings))
        if not settings.preview.number:
            return created
        bound = bind_manager(created, child) if settings.preview.restricted else created
        return limit(bound, settings.preview.quota, child)
    if identity.owns_namespace(name):
        pulumi.log.warn(HANDED_OVER.format(name))
        return _namespace(settings, child, pulumi.ResourceOptions(retain_on_delete=True))
    return pulumi.Output.from_input(name)


def _options(settings: Settings) -> pulumi.ResourceOptions:
    # Deleting the namespace also deletes the file channel's volume.
    return pulumi.ResourceOptions(protect=settings.protection.data, custom_timeouts=DELETION_TIMEOUT)


def _namespace(
    settings: Settings,
    child: Children,
    options: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    metadata = ObjectMetaArgs(
        name=settings.operator.namespace,
        labels=names.labels(PART) | POD_SECURITY | settings.preview.labels(),
        annotations=dict(settings.preview.annotations()),
    )
    created = Namespace(child.name(PART), metadata=metadata, opts=child.options(options))
    name: pulumi.Output[str] = created.metadata.name
    return name
