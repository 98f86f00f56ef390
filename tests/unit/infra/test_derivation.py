"""A stack's settings become the operator's: every setting of the operator is reachable, and the file carries its value."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_contract import names
from notification_contract.settings import OperatorSettings, declared_settings, value_at
from notification_runtime import settings as operator_config
from platform_infra.settings.derivation import operator_settings, sources
from platform_infra.settings.model import PATHS, SECRET_KEYS, Settings, key_of
from platform_infra.settings.reader import SettingsError, parse
from platform_infra.workload.mounts import config_file
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.infra.conftest import Record

URL = "http://hooks.example.com:443/x"
UNUSUAL: dict[str, tuple[str, Any]] = {
    "watch.namespaces": ('["a","b"]', ("a", "b")),
    "watch.namespace_selector": ("team=web", "team=web"),
    "queue.workers": ("7", 7),
    "queue.max_notifications": ("7000", 7000),
    "delivery.timeout_seconds": ("3", 3.0),
    "delivery.concurrency_per_channel": ("8", 8),
    "delivery.in_flight_bytes": ("2000000", 2_000_000),
    "delivery.visible_after_seconds": ("0.5", 0.5),
    "breaker.failure_threshold": ("4", 4),
    "breaker.open_seconds": ("5", 5.0),
    "breaker.initial_open_seconds": ("2", 2.0),
    "breaker.window_seconds": ("30", 30.0),
    "breaker.probes": ("6", 6),
    "channels.console.namespaces": ('["a"]', ("a",)),
    "channels.file.namespaces": ('["a","team-*"]', ("a", "team-*")),
    "channels.log.namespaces": ('["*"]', ("*",)),
    "channels.slack.namespaces": ('["b"]', ("b",)),
    "channels.slack.rate_per_second": ("0.5", 0.5),
    "channels.slack.burst": ("20", 20),
    "channels.slack.mrkdwn": ("trusted", "trusted"),
    "channels.console.enabled": ("false", False),
    "channels.file.enabled": ("true", True),
    "channels.file.size": ("5Gi", "5Gi"),
    "channels.file.keep_days": ("30", 30),
    "channels.file.directory": ("/data", "/data"),
    "channels.log.enabled": ("false", False),
    "channels.slack.enabled": ("true", True),
    "channels.slack.webhook_url": (URL, URL),
    "channels.slack.connections": ("3", 3),
    "channels.plugins": (
        '{"sms": {"factory": "acme.sms:make", "options": {"region": "eu"}, "namespaces": ["a"], "burst": 3}}',
        {
            "sms": {
                "factory": "acme.sms:make",
                "options": {"region": "eu"},
                "namespaces": ("a",),
                "rate_per_second": 0.0,
                "burst": 3,
            }
        },
    ),
    "routing.namespace": ("elsewhere", "elsewhere"),
    "routing.config_map": ("rules", "rules"),
    "routing.key": ("rules.yaml", "rules.yaml"),
    "receivers.enabled": ("false", False),
    "receivers.namespaced": ("true", True),
    "receivers.cluster": ("prod-eu", "prod-eu"),
    "receivers.types_elsewhere": ('["slack"]', ("slack",)),
    "receivers.denied_networks": ('["2001:db8:64::/96"]', ("2001:db8:64::/96",)),
    "receivers.allowed_hosts": ('["example.com"]', ("example.com",)),
    "receivers.max_per_namespace": ("30", 30),
    "receivers.max_total": ("400", 400),
    "drill.schedule": ("0 9 * * 1", "0 9 * * 1"),
    "heartbeats.enabled": ("true", True),
    "heartbeats.tenant_sources": ("true", True),
    "heartbeats.max_per_namespace": ("30", 30),
    "heartbeats.max_total": ("400", 400),
    "external_heartbeat.secret": ("dead-mans-switch", "dead-mans-switch"),
    "external_heartbeat.secret_key": ("ping", "ping"),
    "external_heartbeat.every_seconds": ("300", 300),
    "sanitizer.emails": ("false", False),
    "sanitizer.ip_addresses": ("false", False),
    "audit.url": ("http://store.example.com:8080/audit", "http://store.example.com:8080/audit"),
    "audit.buffer_size": ("9", 9),
    "audit.batch_size": ("7", 7),
    "audit.flush_seconds": ("600", 600.0),
    "audit.token_audience": ("https://audit.example.com", "https://audit.example.com"),
    "audit.file": ("/var/lib/audit/trail.jsonl", "/var/lib/audit/trail.jsonl"),
    "audit.file_max_bytes": ("2048", 2048),
    "audit.file_count": ("3", 3),
    "audit.original_types": ("true", True),
    "retention.enabled": ("false", False),
    "retention.deletes_per_second": ("2", 2.0),
    "retention.interval_seconds": ("60", 60.0),
    "retention.failed_days": ("45", 45),
    "events.level": ("all", "all"),
    "leader_election.enabled": ("true", True),
    "leader_election.namespace": ("elsewhere", "elsewhere"),
    "leader_election.lease_name": ("chief", "chief"),
    "leader_election.lease_seconds": ("20", 20),
    "leader_election.shards": ("3", 3),
    "server.host": ("127.0.0.1", "127.0.0.1"),
    "server.health_port": ("8082", 8082),
    "server.metrics_port": ("9091", 9091),
    "log.level": ("debug", "debug"),
    "log.format": ("text", "text"),
    "shutdown.grace_seconds": ("12", 12.0),
}
"""An unusual value for each setting of the operator: as Pulumi's text, and as the operator must read it."""


