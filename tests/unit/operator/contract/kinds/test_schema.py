"""The schema of the CRD and the typed spec accept the same: names, bounds and defaults of every field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import bounds
from notification_contract.crds import notification_receiver
from notification_contract.durations import PATTERN
from notification_contract.kinds.receiver import MAX_TIMEOUT, ReceiverSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema = dict[str, Any]
KEYWORDS = (
    *("minLength", "maxLength", "pattern", "format", "minimum", "maximum"),
    *("maxItems", "maxProperties", "enum"),
)
(VERSION,) = notification_receiver()["spec"]["versions"]
CRD: Schema = VERSION["schema"]["openAPIV3Schema"]
MODEL = ReceiverSpec.model_json_schema(by_alias=True)
STATUS: Schema = CRD["properties"]["status"]["properties"]


def resolved(schema: Mapping[str, Any]) -> Schema:
    """Return a schema of the model without references and without null."""
    result = dict(schema)
    for option in result.pop("anyOf", []):
        if option.get("type") != "null":
            result |= option
    while reference := result.pop("$ref", None):
        result |= {
            key: value
            for key, value in MODEL["$defs"][reference.rpartition("/")[2]].items()
            if key not in result or key == "type"
        }
    return result


def facts(schema: Schema, path: str, *, of_the_model: bool) -> Iterator[tuple[str, object]]:
    """Yield what a schema demands of each field, with the path of the field."""
    schema = resolved(schema) if of_the_model else schema
    yield f"{path}: type", schema["type"]
    for keyword in KEYWORDS:
        if keyword in schema and (keyword, schema[keyword]) != ("format", "int32"):
            yield f"{path}: {keyword}", schema[keyword]
    fields = schema.get("properties", {})
    if fields:
        yield f"{path}: required", sorted(schema.get("required", []))
    for name, field in fields.items():
        yield from facts(field, f"{path}.{name}", of_the_model=of_the_model)
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        yield from facts(values, f"{path}.*", of_the_model=of_the_model)
    if "items" in schema:
        yield from facts(schema["items"], f"{path}[]", of_the_model=of_the_model)


def defaults(schema: Schema, path: str, *, of_the_model: bool) -> Iterator[tuple[str, object]]:
    """Yield the default of each field that has one; null, false and empty values are no defaults."""
    schema = resolved(schema) if of_the_model else schema
    if default := schema.get("default"):
        yield path, default
    for name, field in schema.get("properties", {}).items():
        yield from defaults(field, f"{path}.{name}", of_the_model=of_the_model)


def test_schema_has_the_fields_and_bounds_of_the_typed_spec() -> None:
    expected = dict(facts(MODEL, "spec", of_the_model=True))
    assert len(expected) > 200
    assert dict(facts(CRD["properties"]["spec"], "spec", of_the_model=False)) == expected


def test_schema_has_the_defaults_of_the_typed_spec() -> None:
    expected = dict(defaults(MODEL, "spec", of_the_model=True))
    # A model shows its nested defaults as null where the schema lists only what it adds.
    expected["spec.allowedNamespaces"] = {"from": "Same"}
    expected.pop("spec.recipients", None)
    actual = dict(defaults(CRD["properties"]["spec"], "spec", of_the_model=False))
    keys = {path: actual.pop(path) for path in list(actual) if path.endswith(".key")}
    assert actual == expected
    assert keys == {
        "spec.webhook.urlSecretRef.key": "url",
        "spec.teams.urlSecretRef.key": "url",
        "spec.pagerduty.routingKeySecretRef.key": "routing-key",
        "spec.slack.webhookUrlSecretRef.key": "url",
        "spec.slack.botTokenSecretRef.key": "token",
        "spec.discord.urlSecretRef.key": "url",
        "spec.mattermost.urlSecretRef.key": "url",
        "spec.apprise.urlSecretRef.key": "url",
        "spec.tls.caSecretRef.key": "ca.crt",
        "spec.proxySecretRef.key": "url",
    }
    signing = CRD["properties"]["spec"]["properties"]["webhook"]["properties"]["signingSecretRefs"]
    assert signing["items"]["properties"]["key"]["default"] == "signing-key"


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
