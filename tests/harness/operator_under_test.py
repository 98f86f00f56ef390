"""One operator of the disposable stack with a namespace of the test, as stack tests use it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.harness.cluster import FINAL
from tests.harness.eventually import eventually
from tests.harness.operator_deployment import HEALTH, METRICS, OperatorDeployment
from tests.harness.receivers import Receivers
from tests.harness.routing_document import RoutingDocument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Cluster, Object, Pod
    from tests.harness.faultproxy_client import FaultProxy
    from tests.harness.sink_client import AuditStore, SlackSink, StubScripts, WebhookSink

__all__ = ["HEALTH", "METRICS", "OperatorDeployment", "OperatorUnderTest"]

CONSOLE = "console"
"""The logger of the console channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorUnderTest:
    """One operator in one test. An `obj` is a notification as a test builds it, or as it is stored."""

    cluster: Cluster
    workload: OperatorDeployment
    namespace: str
    sink: StubScripts
    slack: SlackSink
    webhook: WebhookSink
    audit: AuditStore
    proxy: FaultProxy
    sink_url: str
    """The sink's API for tests."""

    def create(self, obj: Object) -> Object:
        """Create a notification and return it as stored; raises `Refused`."""
        return self.cluster.create(obj)

    def stored(self, obj: Object) -> Object:
        """Return the current state of a notification."""
        result = self.cluster.get(*_key(obj))
        assert result is not None, f"there is no notification {'/'.join(_key(obj))}"
        return result

    def status(self, obj: Object, *phases: str, within: float = 30.0, every: float = 0.1) -> Object:
        """Wait until a notification is in one of the phases, and return its status."""
        status: Object = self.cluster.phase(*_key(obj), *phases, within=within, every=every)["status"]
        return status

    def deliver(self, obj: Object, *phases: str, within: float = 30.0) -> Object:
        """Create a notification, wait until it is in one of the phases, and return it as stored then."""
        self.create(obj)
        return self.cluster.phase(*_key(obj), *phases, within=within)

    def deliver_slowly(self, obj: Object, *phases: str, **answer: object) -> Object:
        """Deliver a notification to a Slack receiver that answers once the phase Sending is stored."""
        self.slack.answer(obj, {**answer, "held": True})
        self.create(obj)
        self.status(obj, "Sending")
        self.slack.answer(obj, answer)
        return self.cluster.phase(*_key(obj), *phases, within=30)

    def purge(self, obj: Object, *, within: float = 5.0) -> None:
        self.cluster.purge(*_key(obj), within=within)

    def records(self, obj: Object | None = None) -> list[Object]:
        """Return the log records since the start of the run; with `obj` those about it."""
        result = self.workload.records()
        return result if obj is None else [record for record in result if _is_about(record, obj)]

    def console(self, obj: Object | None = None) -> list[str]:
        """Return the messages of the console channel, oldest first: those about a notification, or all.

        The log follows the status with a delay: for a final notification, the record of its final phase is waited for.
        """
        if obj is not None and self._is_final(obj):
            eventually(lambda: self.records(obj), _tell_the_end, within=10)
        return [str(entry["event"]) for entry in self.records(obj) if entry.get("logger") == CONSOLE]

    def errors(self) -> str:
        """Return the operator's records of level error and above."""
        bad = [entry for entry in self.records() if entry.get("level") in {"error", "critical"}]
        return "\n".join(json.dumps(entry) for entry in bad)

    def metric(self, name: str, *, pod: Pod | None = None, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels; 0 if labels are given and no sample has them."""
        page = self.workload.page(METRICS, "metrics", pod=pod)
        families = text_string_to_metric_families(page)
        named = [sample for family in families for sample in family.samples if sample.name == name]
        result = [sample.value for sample in named if labels.items() <= sample.labels.items()]
        assert result or labels, f"no metric {name} in:\n{page}"
        return float(sum(result))

    def events(self, obj: Object) -> list[Object]:
        """Return the Kubernetes Events about a notification."""
        namespace, name = _key(obj)
        items = self.cluster.request("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
        uid = obj["metadata"].get("uid")
        about = [(event, event.get("regarding", {})) for event in items]
        return [event for event, what in about if what.get("name") == name and uid in (None, what.get("uid"))]

    def api_calls(self, obj: Object) -> list[str]:
        """Return the operator's requests about a notification, such as `update status`, oldest first."""
        return [_called(entry) for entry in self.audited(obj)]

    def audited(self, obj: Object) -> list[Object]:
        """Return the records of the operator's requests about a notification in the audit log, oldest first.

        The log follows the status with a delay: for a final notification, the write of its final phase is waited for.
        """
        stored = self.cluster.get(*_key(obj))
        completed = stored["status"].get("completionTime") if stored is not None else None
        return eventually(
            lambda: self._audited(*_key(obj)),
            lambda records: completed is None or any(_is_write_since(each, completed) for each in records),
            within=10,
        )

    def _audited(self, *key: str) -> list[Object]:
        calls = []
        for entry in self.workload.node.audited(key[1]):
            target = entry.get("objectRef", {})
            same = (target.get("namespace"), target.get("name")) == key
            if same and entry["user"].get("username") == self.workload.account:
                calls.append(entry)
        return calls

    @contextmanager
    def routing(self, document: Object | str) -> Iterator[RoutingDocument]:
        """Route by a document during the block, and by the fallback afterwards.

        The given object can `write` further documents.
        """
        routing = RoutingDocument(self.cluster, self.workload.namespace, self._generation)
        routing.write(document)
        try:
            yield routing
        finally:
            routing.remove()

    def _generation(self) -> float:
        return self.metric("kubernaut_notification_routing_generation")

    def _is_final(self, obj: Object) -> bool:
        result = self.cluster.get(*_key(obj))
        return result is not None and result["status"]["phase"] in FINAL

    @contextmanager
    def receivers(self) -> Iterator[Receivers]:
        """Give a maker of receivers in the operator's namespace, and delete them after the block."""
        receivers = Receivers(self.cluster, sink=self.sink_url, home=self.workload.namespace)
        try:
            yield receivers
        finally:
            receivers.delete_all()

    @contextmanager
    def read_only_files(self) -> Iterator[None]:
        """Make the directory of the file channel read-only."""
        node, pod = self.workload.node, self.workload.pod
        with node.read_only_volume(self.cluster.uid(pod), "files"):
            yield

    def clear(self, *, within: float = 5.0) -> None:
        """Delete all notifications of the test's namespace, and wait until none is left."""
        self.cluster.delete_all(self.namespace)
        eventually(lambda: self.cluster.all(self.namespace), lambda left: not left, within=within)


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _called(entry: Object) -> str:
    return f"{entry['verb']} {entry['objectRef'].get('subresource', '')}".strip()


def _is_write_since(entry: Object, completed: str) -> bool:
    """Return whether a record is of a successful write of the status at or after a time."""
    received = datetime.fromisoformat(entry["requestReceivedTimestamp"])
    return bool(
        _called(entry) == "update status"
        and entry.get("responseStatus", {}).get("code") == HTTPStatus.OK
        and received >= datetime.fromisoformat(completed)
    )


def _tell_the_end(records: list[Object]) -> bool:
    return any(record.get("phase") in FINAL for record in records)


def _is_about(record: Object, obj: Object) -> bool:
    uid = obj["metadata"].get("uid")
    if uid is not None:
        return bool(record.get("uid") == uid)
    return bool(record.get("notification") == "/".join(_key(obj)))
