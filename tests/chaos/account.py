"""An operator's account whose rights and tokens a script takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_infra import names
from tests.harness.process_account import API, ProcessAccount

if TYPE_CHECKING:
    from collections.abc import Iterable


class ChaosAccount(ProcessAccount):
    """Has the rights of an operator in all namespaces, until `only_in`."""

    def only_in(self, namespaces: Iterable[str]) -> None:
        """Keep the rights in these namespaces, and lose those in all others."""
        self._cluster.text("DELETE", f"/apis/{API}/clusterrolebindings/{self._everywhere}")
        for namespace in namespaces:
            self.allow(namespace)

    def allow(self, namespace: str) -> None:
        """Give the rights in a namespace."""
        metadata = {"name": names.OPERATOR, "namespace": namespace}
        binding = self._binding("ClusterRole", self._everywhere)
        self._cluster.apply({"apiVersion": API, "kind": "RoleBinding", "metadata": metadata, **binding})

    def forbid(self, namespace: str) -> None:
        """Take the rights in a namespace away."""
        self._cluster.text("DELETE", f"/apis/{API}/namespaces/{namespace}/rolebindings/{names.OPERATOR}")

    def renew(self) -> None:
        """Replace the account by one of the same name: all its tokens become invalid."""
        where = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{names.OPERATOR}"
        self._cluster.text("DELETE", where)
        self._apply("v1", "ServiceAccount", names.OPERATOR)
