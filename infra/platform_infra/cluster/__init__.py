"""The cluster of a stack: every kind of cluster becomes one explicit Kubernetes provider.

Each name is imported on first access, as in the package above: commands and the local node's own process need no Kubernetes classes.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from platform_infra.cluster.cluster import Cluster
    from platform_infra.cluster.connection import ClusterError, Connect, Connection
    from platform_infra.cluster.kinds import prepare

__all__ = ["Cluster", "ClusterError", "Connect", "Connection", "prepare"]

_MODULES = {
    "Cluster": "cluster",
    "ClusterError": "connection",
    "Connect": "connection",
    "Connection": "connection",
    "prepare": "kinds",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of these names
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
