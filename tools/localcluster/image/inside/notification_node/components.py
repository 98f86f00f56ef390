"""The programs of the node, as data: what each is started with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_node.certificates import kubeconfig
from notification_node.facts import (
    API_PORT,
    CLUSTER_DOMAIN,
    CONFIGS,
    LOGS,
    NODE_NAME,
    PKI,
    RENDERED,
    SERVICE_CIDR,
)

if TYPE_CHECKING:
    from notification_node.facts import Facts

# Benches run against this node: its API server must not be what slows them down.
_REQUESTS_IN_FLIGHT = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One process; its output goes to LOGS/<name>.log."""

    name: str
    command: tuple[str, ...]


def foundation(facts: Facts) -> list[Component]:
    """What the rest talks to: the store, the API server and the container runtime."""
    return [_etcd(), _api_server(facts), _containerd()]


def agents(facts: Facts) -> list[Component]:
    """What needs an API server that is ready."""
    return [_controller_manager(), _scheduler(), _kubelet(facts), _proxy(), _coredns()]


def _etcd() -> Component:
    # The node is disposable: a lost write after a power failure costs nothing, an fsync a write costs milliseconds.
    return Component(
        name="etcd",
        command=("etcd", "--data-dir=/var/lib/etcd", "--unsafe-no-fsync", "--log-level=warn"),
    )


def _api_server(facts: Facts) -> Component:
    issuer = f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}"
    return Component(
        name="kube-apiserver",
        command=(
            "kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={facts.ip}",
            f"--secure-port={API_PORT}",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            f"--client-ca-file={PKI}/ca.crt",
            f"--tls-cert-file={PKI}/apiserver.crt",
            f"--tls-private-key-file={PKI}/apiserver.key",
            f"--kubelet-certificate-authority={PKI}/ca.crt",
            f"--kubelet-client-certificate={PKI}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={PKI}/apiserver-kubelet-client.key",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-issuer={issuer}",
            f"--service-account-key-file={PKI}/service-account.pub",
            f"--service-account-signing-key-file={PKI}/service-account.key",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--audit-policy-file={CONFIGS}/audit-policy.yaml",
            f"--audit-log-path={LOGS}/audit.log",
            "--audit-log-maxsize=100",
            "--audit-log-maxbackup=3",
            "--enable-priority-and-fairness=false",
            f"--max-requests-inflight={_REQUESTS_IN_FLIGHT}",
            f"--max-mutating-requests-inflight={_REQUESTS_IN_FLIGHT}",
            "--profiling=false",
        ),
    )


def _containerd() -> Component:
    return Component(
        name="containerd",
        command=("containerd", f"--config={CONFIGS}/containerd.toml", "--log-level=warn"),
    )


def _controller_manager() -> Component:
    return Component(
        name="kube-controller-manager",
        command=(
            "kube-controller-manager",
            f"--kubeconfig={kubeconfig('controller-manager')}",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--root-ca-file={PKI}/ca.crt",
            f"--service-account-private-key-file={PKI}/service-account.key",
            f"--cluster-signing-cert-file={PKI}/ca.crt",
            f"--cluster-signing-key-file={PKI}/ca.key",
            # The default pace makes a start, with its many tokens, wait for five seconds.
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--bind-address=127.0.0.1",
            "--profiling=false",
        ),
    )


def _scheduler() -> Component:
    return Component(
        name="kube-scheduler",
        command=(
            "kube-scheduler",
            f"--kubeconfig={kubeconfig('scheduler')}",
            "--leader-elect=false",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--bind-address=127.0.0.1",
            "--profiling=false",
        ),
    )


def _kubelet(facts: Facts) -> Component:
    return Component(
        name="kubelet",
        command=(
            "kubelet",
            f"--config={RENDERED}/kubelet.yaml",
            f"--kubeconfig={kubeconfig('kubelet')}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={facts.ip}",
        ),
    )


def _proxy() -> Component:
    return Component(name="kube-proxy", command=("kube-proxy", f"--config={CONFIGS}/kube-proxy.yaml"))


def _coredns() -> Component:
    return Component(name="coredns", command=("coredns", f"-conf={RENDERED}/Corefile"))
