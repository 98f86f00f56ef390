"""The node's certificate authority, and a certificate and kubeconfig for each client of the API server."""

from __future__ import annotations

import base64
import os
import subprocess
from typing import TYPE_CHECKING

from notification_node.control_plane import CLUSTER_DOMAIN
from notification_node.facts import (
    API_PORT,
    API_SERVICE_IP,
    CONFIGS,
    KUBECONFIGS,
    NODE_NAME,
    PKI,
    Facts,
)

if TYPE_CHECKING:
    from pathlib import Path

_DAYS = "3650"
_OPENSSL = str(CONFIGS / "openssl.cnf")
_CLIENTS = {
    "admin": "/O=system:masters/CN=notification-platform-admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "kubelet": f"/O=system:nodes/CN=system:node:{NODE_NAME}",
    "proxy": "/CN=system:kube-proxy",
    "coredns": "/CN=system:coredns",
    "kube-router": "/CN=system:kube-router",
    "apiserver-kubelet-client": "/O=system:masters/CN=kube-apiserver-kubelet-client",
}
_WITHOUT_KUBECONFIG = {"apiserver-kubelet-client"}


def issue(facts: Facts) -> None:
    """Issue missing certificates, and reissue the serving certificates, because the node's address may have changed."""
    previous = os.umask(0o077)
    try:
        _issue(facts)
    finally:
        # The components inherit the umask; with it, pods could not read the files that containerd unpacks.
        os.umask(previous)


def _issue(facts: Facts) -> None:
    PKI.mkdir(parents=True, exist_ok=True)
    if not (PKI / "ca.crt").exists():
        _request("ca", "/CN=notification-platform-node-ca", extensions="authority", signed_by=None)
        key, public = (str(PKI / f"service-account.{kind}") for kind in ("key", "pub"))
        _openssl("genrsa", "-out", key, "2048")
        _openssl("rsa", "-in", key, "-pubout", "-out", public)
    service = [
        f"kubernetes{suffix}" for suffix in ("", ".default", ".default.svc", f".default.svc.{CLUSTER_DOMAIN}")
    ]
    names = ["DNS:localhost", *(f"DNS:{name}" for name in service)]
    addresses = [f"IP:{ip}" for ip in ("127.0.0.1", API_SERVICE_IP, facts.ip)]
    _request("apiserver", "/CN=kube-apiserver", alternative=",".join(names + addresses))
    _request("kubelet-server", f"/CN={NODE_NAME}", alternative=f"DNS:{NODE_NAME},IP:{facts.ip},IP:127.0.0.1")
    for client, subject in _CLIENTS.items():
        if not (PKI / f"{client}.crt").exists():
            _request(client, subject)
            if client not in _WITHOUT_KUBECONFIG:
                _write_kubeconfig(client)


def kubeconfig(client: str) -> Path:
    return KUBECONFIGS / f"{client}.conf"


def _request(
    name: str, subject: str, *, alternative: str = "", extensions: str = "leaf", signed_by: str | None = "ca"
) -> None:
    """Create a key and its certificate, PKI/<name>.key and .crt."""
    command = ["req", "-x509", "-config", _OPENSSL]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", _DAYS, "-subj", subject, "-extensions", extensions]
    command += ["-keyout", str(PKI / f"{name}.key"), "-out", str(PKI / f"{name}.crt")]
    if alternative:
        command += ["-addext", f"subjectAltName={alternative}"]
    if signed_by:
        command += ["-CA", str(PKI / f"{signed_by}.crt"), "-CAkey", str(PKI / f"{signed_by}.key")]
    _openssl(*command)


def _openssl(*arguments: str) -> None:
    process = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if process.returncode != 0:
        raise RuntimeError(f"`openssl {arguments[0]}` failed: {process.stderr.strip()}")


def _write_kubeconfig(client: str) -> None:
    def data(file: str) -> str:
        return base64.b64encode((PKI / file).read_bytes()).decode()

    kubeconfig(client).write_text(f"""apiVersion: v1
kind: Config
clusters:
- name: notification-platform
  cluster:
    server: https://127.0.0.1:{API_PORT}
    certificate-authority-data: {data("ca.crt")}
users:
- name: {client}
  user:
    client-certificate-data: {data(f"{client}.crt")}
    client-key-data: {data(f"{client}.key")}
contexts:
- name: notification-platform
  context: {{cluster: notification-platform, user: {client}}}
current-context: notification-platform
""")
