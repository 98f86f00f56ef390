"""A cluster to put things into: whatever its kind, out comes one explicit provider."""

from platform_infra.cluster.cluster import Cluster
from platform_infra.cluster.connection import ClusterError, Connect, Connection
from platform_infra.cluster.kinds import prepare

__all__ = ["Cluster", "ClusterError", "Connect", "Connection", "prepare"]
