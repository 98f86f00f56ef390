"""The gateway of the disposable stack: the sources of one test, and messages to its Service from a pod."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from notification_contract import names
from tests.harness.eventually import eventually
from tests.harness.json_client import JsonClient
from tests.harness.operator_deployment import METRICS
from tests.harness.operators import FIRST, OPERATORS
from tests.harness.sinks_in_cluster import is_rolled_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.harness.cluster import Cluster, Pod
    from tests.harness.receivers import Receivers, StoredReceiver

Object: TypeAlias = dict[str, Any]

HOME: Final = OPERATORS[FIRST].namespace
"""The namespace of the gateway, and of the sources that it serves."""
URL: Final = f"http://{names.GATEWAY}.{HOME}.svc"
BASE: Final = f"/apis/{names.API_VERSION}/namespaces/{HOME}"
SELECTOR: Final = f"app.kubernetes.io/name={names.GATEWAY}"
READY_WITHIN: Final = 60.0
SENT_WITHIN: Final = 60.0
"""Seconds for an order: it lasts up to 10 s, and the sender waits 20 s for its last answer."""
REPEATED: Final = frozenset({0, 503})
"""What senders repeat: no answer, and the answer that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request of a sender."""

    path: str
    headers: Mapping[str, str]
    body: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a sender sees; the status is 0 if nothing was answered."""

    status: int
    body: str

    @property
    def content(self) -> Object:
        """The body, which is JSON."""
        content: Object = json.loads(self.body)
        return content


