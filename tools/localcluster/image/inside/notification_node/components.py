"""The programs of the node and their command lines, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_node import control_plane
from notification_node.certificates import kubeconfig
from notification_node.facts import (
    API_PORT,
    CONFIGS,
    ETCD_PORT,
    FIREWALL_HEALTH_PORT,
    LOGS,
    NODE_NAME,
    PKI,
    RENDERED,
)

if TYPE_CHECKING:
    from notification_node.facts import Facts

_PATHS = control_plane.Paths(
    data="/var/lib/etcd",
    pki=str(PKI),
    audit_policy=f"{CONFIGS}/audit-policy.yaml",
    audit_log=f"{LOGS}/audit.log",
)
_UNTHROTTLED = ("--kube-api-qps=500", "--kube-api-burst=1000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A process; its output goes to LOGS/<name>.log."""

    name: str
    command: tuple[str, ...]


def foundation(facts: Facts) -> list[Component]:
    api_server = control_plane.api_server(
        _PATHS,
        etcd_port=ETCD_PORT,
        port=API_PORT,
        address=facts.ip,
        priority_and_fairness=facts.priority_and_fairness,
    )
    kubelets = (
        f"--kubelet-certificate-authority={PKI}/ca.crt",
        f"--kubelet-client-certificate={PKI}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={PKI}/apiserver-kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
    )
    return [
        Component(name="etcd", command=control_plane.etcd(_PATHS)),
        Component(name="kube-apiserver", command=(*api_server, *kubelets)),
        _program("containerd", f"--config={CONFIGS}/containerd.toml", "--log-level=warn"),
    ]


def agents(facts: Facts) -> list[Component]:
    return [
        _program(
            "kube-controller-manager",
            f"--kubeconfig={kubeconfig('controller-manager')}",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--root-ca-file={PKI}/ca.crt",
            f"--service-account-private-key-file={PKI}/service-account.key",
            f"--cluster-signing-cert-file={PKI}/ca.crt",
            f"--cluster-signing-key-file={PKI}/ca.key",
            # With the default rate limit, the many tokens of a start cost five seconds.
            *_UNTHROTTLED,
            "--bind-address=127.0.0.1",
            "--profiling=false",
        ),
        _program(
            "kube-scheduler",
            f"--kubeconfig={kubeconfig('scheduler')}",
            "--leader-elect=false",
            *_UNTHROTTLED,
            "--bind-address=127.0.0.1",
            "--profiling=false",
        ),
        _program(
            "kubelet",
            f"--config={RENDERED}/kubelet.yaml",
            f"--kubeconfig={kubeconfig('kubelet')}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={facts.ip}",
        ),
        _program("kube-proxy", f"--config={CONFIGS}/kube-proxy.yaml"),
        _program("coredns", f"-conf={RENDERED}/Corefile"),
    ]


def network_policy() -> Component:
    """Return kube-router as a firewall alone: pods keep their CNI plugin, and Services kube-proxy.

    It exits if the Node object does not exist yet.
    """
    return _program(
        "kube-router",
        f"--kubeconfig={kubeconfig('kube-router')}",
        f"--hostname-override={NODE_NAME}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        f"--service-cluster-ip-range={control_plane.SERVICE_CIDR}",
        f"--health-port={FIREWALL_HEALTH_PORT}",
    )


def _program(name: str, *arguments: str) -> Component:
    return Component(name=name, command=(name, *arguments))
