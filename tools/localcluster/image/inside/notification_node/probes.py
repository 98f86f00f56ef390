"""Questions to the node's parts, each answered within a second or two: None is well, a text is what is wrong."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import struct
from typing import TYPE_CHECKING, Any

from notification_node.facts import API_PORT, API_SERVICE_IP, CLUSTER_DOMAIN, NODE_NAME, PKI

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_node.facts import Facts

_TIMEOUT = 2.0
_OK = 200


def api_server(_facts: Facts) -> str | None:
    """It says of itself that it is ready."""
    status, _ = _get("127.0.0.1", API_PORT, "/readyz")
    return None if status == _OK else f"/readyz answered {status}"


def node(_facts: Facts) -> str | None:
    """The kubelet registered the node and reports it Ready."""
    status, body = _get("127.0.0.1", API_PORT, f"/api/v1/nodes/{NODE_NAME}")
    if status != _OK:
        return f"the node is not registered ({status})"
    conditions = {item["type"]: item for item in body.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready", {})
    return (
        None
        if ready.get("status") == "True"
        else f"the node is not Ready: {ready.get('message', 'no word yet')}"
    )


def service_accounts(_facts: Facts) -> str | None:
    """Pods can be created: the controllers have made the default account and the CA that pods get."""
    for path in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
        status, _ = _get("127.0.0.1", API_PORT, f"/api/v1/namespaces/default/{path}")
        if status != _OK:
            return f"{path} is not there yet ({status})"
    return None


def service_ip(_facts: Facts) -> str | None:
    """A service IP leads to the API server and nowhere else: its certificate is signed by this node's CA."""
    status, _ = _get(API_SERVICE_IP, 443, "/readyz")
    return None if status == _OK else f"https://{API_SERVICE_IP} answered {status}"


def names(facts: Facts) -> str | None:
    """CoreDNS resolves the API server's service name."""
    name = f"kubernetes.default.svc.{CLUSTER_DOMAIN}"
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(_TIMEOUT)
        connection.sendto(query, (facts.ip, 53))
        answer = connection.recv(512)
    return None if answer.endswith(socket.inet_aton(API_SERVICE_IP)) else f"{name} does not resolve"


PROBES: Mapping[str, Callable[[Facts], str | None]] = {
    "kube-apiserver": api_server,
    "kubelet": node,
    "kube-controller-manager": service_accounts,
    "kube-proxy": service_ip,
    "coredns": names,
}
"""By the component whose log tells more."""


def ask(component: str, facts: Facts) -> str | None:
    """One answer, with a refused or silent connection as text too."""
    try:
        return PROBES[component](facts)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"does not answer: {error}"


def _get(host: str, port: int, path: str) -> tuple[int, dict[str, Any]]:
    context = ssl.create_default_context(cafile=str(PKI / "ca.crt"))
    context.load_cert_chain(PKI / "admin.crt", PKI / "admin.key")
    connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    return answer.status, json.loads(text) if text.startswith(b"{") else {}
