"""The Helm chart: it renders what the stack of the same settings exports, object by object, and refuses the rest by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from platform_infra import names
from platform_infra.monitoring.discovery import GROUP, KINDS, VERSION
from platform_infra.settings.model import PATHS
from tests.kit.chart_values import BASE, KEYS, chart_values, samples, stack_settings, valid
from tests.kit.exports import recorded_export
from tests.kit.helm import objects, template
from tools.generate.chart import SECRETS, refusal
from tools.platform.export.objects import ORDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

pytestmark = pytest.mark.slow
TEXTS = {"Deployment": ("spec", "template", "metadata", "annotations"), "ConfigMap": ("data",)}
"""Where objects hold YAML as text, of which only the meaning counts."""
QUICK, LONG = 4, 60


def parsed(document: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the YAML in it as data, and a CRD without its schemas."""
    if document["kind"] == "CustomResourceDefinition":
        return {**document, "spec": document["spec"]["names"]}
    texts: Any = document
    for name in TEXTS.get(document["kind"], ()):
        texts = texts[name]
    if texts is not document:
        for key in {names.CONFIG_ANNOTATION, "routing.yaml", "rules.yaml"} & texts.keys():
            texts[key] = (texts[key].splitlines()[0], yaml.safe_load(texts[key]))
    return document


def by_name(documents: Sequence[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    found = {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): parsed(each)
        for each in documents
    }
    assert len(found) == len(documents)
    return found


def assert_equal(values: Mapping[str, Any], *, served: Sequence[str] = ()) -> None:
    chart, stack = by_name(objects(values, served=served)), by_name(recorded_export(stack_settings(values)))
    assert chart.keys() == stack.keys()
    for key, each in stack.items():
        assert chart[key] == each, key


@settings(
    max_examples=QUICK,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)
@seed(20261129)
@given(values=chart_values())
def test_chart_renders_what_a_stack_exports(values: dict[str, Any]) -> None:
    assert_equal(values)


@pytest.mark.long
@settings(
    max_examples=LONG,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)
@seed(1)
@given(values=chart_values())
def test_chart_renders_what_many_stacks_export(values: dict[str, Any]) -> None:
    assert_equal(values)


@pytest.mark.long
@pytest.mark.parametrize("key", KEYS)
def test_each_setting_alone_renders_what_a_stack_exports(key: str) -> None:
    enabled = {
        "gatewayEnabled": True,
        "drillSchedule": "0 9 * * 1",
        "monitoringMode": "crds",
        "channelsFileEnabled": True,
    }
    for value in samples(key):
        assert_equal(valid({**BASE, **enabled, key: value}))


def test_monitoring_follows_what_the_cluster_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "platform_infra.monitoring.discovery.discover", lambda _kubeconfig, _context: list(KINDS)
    )
    served = [f"{GROUP}/{VERSION}/{kind}" for kind in KINDS]
    stack = recorded_export(stack_settings(BASE), kubeconfig="some")
    assert "PodMonitor" in {each["kind"] for each in stack}
    assert by_name(objects(BASE, served=served)) == by_name(stack)


def test_every_kind_has_a_place_in_the_order() -> None:
    values = {
        **BASE,
        "gatewayEnabled": True,
        "gatewayHost": "hooks.example.com",
        "gatewayAllowedCidrs": ["192.0.2.0/24"],
        "monitoringMode": "crds",
        "drillSchedule": "0 9 * * 1",
        "channelsFileEnabled": True,
        "channelsFileVolume": "hostPath",
        "watchNamespaces": ["notification-system"],
        "receivers": samples("receivers")[0],
    }
    kinds = {each["kind"] for each in recorded_export(stack_settings(values))}
    # Only values of Secrets are in Secrets.
    assert kinds == set(ORDER) - {"Secret"}


def test_chart_has_the_crds() -> None:
    stack = recorded_export(stack_settings({**BASE, "gatewayEnabled": True}), schemas=True)
    chart = objects({**BASE, "gatewayEnabled": True})
    expected, rendered = (
        sorted(
            (each for each in documents if each["kind"] == "CustomResourceDefinition"),
            key=lambda each: each["metadata"]["name"],
        )
        for documents in (stack, chart)
    )
    assert len(expected) == 3
    assert rendered == expected


def test_every_setting_has_a_value_that_is_no_default() -> None:
    assert [key for key in KEYS if not samples(key)] == []


def test_refused_settings_are_refused_by_name_with_the_reason() -> None:
    refused = {key: refusal(key) for key in PATHS if refusal(key)}
    done = template(
        {**BASE, **dict.fromkeys(refused, 1), "receivers": [{**samples("receivers")[0][0], "secrets": {}}]}
    )
    assert done.returncode != 0
    for key, reason in {**refused, "receivers/0/secrets": SECRETS}.items():
        assert f"- at '/{key}': value must be '{reason}'" in done.stderr


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"operatorImage": ""}, "'/operatorImage': minLength: got 0, want 1"),
        ({"channelsSlackEnabled": True}, "'/channelsSlackExistingSecret': minLength: got 0, want 1"),
        ({"gatewayEnabled": True, "operatorEnabled": False}, "'/operatorEnabled': value must be true"),
        (
            {"operatorReplicas": 2, "operatorLeaderElection": False},
            "'/operatorReplicas': maximum: got 2, want 1",
        ),
        ({"crdRetain": False}, "'/crdRetain': value must be true"),
        ({"operatorReplica": 2}, "additional properties 'operatorReplica' not allowed"),
        ({"operatorReplicas": None, "sanitizerEmails": None}, "missing properties"),
        (
            {"networkReceiverCidrs": ["10.0.0.0/8"]},
            "'/networkApiServerCidrs': minItems: got 0, want 1",
        ),
        (
            {"networkApiServerCidrs": ["10.0.0.1/32"], "channelsPlugins": {"x": {"factory": "a:b"}}},
            "'/networkReceiverCidrs': minItems: got 0, want 1",
        ),
        (
            {"networkApiServerCidrs": ["10.0.0.1/32"], "receiversElsewhere": ["log", "webhook"]},
            "'/networkReceiverCidrs': minItems: got 0, want 1",
        ),
        (
            {"networkApiServerCidrs": ["10.0.0.1/32"], "auditUrl": "https://audit.example.com"},
            "'/networkAuditCidrs': minItems: got 0, want 1",
        ),
        (
            {"auditFileClaim": "trail", "auditFile": "/var/lib/audit/trail.jsonl", "operatorShards": 2},
            "'/operatorShards': maximum: got 2, want 1",
        ),
        (
            {"gatewayEnabled": True, "watchNamespaces": ["shop"]},
            "watchNamespaces does not contain operatorNamespace",
        ),
    ],
)
def test_invalid_values_are_refused(values: dict[str, Any], message: str) -> None:
    done = template({**BASE, **values})
    assert done.returncode != 0
    assert message in done.stderr


@pytest.mark.parametrize("text", [False, True])
def test_extra_object_is_rendered_as_a_template(text: bool) -> None:  # noqa: FBT001 - a parameter of the test
    extra = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "{{ .Release.Name }}-extra"}}
    values = {**BASE, "operatorEnabled": False, "extraObjects": [yaml.safe_dump(extra) if text else extra]}
    rendered = {(each["kind"], each["metadata"]["name"]) for each in objects(values)}
    assert ("Secret", "test-extra") in rendered
