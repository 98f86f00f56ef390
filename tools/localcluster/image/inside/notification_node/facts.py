"""The facts of this node: its names, addresses and folders."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

NODE_NAME = "node"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
API_PORT = 6443
CLUSTER_DOMAIN = "cluster.local"
PKI = Path("/etc/kubernetes/pki")
KUBECONFIGS = Path("/etc/kubernetes")
LOGS = Path("/var/log/kubernetes")
CONFIGS = Path("/opt/notification-node/etc")
RENDERED = Path("/run/notification-node")
STORAGE = Path("/var/lib/node-storage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What differs from node to node: its address, and the cgroup of its own ("/" where it has a namespace)."""

    ip: str
    cgroup_root: str

    @classmethod
    def find(cls) -> Facts:
        """Reads them from the container that this runs in."""
        ip = socket.gethostbyname(socket.gethostname())
        return cls(ip=ip, cgroup_root=os.environ.get("NODE_CGROUP_ROOT", "/"))
