"""Alerts in a real Prometheus that scrapes the operator's metrics: they fire, and they resolve."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from platform_infra.cluster.local.spec import CONTEXT
from platform_infra.monitoring import discovery
from platform_infra.monitoring.panels import panels
from platform_infra.monitoring.queries import Scope, duration
from platform_infra.monitoring.rules import Limits, alerts
from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually, steadily
from tests.harness.footprint import PREFIX
from tests.harness.notifications import addressed, fast, notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.place import EphemeralStack
from tests.harness.prometheus_in_cluster import RUNBOOKS, Prometheus, prometheus
from tests.harness.traffic import traffic

LIMITS = Limits(seconds=8, range_seconds=8)
"""The product's rules, with short windows."""
SCOPE = Scope(namespace="notification-breaker", window=duration(LIMITS.seconds))
FAILING = ("NotificationOperatorDeliveryFailureRateHigh", "slack")
CIRCUIT_OPEN = ("NotificationOperatorCircuitBreakerOpen", "slack")
BOTH = {FAILING, CIRCUIT_OPEN}
DOWN, UP = {"code": 503, "body": "service_unavailable"}, {"code": 200}


@pytest.fixture
def watcher(stack: EphemeralStack, breaker_operator: OperatorUnderTest) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the operator with the breaker."""
    home = breaker_operator.workload.namespace
    with prometheus(breaker_operator.cluster, stack.container, home, LIMITS) as ready:
        yield ready


@pytest.mark.needs_pod
def test_alert_fires_while_the_receiver_fails_and_then_resolves(
    breaker_operator: OperatorUnderTest, watcher: Prometheus
) -> None:
    word = uuid.uuid4().hex[:8]
    start = time.time()

    def create() -> None:
        subject = f"{word} {uuid.uuid4().hex[:8]}"
        to: Any = {"channels": ["console", "slack"], "recipients": [{"slack": "#test"}]}
        breaker_operator.create(
            notification(breaker_operator.namespace, subject=subject, retryPolicy=fast(10), **to)
        )

    with traffic(create, per_second=2):
        check_scraping(watcher)
        steadily(watcher.firing, lambda firing: firing.isdisjoint(BOTH), during=LIMITS.seconds + 2)

        breaker_operator.slack.answer(word, DOWN)
        failed = time.time()
        eventually(watcher.firing, lambda firing: firing >= BOTH, within=60, every=0.5)
        fired = eventually(lambda: watcher.alerts(FAILING[0]), bool)[0]
        expression = f'count_over_time(ALERTS{{alertname="{FAILING[0]}", alertstate="firing"}}[1m])'
        eventually(lambda: watcher.value(expression), lambda times: times is not None and times >= 5)

        with breaker_operator.receivers() as receivers:
            receiver = receivers.add().ready()
            breaker_operator.deliver(addressed(breaker_operator.namespace, receiver), "Sent", within=20)
            # With the receiver, its series are gone. A rate takes two samples.
            attempts = f'rate({PREFIX}delivery_attempts_total{{receiver="{receiver.label}"}}[1m])'
            eventually(lambda: watcher.value(attempts), lambda rate: rate is not None)
            last_success = f'{PREFIX}receiver_last_success_timestamp_seconds{{receiver="{receiver.label}"}}'
            eventually(lambda: watcher.value(last_success), lambda time: time is not None)
        breaker_operator.slack.answer(word, UP)
        eventually(watcher.firing, lambda firing: firing.isdisjoint(BOTH), within=60, every=0.5)
        steadily(watcher.firing, lambda firing: firing.isdisjoint(BOTH), during=4)

    end = time.time()
    assert fired["labels"]["severity"] == "critical"
    assert fired["annotations"]["runbook_url"] == f"{RUNBOOKS}/{FAILING[0]}.md"
    # The only channel that was ever reported is the one that failed.
    (lasted,) = watcher.over(f'ALERTS{{alertname="{FAILING[0]}", alertstate="firing"}}', start, end)
    assert lasted["metric"]["channel"] == "slack"
    assert failed < float(lasted["values"][0][0]) <= float(lasted["values"][-1][0]) < end
    every_panel_has_data(watcher, start, end)


def check_scraping(watcher: Prometheus) -> None:
    """Check that the pod was discovered by its annotations, and that every rule is loaded and can be evaluated."""
    eventually(lambda: watcher.value('up{namespace="notification-breaker"}'), lambda up: up == 1)
    rules = eventually(watcher.rules, lambda rules: all(rule["health"] == "ok" for rule in rules))
    assert {rule["name"] for rule in rules} == {alert.name for alert in alerts("any", LIMITS)}


def every_panel_has_data(watcher: Prometheus, start: float, end: float) -> None:
    """Check that no panel of the dashboard was empty, but that of drills: no receiver here is one that drills reach."""
    empty = {
        panel.title
        for panel in panels(SCOPE)
        if not any(watcher.over(curve.expression, start, end) for curve in panel.curves)
    }
    assert empty == {"Time since the last drill by receiver"}


def test_prometheus_operator_crds_are_discovered_after_installation(
    stack: EphemeralStack, cluster: Cluster
) -> None:
    def discovered() -> list[str]:
        return discovery.served(Path(stack.kubeconfig).read_text("utf-8"), CONTEXT)

    assert discovered() == []
    for kind in discovery.KINDS:
        cluster.apply(definition(kind))
    try:
        assert eventually(discovered, lambda kinds: len(kinds) == len(discovery.KINDS)) == list(
            discovery.KINDS
        )
    finally:
        for kind in discovery.KINDS:
            name = definition(kind)["metadata"]["name"]
            cluster.text("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    eventually(discovered, lambda kinds: kinds == [])


def definition(kind: str) -> dict[str, Any]:
    """Return a definition of the kind that accepts any object."""
    names = {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": discovery.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{discovery.GROUP}"},
        "spec": {"group": discovery.GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
