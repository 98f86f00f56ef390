"""What an API server and its store are started with where they are processes of this machine, as data.

As the local node starts them; a unit test holds the flags together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

AUDIT_POLICY = ROOT / "tools" / "localcluster" / "image" / "inside" / "etc" / "audit-policy.yaml"
ISSUER = "https://kubernetes.default.svc.cluster.local"
SERVICES = "10.96.0.0/16"
REQUESTS_IN_FLIGHT = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the two keep their files, and the ports of 127.0.0.1 that they listen on."""

    folder: Path
    store: int
    peers: int
    api: int

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://127.0.0.1:{self.api}"

    @property
    def audit(self) -> Path:
        """The folder with the audit log."""
        return self.folder / "audit"


def etcd(place: Place) -> tuple[str, ...]:
    """Return how the store is started."""
    clients, peers = (f"http://127.0.0.1:{port}" for port in (place.store, place.peers))
    return (
        "etcd",
        f"--data-dir={place.folder}/etcd",
        "--unsafe-no-fsync",
        "--log-level=warn",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
    )


def api_server(place: Place) -> tuple[str, ...]:
    """Return how the API server is started."""
    folder = place.folder
    return (
        "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{place.store}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        # Nobody looks for it by its Service, which refuses an address of this machine alone.
        "--endpoint-reconciler-type=none",
        f"--secure-port={place.api}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--client-ca-file={folder}/ca.crt",
        f"--tls-cert-file={folder}/apiserver.crt",
        f"--tls-private-key-file={folder}/apiserver.key",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={folder}/service-account.pub",
        f"--service-account-signing-key-file={folder}/service-account.key",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--audit-policy-file={AUDIT_POLICY}",
        f"--audit-log-path={place.audit}/audit.log",
        "--audit-log-maxsize=100",
        "--audit-log-maxbackup=3",
        "--enable-priority-and-fairness=false",
        f"--max-requests-inflight={REQUESTS_IN_FLIGHT}",
        f"--max-mutating-requests-inflight={REQUESTS_IN_FLIGHT}",
        "--profiling=false",
    )
