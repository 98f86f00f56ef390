"""A tenant of a cluster that others own: a namespace, and an account with the role `admin` in it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes import client
from kubernetes.utils import create_from_yaml

from notification_contract.crds import notification_receiver, notification_request
from platform_infra import names
from platform_infra.crd.user_roles import user_roles
from tests.harness.eventually import eventually
from tests.harness.shared_clusters import Team

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.harness.shared_clusters import SharedCluster

HOME = "team-a"
ACCOUNT = "deployer"
RBAC = "rbac.authorization.k8s.io"
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A checkout with the credentials of a namespace's administrator, and the cluster with those of its owner."""

    team: Team
    cluster: SharedCluster
    home: str

    def configure(self, **values: object) -> None:
        """Write the stack's file for a guest; the operator is deployed only on request, because no node would run it."""
        guest: dict[str, Any] = {
            "operatorNamespace": self.home,
            "namespaceManaged": False,
            "crdManaged": False,
            "watchNamespaces": [self.home],
            "operatorImage": "registry.example/operator:1",
        }
        self.team.configure("tenant", **{**guest, **values})

    def another(self, folder: Path) -> Team:
        """Return a second checkout with the same settings and credentials, and a state of its own."""
        second = Team(folder)
        second.kubeconfig.write_text(self.team.kubeconfig.read_text("utf-8"), "utf-8")
        content = self.team.file.read_text("utf-8")
        second.file.write_text(content.replace(str(self.team.kubeconfig), str(second.kubeconfig)), "utf-8")
        return second

    def grant(self, documents: str) -> None:
        """Create roles, as the owner of the cluster does."""
        create_from_yaml(self.cluster.api, yaml_objects=list(yaml.safe_load_all(documents)))

    def bind(self, role: str, user: str) -> None:
        """Give a user a default role in the namespace."""
        binding = {
            "metadata": {"name": user},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
        }
        client.RbacAuthorizationV1Api(self.cluster.api).create_namespaced_role_binding(self.home, binding)
        eventually(lambda: self.verbs_of(user, names.PLURAL), bool, within=10)

    def verbs_of(self, user: str, resource: str) -> set[str]:
        """Return what a user may do with notifications or receivers, as `kubectl auth can-i --as` says."""
        plural, _, subresource = resource.partition("/")
        attributes = {
            "namespace": self.home,
            "group": names.GROUP,
            "resource": plural,
            "subresource": subresource,
        }
        reviews = client.AuthorizationV1Api(self.cluster.api)

        def may(verb: str) -> bool:
            review = {"spec": {"user": user, "resourceAttributes": attributes | {"verb": verb}}}
            answer: Any = reviews.create_subject_access_review(review)
            return bool(answer.status.allowed)

        return {verb for verb in VERBS if may(verb)}


def install_kinds(cluster: SharedCluster) -> None:
    """Create the CRDs and the roles of users, as the owner of the cluster does."""
    rbac = client.RbacAuthorizationV1Api(cluster.api)
    for definition in (notification_request(), notification_receiver()):
        cluster.definitions.create_custom_resource_definition(definition)
    for role in user_roles(edit_includes_receivers=False, gateway=False):
        rbac.create_cluster_role(_user_role(role))


def tenant_of(cluster: SharedCluster, folder: Path, *, home: str = HOME) -> Tenant:
    """Create a namespace and its administrator in a cluster that has the kinds; return the tenant."""
    rbac = client.RbacAuthorizationV1Api(cluster.api)
    cluster.core.create_namespace({"metadata": {"name": home}})
    cluster.core.create_namespaced_service_account(home, {"metadata": {"name": ACCOUNT}})
    rbac.create_namespaced_role_binding(home, _binding("admin", home))
    token: Any = cluster.core.create_namespaced_service_account_token(
        ACCOUNT, home, {"spec": {"expirationSeconds": 7200}}
    )
    eventually(lambda: _aggregated(rbac), bool, within=30)
    eventually(lambda: _has_default_account(cluster, home), bool, within=30)
    team = Team(folder)
    team.add_context(
        "tenant", server=cluster.server, authority=cluster.authority, token=str(token.status.token)
    )
    return Tenant(team=team, cluster=cluster, home=home)


def _has_default_account(cluster: SharedCluster, home: str) -> bool:
    with suppress(client.ApiException):
        cluster.core.read_namespaced_service_account("default", home)
        return True
    return False


def _user_role(role: Any) -> dict[str, Any]:
    rules: Iterable[dict[str, Any]] = [
        {"apiGroups": [grant.group], "resources": [grant.resource], "verbs": list(grant.verbs)}
        for grant in role.grants
    ]
    labels = {f"{RBAC}/aggregate-to-{default}": "true" for default in role.part_of}
    return {"metadata": {"name": role.name, "labels": labels}, "rules": list(rules)}


def _binding(role: str, home: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "tenant"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": home}],
    }


def _aggregated(rbac: client.RbacAuthorizationV1Api) -> bool:
    role: Any = rbac.read_cluster_role("admin")
    return any(names.PLURAL in (rule.resources or ()) for rule in role.rules or ())
