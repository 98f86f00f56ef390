"""The schema of the CRD and the typed spec accept the same: names, bounds and defaults of every field."""

from __future__ import annotations

from typing import Any

import pytest

from notification_contract import bounds
from notification_contract.crds import notification_receiver
from notification_contract.durations import PATTERN
from notification_contract.kinds.spec_rules import MAX_TIMEOUT

Schema = dict[str, Any]
(VERSION,) = notification_receiver()["spec"]["versions"]
CRD: Schema = VERSION["schema"]["openAPIV3Schema"]
STATUS: Schema = CRD["properties"]["status"]["properties"]


def test_durations_have_the_pattern_of_the_contract() -> None:
    fields = CRD["properties"]["spec"]["properties"]
    for field in (fields["timeout"], fields["fallback"]["properties"]["after"]):
        assert (field["pattern"], field["maxLength"]) == (PATTERN, 32)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", f"size(self.metadata.name) <= {bounds.RECEIVER_NAME}"),
        ("spec", f"<= duration('{MAX_TIMEOUT}s')"),
        ("spec.webhook", "has(self.urlSecretRef)"),
        ("spec.slack", "has(self.botTokenSecretRef)"),
        ("spec.sms", "self.messagingServiceSid"),
        ("spec.allowedNamespaces", "has(self.selector)"),
        ("spec.template", "has(self.configMapRef)"),
        ("spec.rateLimit", "self.period"),
    ],
)
def test_schema_has_a_rule_with_a_message(path: str, text: str) -> None:
    schema = CRD
    for name in filter(None, path.split(".")):
        schema = schema["properties"][name]
    rules = schema["x-kubernetes-validations"]
    assert any(text in rule["rule"] for rule in rules)
    assert all(rule.get("message") or rule.get("messageExpression") for rule in rules)


def test_status_keys_its_lists() -> None:
    assert STATUS["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert STATUS["replicas"]["x-kubernetes-list-map-keys"] == ["name"]
    assert STATUS["replicas"]["maxItems"] == 32
    assert VERSION["subresources"] == {"status": {}}


def test_replica_has_the_fields_of_the_summary() -> None:
    replica = set(STATUS["replicas"]["items"]["properties"])
    times = {"lastSuccessTime", "lastAttemptTime", "lastDrillTime"}
    summary = times | {"lastError", "consecutiveFailures", "circuit"}
    assert replica == summary | {"name", "updated", "problem"}
    assert summary <= set(STATUS)


def test_printer_columns_are_type_ready_healthy_last_success_age() -> None:
    columns = [(column["name"], column["jsonPath"]) for column in VERSION["additionalPrinterColumns"]]
    assert columns == [
        ("Type", ".spec.type"),
        ("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        ("Healthy", '.status.conditions[?(@.type=="Healthy")].status'),
        ("Last-Success", ".status.lastSuccessTime"),
        ("Age", ".metadata.creationTimestamp"),
    ]
