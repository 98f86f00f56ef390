"""The command lines of etcd and kube-apiserver that do not depend on where these programs run.

Imports nothing of this package: a benchmark on the host imports it to run a control plane like the node's.
"""

from __future__ import annotations

from dataclasses import dataclass

CLUSTER_DOMAIN = "cluster.local"
SERVICE_CIDR = "10.96.0.0/16"
# Benchmarks run against this API server: it must not throttle them.
REQUESTS_IN_FLIGHT = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The files and folders of a control plane.

    `pki` contains ca.crt and the key pairs `apiserver` and `service-account`.
    """

    data: str
    pki: str
    audit_policy: str
    audit_log: str


def etcd(paths: Paths) -> tuple[str, ...]:
    # The data is disposable: losing a write in a power failure costs nothing, an fsync per write costs milliseconds.
    # Large objects can take more than the usual two gigabytes between two compactions, which are five minutes apart.
    room = f"--quota-backend-bytes={8 * 1024**3}"
    return ("etcd", f"--data-dir={paths.data}", "--unsafe-no-fsync", room, "--log-level=warn")


def api_server(
    paths: Paths, *, etcd_port: int, port: int, address: str, priority_and_fairness: bool = False
) -> tuple[str, ...]:
    """Return the command line of kube-apiserver; it advertises `address`."""
    return (
        "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--advertise-address={address}",
        f"--secure-port={port}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--client-ca-file={paths.pki}/ca.crt",
        f"--tls-cert-file={paths.pki}/apiserver.crt",
        f"--tls-private-key-file={paths.pki}/apiserver.key",
        f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        f"--service-account-key-file={paths.pki}/service-account.pub",
        f"--service-account-signing-key-file={paths.pki}/service-account.key",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--audit-policy-file={paths.audit_policy}",
        f"--audit-log-path={paths.audit_log}",
        "--audit-log-maxsize=100",
        "--audit-log-maxbackup=3",
        f"--enable-priority-and-fairness={str(priority_and_fairness).lower()}",
        f"--max-requests-inflight={REQUESTS_IN_FLIGHT}",
        f"--max-mutating-requests-inflight={REQUESTS_IN_FLIGHT}",
        "--profiling=false",
    )
