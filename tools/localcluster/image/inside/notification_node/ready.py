"""Readiness of the node's components; `python3 -m notification_node.ready SECONDS` waits until all are ready, or reports the one that is not.

The exit code is 0 if the node is ready. If not, the last line of the output is JSON: {"component", "problem", "log": [lines]}.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import struct
import sys
import time
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from notification_node.control_plane import CLUSTER_DOMAIN
from notification_node.facts import (
    API_PORT,
    API_SERVICE_IP,
    FIREWALL_HEALTH_PORT,
    LOGS,
    NODE_NAME,
    PKI,
    Facts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POLL_SECONDS = 0.1
_SHOWN_LINES = 10
_TIMEOUT = 2.0


def api_server(_facts: Facts) -> str | None:
    status, _ = _get("127.0.0.1", API_PORT, "/readyz")
    return None if status == HTTPStatus.OK else f"/readyz returned {status}"


def node(_facts: Facts) -> str | None:
    """Check that the kubelet has registered the node and reports it Ready."""
    status, body = _get("127.0.0.1", API_PORT, f"/api/v1/nodes/{NODE_NAME}")
    if status != HTTPStatus.OK:
        return f"the node is not registered ({status})"
    conditions = {item["type"]: item for item in body.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready", {})
    return (
        None
        if ready.get("status") == "True"
        else f"the node is not Ready: {ready.get('message', 'no condition yet')}"
    )


def service_accounts(_facts: Facts) -> str | None:
    """Check that pods can be created: the default service account and the CA of the pods exist."""
    for path in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
        status, _ = _get("127.0.0.1", API_PORT, f"/api/v1/namespaces/default/{path}")
        if status != HTTPStatus.OK:
            return f"{path} does not exist yet ({status})"
    return None


def service_ip(_facts: Facts) -> str | None:
    """Check that a service address leads to this API server, whose certificate this node's CA has signed."""
    status, _ = _get(API_SERVICE_IP, 443, "/readyz")
    return None if status == HTTPStatus.OK else f"https://{API_SERVICE_IP} returned {status}"


def names(facts: Facts) -> str | None:
    """Check that CoreDNS resolves the name of the API server's Service."""
    name = f"kubernetes.default.svc.{CLUSTER_DOMAIN}"
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(_TIMEOUT)
        connection.sendto(query, (facts.ip, 53))
        response = connection.recv(512)
    return None if response.endswith(socket.inet_aton(API_SERVICE_IP)) else f"{name} does not resolve"


def network_policies(_facts: Facts) -> str | None:
    """Check that kube-router has the pods and policies, and applies them."""
    connection = http.client.HTTPConnection("127.0.0.1", FIREWALL_HEALTH_PORT, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    finally:
        connection.close()
    return None if status == HTTPStatus.OK else f"/healthz returned {status}"


PROBES: Mapping[str, Callable[[Facts], str | None]] = {
    "kube-apiserver": api_server,
    "kubelet": node,
    "kube-controller-manager": service_accounts,
    "kube-proxy": service_ip,
    "kube-router": network_policies,
    "coredns": names,
}
"""Probes by the component whose log explains a failure."""


def components(facts: Facts) -> list[str]:
    """Return the components of this node that have a probe, in the order in which they become ready."""
    return [name for name in PROBES if name != "kube-router" or facts.network_policy]


def check(component: str, facts: Facts) -> str | None:
    """Return the problem that the component's probe found, None if it is ready; a refused or silent connection is a problem, too."""
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
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    return response.status, json.loads(text) if text.startswith(b"{") else {}


def wait(seconds: float, facts: Facts) -> tuple[str, str] | None:
    deadline = time.monotonic() + seconds
    for component in components(facts):
        while (problem := check(component, facts)) is not None:
            if time.monotonic() > deadline:
                return component, problem
            time.sleep(_POLL_SECONDS)
    return None


def _last_lines(component: str) -> list[str]:
    try:
        with (LOGS / f"{component}.log").open(errors="replace") as log:
            return [line.rstrip() for line in deque(log, maxlen=_SHOWN_LINES)]
    except OSError as error:
        return [str(error)]


if __name__ == "__main__":
    failure = wait(float(sys.argv[1]), Facts.find())
    if failure is not None:
        component, problem = failure
        print(json.dumps({"component": component, "problem": problem, "log": _last_lines(component)}))
        sys.exit(1)
