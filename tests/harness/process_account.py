"""The account of an operator that runs as a local process: the rights of one in a pod, and a kubeconfig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from platform_infra import names
from platform_infra.workload import rbac
from tests.kit.kubeconfig import kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.harness.cluster import Cluster

API = f"{rbac.RBAC_GROUP}/v1"
CONTEXT = "process"
TOKEN_SECONDS = 24 * 3600


class ProcessAccount:
    """The operator's service account in a namespace; `remove` deletes its cluster-scoped objects.

    With `shares` for replicas that share the work, and with `namespaced` for an operator with `receiversNamespaced`.
    """

    def __init__(
        self, cluster: Cluster, namespace: str, *, shares: bool = False, namespaced: bool = False
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._everywhere = names.cluster_scoped(namespace)
        self._subject = {"kind": "ServiceAccount", "name": names.OPERATOR, "namespace": namespace}
        self._apply("v1", "ServiceAccount", names.OPERATOR)
        own = (*rbac.OWN, *(rbac.SHARDING if shares else ()), *rbac.EVENTS, *rbac.REFERENCES)
        receivers = (*rbac.RECEIVERS, *(rbac.REFERENCES if namespaced else ()))
        watched = (*rbac.SERVED, *rbac.RETENTION, *rbac.EVENTS, *rbac.NAMESPACE_SELECTION, *receivers)
        self._apply(API, "Role", names.OPERATOR, rules=rules(own))
        self._apply(API, "RoleBinding", names.OPERATOR, **self._binding("Role", names.OPERATOR))
        self._apply(API, "ClusterRole", self._everywhere, rules=rules(watched))
        binding = self._binding("ClusterRole", self._everywhere)
        self._apply(API, "ClusterRoleBinding", self._everywhere, **binding)

    def may_do_everything(self) -> None:
        """Grant all rights, for a tool that lives as long as its cluster."""
        binding = self._binding("ClusterRole", "cluster-admin")
        self._apply(API, "ClusterRoleBinding", f"{self._everywhere}-admin", **binding)

    def write_kubeconfig(self, file: Path, *, server: str | None = None) -> None:
        """Write a kubeconfig with the account's token; `server` replaces the API server's address."""
        document = yaml.safe_load(self._cluster.kubeconfig.read_text("utf-8"))
        cluster = document["clusters"][0]["cluster"] | ({"server": server} if server else {})
        user = {"token": self.token()}
        file.touch(mode=0o600)
        file.write_text(kubeconfig(cluster, user, name=CONTEXT, namespace=self._namespace), "utf-8")

    def remove(self) -> None:
        """Delete the objects that are not in the namespace."""
        for plural in ("clusterrolebindings", "clusterroles"):
            self._cluster.text("DELETE", f"/apis/{API}/{plural}/{self._everywhere}")

    def token(self) -> str:
        """Return a new token."""
        where = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{names.OPERATOR}/token"
        token: str = self._cluster.request("POST", where, {"spec": {"expirationSeconds": TOKEN_SECONDS}})[
            "status"
        ]["token"]
        return token

    def _apply(self, version: str, kind: str, name: str, **more: Any) -> None:
        metadata = (
            {"name": name} if kind.startswith("Cluster") else {"name": name, "namespace": self._namespace}
        )
        self._cluster.apply({"apiVersion": version, "kind": kind, "metadata": metadata, **more})

    def _binding(self, kind: str, name: str) -> dict[str, Any]:
        reference = {"apiGroup": rbac.RBAC_GROUP, "kind": kind, "name": name}
        return {"roleRef": reference, "subjects": [self._subject]}


def rules(grants: Iterable[rbac.Grant]) -> list[dict[str, Any]]:
    """Return the rules of a role, as the API server has them."""
    return [
        {"apiGroups": [grant.group], "resources": [grant.resource], "verbs": list(grant.verbs)}
        | ({"resourceNames": list(grant.names)} if grant.names else {})
        for grant in grants
    ]
