"""The inbox in the cluster, whose pod runs from the operator's image, and the receivers that lead to it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
from functools import partial
from typing import TYPE_CHECKING

import trustme
import yaml

from notification_contract.names import SECRET_LABEL
from tools.platform.demo.cluster import NAMESPACE, DemoError, Object, manifests, wait
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tools.platform.demo.cluster import DemoCluster


NAME, AUTHORITY, WEBHOOK, MAIL = "inbox", "demo-inbox-ca", "demo-webhook", "demo-mail"
REFERENCES = {AUTHORITY: ("ca.crt",), WEBHOOK: ("signing-key",), MAIL: ("username", "password")}
"""The Secrets that receivers refer to, with their keys of the inbox's own Secret."""
HOST = f"{NAME}.{NAMESPACE}.svc"
SOURCES = ROOT / "examples" / "demo" / "inbox"
MANIFESTS = ROOT / "examples" / "demo" / "inbox.yaml"
READY_SECONDS = 60.0
LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "notification-demo"}


class Inbox:
    def __init__(self, cluster: DemoCluster, operator: Object) -> None:
        self._cluster = cluster
        self._home: str = operator["metadata"]["namespace"]
        (container,) = operator["spec"]["template"]["spec"]["containers"]
        self._image: str = container["image"]

    def start(self) -> None:
        """Create or update it, and wait until it serves; Secrets of an earlier demonstration stay as they are."""
        stored = self._cluster.get(_object("v1", "Secret", NAMESPACE, NAME))
        known = stored["data"].items() if stored else ()
        values = {key: base64.b64decode(value).decode() for key, value in known} or new_secrets()
        self._cluster.apply(_object("v1", "Secret", NAMESPACE, NAME, data=_encoded(values)))
        for name, keys in REFERENCES.items():
            data = _encoded({key: values[key] for key in keys})
            self._cluster.apply(_granted(_object("v1", "Secret", self._home, name, data=data)))
        code = {file.name: file.read_text("utf-8") for file in sorted(SOURCES.iterdir()) if file.is_file()}
        self._cluster.apply(_object("v1", "ConfigMap", NAMESPACE, NAME, data=code))
        service, deployment = _manifests(self._image, checksum(code))
        self._cluster.apply(service)
        self._cluster.apply(deployment)
        wait(lambda: self._serves(deployment), seconds=READY_SECONDS, what="the inbox serves")

    def messages(self) -> list[Object]:
        newest_first: list[Object] = self._cluster.page(f"{NAME}:http", "api/messages")
        return newest_first[::-1]

    def _serves(self, deployment: Object) -> bool:
        stored = self._cluster.get(deployment)
        assert stored is not None, "it was applied before"
        status = stored.get("status", {})
        counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")}
        return counts == {1} and status.get("observedGeneration") == stored["metadata"]["generation"]


def new_secrets() -> dict[str, str]:
    """Return a certificate and its authority, a key that signs webhooks, and the user of the mail server."""
    authority = trustme.CA()
    issued = authority.issue_cert(HOST, f"{HOST}.cluster.local", common_name=NAME)
    return {
        "tls.crt": "".join(blob.bytes().decode() for blob in issued.cert_chain_pems),
        "tls.key": issued.private_key_pem.bytes().decode(),
        "ca.crt": authority.cert_pem.bytes().decode(),
        "signing-key": f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "username": "demo",
        "password": secrets.token_urlsafe(24),
    }


def checksum(code: Mapping[str, str]) -> str:
    """Return what the pod's annotation has, so that changed code replaces the pod."""
    return hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in code.items()).encode()).hexdigest()


def _object(version: str, kind: str, namespace: str, name: str, **fields: object) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": LABELS}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def _granted(secret: Object) -> Object:
    """Return a Secret that receivers may use."""
    metadata = secret["metadata"]
    return {**secret, "metadata": {**metadata, "labels": {**metadata["labels"], SECRET_LABEL: "true"}}}


def _encoded(values: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


def _manifests(image: str, content: str) -> tuple[Object, Object]:
    service, deployment = yaml.safe_load_all(MANIFESTS.read_text("utf-8"))
    template = deployment["spec"]["template"]
    template["metadata"]["annotations"] = {"checksum/code": content}
    template["spec"]["containers"][0]["image"] = image
    return service, deployment


FOLDER = ROOT / "examples" / "demo" / "receivers"
SEEN_SECONDS, SETTLED_SECONDS = 30.0, 5.0


class Receivers:
    """The receivers of examples/demo/receivers, in the operator's namespace, wherever that is."""

    def __init__(self, cluster: DemoCluster, home: str) -> None:
        self._cluster = cluster
        self._manifests = manifests(FOLDER, home)

    def apply(self) -> None:
        """Create or change all of them, and wait until the operator has seen each one."""
        for manifest in self._manifests:
            self._cluster.apply(manifest)
        seen = partial(self._all, _is_seen)
        wait(seen, seconds=SEEN_SECONDS, what="the receivers have a status")

    def settled(self) -> list[Object]:
        """Return their stored states, once each one that can deliver says how it does; a late one is not waited for."""
        with contextlib.suppress(DemoError):
            wait(partial(self._all, _is_settled), seconds=SETTLED_SECONDS, what="all are settled")
        return self.stored()

    def stored(self) -> list[Object]:
        return [stored for each in self._manifests if (stored := self._cluster.get(each)) is not None]

    def resume(self) -> None:
        for manifest in self._manifests:
            if manifest["spec"].get("suspend"):
                self._cluster.apply({**manifest, "spec": {**manifest["spec"], "suspend": False}})

    def _all(self, condition: Callable[[Object], bool]) -> bool:
        return all(map(condition, self.stored()))


def _is_settled(receiver: Object) -> bool:
    conditions = {each["type"]: each["status"] for each in receiver["status"]["conditions"]}
    return conditions.get("ResolvedRefs") == "False" or conditions.get("Healthy") != "Unknown"


def _is_seen(receiver: Object) -> bool:
    return bool(receiver.get("status", {}).get("observedGeneration") == receiver["metadata"]["generation"])