@dataclass(slots=True, kw_only=True)
class Source:
    """A source with a bearer token."""

    cluster: Cluster
    name: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    """What senders use."""

    @property
    def path(self) -> str:
        """Its place at the API server."""
        return f"{BASE}/{names.SOURCE_PLURAL}/{self.name}"

    def message(self, payload: object, **headers: str) -> Message:
        """Return a message with its token; an underscore in the name of a header stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        common = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return Message(path=f"/hook/{self.name}", headers={**common, **named}, body=json.dumps(payload))

    def rotate(self) -> None:
        """Replace the token in the Secret, and only then use the new one."""
        token = uuid.uuid4().hex
        self.write_secret(token)
        self.token = token

    def write_secret(self, token: str) -> None:
        """Create or replace the Secret."""
        labels = {names.SOURCES_SECRET_LABEL: "true"}
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": self.name, "namespace": HOME, "labels": labels},
                "data": {"token": base64.b64encode(token.encode()).decode()},
            }
        )

    @property
    def status(self) -> Object:
        """Its current status."""
        status: Object = self.cluster.request("GET", self.path).get("status", {})
        return status

    @property
    def notifications(self) -> list[Object]:
        """The notifications of its messages."""
        listed: list[Object] = self.cluster.request("GET", self._notifications)["items"]
        return listed

    def delete(self) -> None:
        """Delete it with its Secret and its notifications."""
        for path in (self.path, f"/api/v1/namespaces/{HOME}/secrets/{self.name}", self._notifications):
            self.cluster.send("DELETE", path)

    @property
    def _notifications(self) -> str:
        return f"{BASE}/{names.PLURAL}?labelSelector={names.SOURCE_LABEL}%3D{self.name}"


class Gateway:
    """The gateway, as senders and administrators see it.

    Args:
        receivers: of its namespace.
        sink: the URL of the sink's API for tests; its pod is the sender.
    """

    def __init__(self, cluster: Cluster, receivers: Receivers, *, sink: str) -> None:
        self.cluster = cluster
        self.receivers = receivers
        self._sink = JsonClient(sink, seconds=SENT_WITHIN)
        self._sources: list[Source] = []

    @property
    def pods(self) -> list[Pod]:
        """Its running pods that are not being deleted."""
        return self.cluster.pods(HOME, SELECTOR)

    def ready(self) -> list[Pod]:
        """Wait until it has all its pods and no other, and return them."""
        wanted = self.cluster.deployment(HOME, names.GATEWAY)["spec"]["replicas"]
        eventually(lambda: self.cluster.deployment(HOME, names.GATEWAY), is_rolled_out, within=READY_WITHIN)
        return eventually(
            lambda: self.cluster.containers(HOME, SELECTOR),
            lambda pods: len(pods) == wanted,
            within=READY_WITHIN,
        )

    def source(self, kind: str, *receivers: StoredReceiver, **spec: Any) -> Source:
        """Create a source, and wait until each replica accepts its messages.

        Without receivers, its notifications wait for one that is suspended, so that they cost the operator nothing.
        """
        to = receivers or (self.receivers.add(suspend=True),)
        source = Source(cluster=self.cluster, name=f"s-{uuid.uuid4().hex[:8]}")
        source.write_secret(source.token)
        self._sources.append(source)
        obj = {
            "apiVersion": names.API_VERSION,
            "kind": names.SOURCE_KIND,
            "metadata": {"name": source.name},
            "spec": {
                "type": kind,
                "auth": {"bearerSecretRef": {"name": source.name}},
                "receiverRefs": [{"name": each.name} for each in to],
                **spec,
            },
        }
        self.cluster.request("POST", f"{BASE}/{names.SOURCE_PLURAL}", obj)
        eventually(
            lambda: [each["name"] for each in source.status.get("replicas", ()) if "problem" not in each],
            lambda accepting: {pod.name for pod in self.pods} <= set(accepting),
            within=READY_WITHIN,
        )
        return source

    def send(self, *messages: Message, every: float = 0.0) -> list[Reply]:
        """Send messages to the Service, each over a connection of its own, and return the answers in their order.

        Args:
            messages: of any source.
            every: seconds between two of them; 0 for all of them concurrently.
        """
        requests = [
            {"url": f"{URL}{each.path}", "method": each.method, "headers": each.headers, "body": each.body}
            for each in messages
        ]
        replies = self._sink.request("POST", "/send", {"requests": requests, "every": every})
        return [Reply(**reply) for reply in replies]

    def insist(self, *messages: Message, every: float = 0.0) -> list[Reply]:
        """Send messages, and repeat those that the gateway does not answer or asks to repeat, as senders do."""
        replies = self.send(*messages, every=every)

        def repeated() -> list[Reply]:
            again = [number for number, reply in enumerate(replies) if reply.status in REPEATED]
            for number, reply in zip(again, self.send(*(messages[each] for each in again)), strict=True):
                replies[number] = reply
            return replies

        if all(each.status not in REPEATED for each in replies):
            return replies
        return eventually(
            repeated, lambda seen: all(each.status not in REPEATED for each in seen), within=30, every=0.5
        )

    def received(self, pod: Pod, source: Source, outcome: str) -> float:
        """Return how many messages of a source a pod has counted with an outcome."""
        where = f"/api/v1/namespaces/{HOME}/pods/{pod.name}:{METRICS}/proxy/metrics"
        labels = {"source": f"{HOME}/{source.name}", "outcome": outcome}
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.cluster.text("GET", where))
            for sample in family.samples
            if sample.name == "kubernaut_notification_source_received_total"
            and labels.items() <= sample.labels.items()
        )

    def objects(self) -> list[Object]:
        """Return the sources as they are stored now, each with its notifications."""
        answers = [self.cluster.send("GET", source.path) for source in self._sources]
        stored = [answer.json() for answer in answers if answer.status == 200]
        return [*stored, *(obj for source in self._sources for obj in source.notifications)]

    def log(self, since: str) -> str:
        """Return the log of its pods since a second."""
        pods = self.cluster.containers(HOME, SELECTOR)
        return "\n".join(f"{pod.name}\n{self.cluster.log_since(HOME, pod.name, since)}" for pod in pods)

    def delete_all(self) -> None:
        """Delete all sources that were created, with what has come of them."""
        for source in self._sources:
            source.delete()