REQUIRED = {
    "audit.token_audience": {"auditUrl": "https://store.example.com"},
    "external_heartbeat.secret": {"drillSchedule": "0 9 * * 1"},
}
"""What a setting needs in addition."""


def dotted(path: tuple[str, ...]) -> str:
    return ".".join(path)


def read_by_operator(tmp_path: Path, values: dict[str, str]) -> operator_config.Settings:
    """The operator's settings, loaded from the file that a stack renders."""
    file = tmp_path / names.CONFIG_KEY
    file.write_text(config_file.render(parse(values)))
    return operator_config.load(file)


def plain(value: Any) -> Any:
    """A value of a setting as JSON has it."""
    if hasattr(value, "get_secret_value"):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {key: each.model_dump() for key, each in value.items()}
    return str(value) if hasattr(value, "as_posix") else value


def test_every_operator_setting_is_reachable_from_a_stack() -> None:
    operator = {path for path, _ in declared_settings(OperatorSettings)}
    assert sources(Settings).keys() == operator
    assert set(UNUSUAL) == {dotted(path) for path in operator}


@pytest.mark.parametrize("path", UNUSUAL)
def test_value_set_in_a_stack_reaches_the_operator(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(names.SLACK_URL_VARIABLE, URL)
    text, expected = UNUSUAL[path]
    key = key_of(sources(Settings)[tuple(path.split("."))])
    required = REQUIRED.get(path, {})
    settings = read_by_operator(tmp_path, {"channelsSlackWebhookUrl": URL, key: text} | required)
    assert plain(value_at(settings, tuple(path.split(".")))) == expected


def test_rendered_defaults_are_equivalent_to_no_file(tmp_path: Path) -> None:
    namespace = Settings().operator.namespace
    defaults = operator_config.Settings()
    expected = defaults.model_copy(
        update={
            "routing": defaults.routing.model_copy(update={"namespace": namespace}),
            "leader_election": defaults.leader_election.model_copy(
                update={"namespace": namespace, "enabled": True}
            ),
        }
    )
    assert read_by_operator(tmp_path, {}) == expected


def rendered(**values: str) -> dict[str, Any]:
    """The content of the file that a stack renders."""
    document: dict[str, Any] = yaml.safe_load(config_file.render(parse(values)))
    return document


def test_operator_reads_every_setting_from_the_file_and_the_secret() -> None:
    values = {"channelsSlackEnabled": "true", "channelsSlackWebhookUrl": URL}
    document = rendered(**values)
    assert document["channels"] == {"slack": {"enabled": True}}
    assert URL not in config_file.render(parse(values))
    document["channels"]["slack"]["webhook_url"] = URL
    # The file omits defaults; the operator's settings are the same.
    assert OperatorSettings.model_validate(document) == operator_settings(parse(values))


def test_rendered_file_contains_only_what_differs_from_the_defaults() -> None:
    changed = rendered(leaderElectionLeaseSeconds="20", deliveryTimeoutSeconds="10")
    assert changed["leader_election"]["lease_seconds"] == 20
    assert "delivery" not in changed
    namespace = Settings().operator.namespace
    assert rendered() == {
        "routing": {"namespace": namespace},
        "leader_election": {"enabled": True, "namespace": namespace},
    }


def test_stack_field_has_the_bounds_and_text_of_the_operator_setting() -> None:
    operator = dict(declared_settings(OperatorSettings))
    stack = dict(declared_settings(Settings))
    own = {
        *("leader_election.enabled", "leader_election.namespace", "routing.namespace", "receivers.cluster"),
        *(f"heartbeats.{name}" for name in ("enabled", "tenant_sources", "max_per_namespace", "max_total")),
    }
    for target, source in sources(Settings).items():
        if dotted(target) in own:
            continue
        assert stack[source].description == operator[target].description, target
        assert [mark for mark in operator[target].metadata if mark not in stack[source].metadata] == [], (
            target
        )


def test_secret_keys_are_those_of_secret_types_and_the_kubeconfig() -> None:
    assert {"channelsSlackWebhookUrl", "clusterKubeconfig", "operatorRegistryPassword"} == SECRET_KEYS
    assert set(PATHS) > SECRET_KEYS


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"watchNamespaces": '["a"]', "watchNamespaceSelector": "a=b"}, "watchNamespaces"),
        ({"operatorShards": "2", "operatorLeaderElection": "false"}, "operatorShards"),
        ({"channelsSlackEnabled": "true"}, "channelsSlackWebhookUrl"),
        ({"auditTokenAudience": "audit"}, "auditTokenAudience"),
        ({"auditTokenAudience": "audit", "auditUrl": "http://audit.example.com"}, "auditTokenAudience"),
        ({"auditFile": "/data/trail.jsonl", "auditUrl": "https://audit.example.com"}, "auditFile"),
    ],
)
def test_rule_of_the_operator_is_reported_with_the_keys_of_the_stack(
    values: dict[str, str], key: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    (problem,) = caught.value.problems
    assert problem.key == key
    assert "{" not in str(problem)
    assert "_" not in str(problem)


def test_pod_serves_the_configured_ports_and_reads_the_default_file(record: Record) -> None:
    recording = record(serverHealthPort="8082", serverMetricsPort="9091", monitoringMode="annotations")
    ports = {port["name"]: port["containerPort"] for port in recording.container["ports"]}
    assert ports == {"health": 8082, "metrics": 9091}
    policy = recording.one("NetworkPolicy").inputs["spec"]["ingress"]
    assert [port["port"] for rule in policy for port in rule["ports"]] == [8082, 9091]
    annotations = recording.one("Deployment").inputs["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == "9091"
    default_file = str(operator_config.DEFAULT_CONFIG_FILE)
    assert recording.container["args"] == ["run", "--config", default_file]


@pytest.mark.parametrize(
    ("values", "named"),
    [({}, "test"), ({"receiversCluster": "prod-eu"}, "prod-eu")],
    ids=["stack", "setting"],
)
def test_messages_name_the_stack_unless_the_settings_name_the_cluster(
    record: Record, values: dict[str, str], named: str
) -> None:
    annotations = record(**values).spec("Deployment")["template"]["metadata"]["annotations"]
    document = yaml.safe_load(annotations[names.CONFIG_ANNOTATION])
    assert OperatorSettings.model_validate(document).receivers.cluster == named


def test_mounted_file_is_the_one_that_the_operator_reads(record: Record) -> None:
    recording = record()
    (mount,) = [entry for entry in recording.container["volumeMounts"] if entry["name"] == "config"]
    (volume,) = [entry for entry in recording.pod["volumes"] if entry["name"] == "config"]
    (file,) = volume["downwardAPI"]["items"]
    annotations = recording.spec("Deployment")["template"]["metadata"]["annotations"]
    assert operator_config.DEFAULT_CONFIG_FILE.parent.as_posix() == mount["mountPath"]
    assert operator_config.DEFAULT_CONFIG_FILE.name == file["path"]
    assert file["fieldRef"]["fieldPath"] == f"metadata.annotations['{names.CONFIG_ANNOTATION}']"
    assert annotations[names.CONFIG_ANNOTATION] == config_file.render(parse({}), stack="test")
    assert [entry.part for entry in recording.of("ConfigMap")] == ["limits"]


def test_image_lock_pins_every_dependency_and_names_no_index() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    lock = (ROOT / "operator" / "requirements.lock").read_text()
    for requirement in dependencies:
        assert f"\n{requirement.split('>=')[0].partition('[')[0]}==" in lock
    assert "://" not in lock
    assert "--index-url" not in lock


def test_rendered_plugin_contains_what_differs_from_the_defaults() -> None:
    plugins = '{"sms": {"factory": "acme.sms:make", "burst": 1}, "hook": {"factory": "acme:make", "rate_per_second": 2}}'
    assert rendered(channelsPlugins=plugins)["channels"]["plugins"] == {
        "sms": {"factory": "acme.sms:make"},
        "hook": {"factory": "acme:make", "rate_per_second": 2},
    }
