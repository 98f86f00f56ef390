"""The permissions of the account for previews. Pure.

RBAC cannot restrict namespaces by label, so the account may write namespaces and RoleBindings as far as `admission` admits
it. Everything else it may do only where the role of a preview namespace is bound to it.
"""

from __future__ import annotations

from platform_infra import names
from platform_infra.workload.rbac import Grant

DEPLOYER_ROLE = "notification-preview-deployer"
MANAGER_ROLE = "notification-preview-manager"
RBAC = "rbac.authorization.k8s.io"

READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")

DEPLOYER = (
    Grant(group="", resource="namespaces", verbs=(*READ, *WRITE)),
    Grant(group=RBAC, resource="rolebindings", verbs=("get", "create", "update", "patch")),
    Grant(group=RBAC, resource="clusterroles", verbs=("bind",), names=(MANAGER_ROLE,)),
)
"""Permissions in the cluster; a ValidatingAdmissionPolicy limits the writes to preview namespaces."""

MANAGER = (
    *(
        Grant(group=group, resource=resource, verbs=(*READ, *WRITE))
        for group, resource in (
            ("", "configmaps"),
            ("", "persistentvolumeclaims"),
            ("", "secrets"),
            ("", "serviceaccounts"),
            ("", "services"),
            ("apps", "deployments"),
            ("coordination.k8s.io", "leases"),
            ("events.k8s.io", "events"),
            ("networking.k8s.io", "networkpolicies"),
            ("policy", "poddisruptionbudgets"),
            (RBAC, "rolebindings"),
            (RBAC, "roles"),
            (names.GROUP, names.PLURAL),
            (names.GROUP, names.RECEIVER_PLURAL),
        )
    ),
    # Neither update nor delete: the namespace takes the quota with it.
    Grant(group="", resource="resourcequotas", verbs=(*READ, "create", "patch")),
    Grant(group=names.GROUP, resource=f"{names.PLURAL}/status", verbs=("get", "update")),
    Grant(group=names.GROUP, resource=f"{names.RECEIVER_PLURAL}/status", verbs=("get", "update")),
    *(
        Grant(group=group, resource=resource, verbs=READ)
        for group, resource in (
            ("", "endpoints"),
            ("", "events"),
            ("", "pods"),
            ("", "pods/log"),
            ("apps", "replicasets"),
            ("discovery.k8s.io", "endpointslices"),
        )
    ),
)
"""Permissions in a preview namespace: the objects of a preview, what Pulumi waits for, and every permission of the preview's operator."""
