"""The command lines of an API server and its etcd as processes of this machine: the node's, with paths and ports of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.localcluster.image.inside.notification_node import control_plane as node
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

AUDIT_POLICY = ROOT / "tools" / "localcluster" / "image" / "inside" / "etc" / "audit-policy.yaml"
LOCALHOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlaneLayout:
    """The folder of both processes, and the ports of 127.0.0.1 that they listen on."""

    folder: Path
    store: int
    peers: int
    api: int

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://{LOCALHOST}:{self.api}"

    @property
    def audit(self) -> Path:
        """The folder of the audit log."""
        return self.folder / "audit"

    @property
    def paths(self) -> node.Paths:
        """The files and folders of both processes."""
        return node.Paths(
            data=f"{self.folder}/etcd",
            pki=str(self.folder),
            audit_policy=str(AUDIT_POLICY),
            audit_log=f"{self.audit}/audit.log",
        )


def etcd(layout: ControlPlaneLayout) -> tuple[str, ...]:
    """Return the command line of etcd."""
    clients, peers = (f"http://{LOCALHOST}:{port}" for port in (layout.store, layout.peers))
    return (
        *node.etcd(layout.paths),
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
    )


def api_server(layout: ControlPlaneLayout) -> tuple[str, ...]:
    """Return the command line of the API server."""
    return (
        *node.api_server(layout.paths, etcd_port=layout.store, port=layout.api, address=LOCALHOST),
        f"--bind-address={LOCALHOST}",
        # The reconciler refuses a loopback address, and no client uses the API server's Service.
        "--endpoint-reconciler-type=none",
    )
