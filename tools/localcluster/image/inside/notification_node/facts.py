"""The names, addresses and folders of this node."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

NODE_NAME = "node"
API_SERVICE_IP = "10.96.0.1"
API_PORT = 6443
ETCD_PORT = 2379
FIREWALL_HEALTH_PORT = 20244
PKI = Path("/etc/kubernetes/pki")
KUBECONFIGS = Path("/etc/kubernetes")
LOGS = Path("/var/log/kubernetes")
CONFIGS = Path("/opt/notification-node/etc")
RENDERED = Path("/run/notification-node")
STORAGE = Path("/var/lib/node-storage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The properties that differ between nodes.

    `cgroup_root` is "/" if the node has a cgroup namespace.
    """

    ip: str
    cgroup_root: str
    network_policy: bool = False
    """Whether NetworkPolicies are enforced; the image must contain kube-router."""
    priority_and_fairness: bool = False
    """Whether the API server queues requests by priority, as other clusters do."""

    @classmethod
    def find(cls) -> Facts:
        ip = socket.gethostbyname(socket.gethostname())
        return cls(
            ip=ip,
            cgroup_root=os.environ.get("NODE_CGROUP_ROOT", "/"),
            network_policy=_is_set("NODE_NETWORK_POLICY"),
            priority_and_fairness=_is_set("NODE_PRIORITY_AND_FAIRNESS"),
        )


def _is_set(option: str) -> bool:
    return os.environ.get(option) == "true"
