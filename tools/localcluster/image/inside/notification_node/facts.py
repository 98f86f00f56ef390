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
PKI = Path("/etc/kubernetes/pki")
KUBECONFIGS = Path("/etc/kubernetes")
LOGS = Path("/var/log/kubernetes")
CONFIGS = Path("/opt/notification-node/etc")
RENDERED = Path("/run/notification-node")
STORAGE = Path("/var/lib/node-storage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The properties that differ between nodes: the address, and the cgroup ("/" if the node has a cgroup namespace)."""

    ip: str
    cgroup_root: str

    @classmethod
    def find(cls) -> Facts:
        """Read the properties of the container that this process runs in."""
        ip = socket.gethostbyname(socket.gethostname())
        return cls(ip=ip, cgroup_root=os.environ.get("NODE_CGROUP_ROOT", "/"))
