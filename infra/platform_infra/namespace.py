"""The operator's namespace: created by the stack, or read where others own it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names
from platform_infra.cluster import ClusterError
from platform_infra.preview.access import bind_manager

if TYPE_CHECKING:
    from platform_infra.children import Children
    from platform_infra.cluster import Cluster
    from platform_infra.cluster.ownership import Identity
    from platform_infra.settings.model import Settings

POD_SECURITY: Final = {
    f"pod-security.kubernetes.io/{mode}{suffix}": value
    for mode in ("enforce", "audit", "warn")
    for suffix, value in (("", "restricted"), ("-version", "latest"))
}
"""The newest restricted standard: an upgrade of the cluster that the pods do not meet fails visibly, and in tests first."""
PART: Final = "namespace"


def check_namespace(settings: Settings, identity: Identity) -> None:
    """Check that a namespace of others exists; where the cluster cannot be asked, the engine fails to read it.

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


def operator_namespace(settings: Settings, cluster: Cluster, child: Children) -> pulumi.Output[str]:
    """Create the namespace, or read that of others; return its name once it exists.

    To read it under the same URN makes the engine release a namespace that the stack has owned, instead of deleting it.
    """
    if not settings.namespace.managed:
        if cluster.writes_files:
            return pulumi.Output.from_input(settings.operator.namespace)
        read = Namespace.get(child.name(PART), settings.operator.namespace, opts=child.options(PART))
        return read.id.apply(str)
    metadata = ObjectMetaArgs(
        name=settings.operator.namespace,
        labels=names.labels(PART) | POD_SECURITY | settings.preview.labels(),
        annotations={**settings.preview.annotations(), names.CRD_OWNER: cluster.identity.owner()},
    )
    # Deleting the namespace also deletes the file channel's volume.
    protect = pulumi.ResourceOptions(protect=settings.protection.data)
    created = Namespace(child.name(PART), metadata=metadata, opts=child.options(PART, protect))
    name: pulumi.Output[str] = created.metadata.name
    return bind_manager(name, child) if settings.preview.restricted else name
