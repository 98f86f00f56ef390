"""NotificationReceivers of one test, with their Secrets and accounts; they are deleted when the test ends."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from notification_contract.kinds.target import TargetKey, address_digits, listed_digits
from notification_contract.names import SECRET_LABEL
from tests.harness.counterparts import Account
from tests.harness.eventually import eventually
from tests.harness.receiver_types import TYPES, ReceiverType
from tests.harness.sinks_in_cluster import NAMESPACE as SINKS
from tests.harness.sinks_in_cluster import SINK_CERTIFICATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.harness.cluster import Cluster

Object: TypeAlias = dict[str, Any]

BASE = "/apis/kubernaut.ai/v1alpha1/namespaces"
MERGE = "application/merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
CONDITION_WITHIN = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReceiver:
    """One receiver in the cluster. `account` is where it sends to."""

    cluster: Cluster
    namespace: str
    name: str
    kind: ReceiverType
    account: Account
    secret: str
    """The name of the Secret with its credentials."""
    credential: str
    """What the Secret contains, and the account expects, when the test begins."""

    @property
    def path(self) -> str:
        """Its place at the API server."""
        return f"{BASE}/{self.namespace}/notificationreceivers/{self.name}"

    @property
    def ref(self) -> Object:
        """Return what a notification of another namespace names it by."""
        return {"name": self.name, "namespace": self.namespace}

    @property
    def label(self) -> str:
        """The value of the label `receiver` of metrics."""
        return f"{self.namespace}/{self.name}"

    def key(self, address: str = "", *, own: bool = False, digits: str = "") -> str:
        """Return the key of a target, of a recipient or by its digits; `own`: of a notification of the same namespace."""
        key = TargetKey(channel=self.kind.type, namespace="" if own else self.namespace, receiver=self.name)
        digits = digits or (self._digits(address) if address else "")
        return str(key.to(digits) if digits else key)

    def _digits(self, address: str) -> str:
        stored = self.stored()
        listed = stored["spec"][self.kind.type].get("to", ())
        return (
            listed_digits(address, stored["metadata"]["uid"])
            if address in listed
            else address_digits(address)
        )

    def stored(self) -> Object:
        """Return the object."""
        result: Object = self.cluster.request("GET", self.path)
        return result

    def row(self) -> Object:
        """Return its row as kubectl shows it: the cells by the names of the columns."""
        answer = self.cluster.api.rest_client.pool_manager.request(
            "GET", self.cluster.api.configuration.host + self.path, headers={"Accept": TABLE}
        )
        table = answer.json()
        (row,) = table["rows"]
        names = [column["name"] for column in table["columnDefinitions"]]
        return dict(zip(names, row["cells"], strict=True))

    @property
    def status(self) -> Object:
        """Its current status."""
        status: Object = self.stored().get("status", {})
        return status

    def condition(self, name: str) -> Object:
        """Return a condition, empty if there is none."""
        conditions = self.status.get("conditions", [])
        return next((each for each in conditions if each["type"] == name), {})

    def wait(
        self, name: str, status: str, reason: str | None = None, *, within: float = CONDITION_WITHIN
    ) -> Object:
        """Wait until a condition has a status and a reason, and return it."""
        return eventually(
            lambda: self.condition(name),
            lambda seen: seen.get("status") == status and reason in (None, seen.get("reason")),
            within=within,
        )

    def ready(self) -> StoredReceiver:
        """Wait until the operator knows its current generation, and return it."""
        generation = self.stored()["metadata"]["generation"]
        eventually(
            lambda: self.condition("Ready"),
            lambda seen: (seen.get("status"), seen.get("observedGeneration")) == ("True", generation),
            within=CONDITION_WITHIN,
        )
        return self

    def suspended(self) -> StoredReceiver:
        """Wait until the operator knows that it is suspended, and return it."""
        eventually(
            lambda: self.condition("Healthy"),
            lambda seen: seen.get("reason") == "Suspended",
            within=CONDITION_WITHIN,
        )
        return self

    def patch(self, **spec: Any) -> None:
        """Change fields of the spec; None removes a field."""
        self.cluster.text("PATCH", self.path, {"spec": spec}, kind=MERGE)

    def annotate(self, **annotations: str) -> None:
        """Set annotations; a double underscore stands for the slash after the domain."""
        named = {key.replace("__", "/").replace("_", "-"): value for key, value in annotations.items()}
        self.cluster.text("PATCH", self.path, {"metadata": {"annotations": named}}, kind=MERGE)

    def delete(self) -> None:
        self.cluster.send("DELETE", self.path)

    def create_again(self) -> None:
        """Delete it, and create another object with its name and spec."""
        before = self.stored()
        self.delete()
        names = {"name": self.name, "namespace": self.namespace}
        self.cluster.apply({key: before[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": names})

    def set_credential(self, credential: str) -> None:
        """Change the Secret; the service keeps what it expects."""
        self.set_secret(self.kind.secret(self.account, credential))

    def set_secret(self, data: Mapping[str, str], *, granted: bool = True) -> None:
        """Create the Secret, or replace its values. `granted`: whether it has the label that lets receivers use it."""
        secret = secret_object(self.namespace, self.secret, data)
        if not granted:
            del secret["metadata"]["labels"]
        self.cluster.apply(secret)

    def delete_secret(self) -> None:
        self.cluster.send("DELETE", f"/api/v1/namespaces/{self.namespace}/secrets/{self.secret}")


class Receivers:
    """Creates receivers; `home` is the operator's own namespace, where they may open private networks."""

    def __init__(self, cluster: Cluster, *, sink: str, home: str) -> None:
        self.cluster = cluster
        self.home = home
        self._sink = sink
        self._created: list[StoredReceiver] = []
        self._paths: list[str] = []

    def account(self) -> Account:
        """Return an account of its own, whose name is a label of a domain."""
        return Account(base=self._sink, name=f"a{uuid.uuid4().hex[:12]}")

    def add(
        self,
        kind: ReceiverType | str = "webhook",
        *,
        namespace: str = "",
        name: str = "",
        account: Account | None = None,
        secret: bool = True,
        block: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
        **spec: Any,
    ) -> StoredReceiver:
        """Create a receiver that leads to an account, and its Secret, which the account accepts.

        `block` adds to the block of its type, or replaces fields there; None removes one. By default it allows all
        namespaces, takes each message at once, and trusts the authority of the services. A field of the spec that is
        None is left out.
        """
        kind = TYPES[kind] if isinstance(kind, str) else kind
        where, unique = namespace or self.home, uuid.uuid4().hex
        target = account or self.account()
        receiver = StoredReceiver(
            cluster=self.cluster,
            namespace=where,
            name=name or f"r-{unique[:8]}",
            kind=kind,
            account=target,
            secret=f"s-{unique[:8]}",
            credential=unique,
        )
        if secret:
            target.expect(unique)
            receiver.set_credential(unique)
        self._created.append(receiver)
        self.apply(self.manifest(receiver, block=block, annotations=annotations, **spec))
        return receiver

    def manifest(
        self,
        receiver: StoredReceiver,
        *,
        block: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
        **spec: Any,
    ) -> Object:
        """Return the object of a receiver."""
        fields = {**receiver.kind.block(receiver.account, receiver.secret), **(block or {})}
        if "tls" not in spec:
            spec["tls"] = {"caSecretRef": {"name": self.authority(receiver.namespace)}}
        common = {"allowedNamespaces": {"from": "All"}, **receiver.kind.spec}
        return {
            "apiVersion": "kubernaut.ai/v1alpha1",
            "kind": "NotificationReceiver",
            "metadata": {
                "name": receiver.name,
                "namespace": receiver.namespace,
                "annotations": dict(annotations or {}),
            },
            "spec": _present(
                {"type": receiver.kind.type, receiver.kind.type: _present(fields), **common, **spec}
            ),
        }

    def apply(self, obj: Object) -> None:
        """Create an object that is deleted when the test ends."""
        plural, metadata = f"{obj['kind'].lower()}s", obj["metadata"]
        base = BASE if plural == "notificationreceivers" else "/api/v1/namespaces"
        self._paths.append(f"{base}/{metadata['namespace']}/{plural}/{metadata['name']}")
        self.cluster.apply(obj)

    def secret(self, data: Mapping[str, str], *, namespace: str = "") -> str:
        """Create a Secret, and return its name."""
        name = f"s-{uuid.uuid4().hex[:8]}"
        self.apply(secret_object(namespace or self.home, name, data))
        return name

    def authority(self, namespace: str) -> str:
        """Create a Secret with the authority of the services' certificates, if it is missing; return its name."""
        name = "counterparts-authority"
        if not self.cluster.has_secret(namespace, name):
            path = f"/api/v1/namespaces/{SINKS}/secrets/{SINK_CERTIFICATE}"
            certificate = base64.b64decode(self.cluster.request("GET", path)["data"]["ca.crt"]).decode()
            # Shared by the tests of the namespace, so it stays.
            self.cluster.apply(secret_object(namespace, name, {"ca.crt": certificate}))
        return name

    def delete_all(self) -> None:
        """Delete everything that was created."""
        for receiver in self._created:
            receiver.delete_secret()
        for path in reversed(self._paths):
            self.cluster.send("DELETE", path)

    def objects(self) -> list[Object]:
        """Return the receivers as they are stored now, without what was deleted."""
        paths = [path for path in self._paths if "notificationreceivers" in path]
        answers = [self.cluster.send("GET", path) for path in paths]
        return [answer.json() for answer in answers if answer.status == 200]


def secret_object(namespace: str, name: str, data: Mapping[str, str]) -> Object:
    """Return a Secret that receivers may use; a value that is no longer in the data is removed."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {SECRET_LABEL: "true"}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def _present(fields: Mapping[str, Any]) -> Object:
    return {key: value for key, value in fields.items() if value is not None}
