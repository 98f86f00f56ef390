"""The cluster of a stack: every kind of cluster becomes one explicit Kubernetes provider."""

from platform_infra.cluster.cluster import Cluster
from platform_infra.cluster.connection import ClusterError, Connect, Connection
from platform_infra.cluster.kinds import prepare

__all__ = ["Cluster", "ClusterError", "Connect", "Connection", "prepare"]
