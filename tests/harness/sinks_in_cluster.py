"""The sink and the fault proxy as Deployments of the cluster, deployed before any operator."""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.harness.counterparts import HOST
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.harness.cluster import Cluster
    from tests.harness.node import Node

NAMESPACE = "sinks"
MANIFESTS = Path(__file__).parent / "sink" / "manifests.yaml"
HERE = ("DNS:localhost", "IP:127.0.0.1")
PROXY_CERTIFICATE, SINK_CERTIFICATE = "proxy-tls", "sink-tls"
CERTIFICATES = {
    PROXY_CERTIFICATE: ("DNS:proxy.sinks.svc", "DNS:proxy.sinks.svc.cluster.local", *HERE),
    SINK_CERTIFICATE: (f"DNS:{HOST}", f"DNS:{HOST}.cluster.local", *HERE),
}
"""The Secrets with certificates of the cluster's authority, and the names in each."""
SIGN = """
set -e
folder=$(mktemp -d)
openssl req -x509 -config /opt/notification-node/etc/openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
  -nodes -days 3650 -subj "/CN=$2" -extensions leaf -addext "subjectAltName=$1" \
  -CA /etc/kubernetes/pki/ca.crt -CAkey /etc/kubernetes/pki/ca.key \
  -keyout "$folder/tls.key" -out "$folder/tls.crt" 2>"$folder/log" || { cat "$folder/log"; exit 1; }
for file in "$folder/tls.crt" "$folder/tls.key" /etc/kubernetes/pki/ca.crt; do base64 -w0 "$file"; echo; done
rm -r "$folder"
"""


def apply_sinks(cluster: Cluster, node: Node, image: str, *, within: float = 60.0) -> None:
    """Create or update everything, and wait until it is ready."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for name, alternatives in CERTIFICATES.items():
        if not cluster.has_secret(NAMESPACE, name):
            cluster.apply(tls_secret(NAMESPACE, name, sign(node, name, alternatives)))
    documents = list(yaml.safe_load_all(MANIFESTS.read_text("utf-8").replace("IMAGE", image)))
    for document in documents:
        cluster.apply(document)
    for document in documents:
        if document["kind"] == "Deployment":
            look = partial(cluster.deployment, NAMESPACE, document["metadata"]["name"])
            eventually(look, is_rolled_out, within=within, every=0.2)


def is_rolled_out(deployment: dict[str, object]) -> bool:
    """Return whether every pod of a Deployment has the current template and is ready."""
    status = deployment.get("status")
    spec, metadata = deployment["spec"], deployment["metadata"]
    assert isinstance(status, dict)
    assert isinstance(spec, dict)
    assert isinstance(metadata, dict)
    wanted = spec["replicas"]
    counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")}
    return bool(counts == {wanted} and status.get("observedGeneration") == metadata["generation"])


def sign(node: Node, name: str, alternatives: Sequence[str] = HERE) -> dict[str, str]:
    """Return the data of a Secret with a certificate of the cluster's authority, which every pod knows."""
    crt, key, authority = node.run(SIGN, ",".join(alternatives), name).split()
    assert base64.b64decode(key).startswith(b"-----BEGIN")
    return {"tls.crt": crt, "tls.key": key, "ca.crt": authority}


def tls_secret(
    namespace: str, name: str, data: Mapping[str, str], *, labels: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Return a Secret of the type for certificates; the data is in base64."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "type": "kubernetes.io/tls",
        "data": dict(data),
    }
