"""The program and the operator never import each other; here they are held against one another."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import yaml

from notification_contract.settings import operator as operator_sections
from notification_operator.config import settings as operator_settings
from platform_infra import names
from platform_infra.settings.model import Settings, parse
from platform_infra.settings.sections import EventLevel, LogFormat, LogLevel
from platform_infra.workload import config_file as operator_config
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.infra.conftest import Record

UNUSUAL = {
    "watchNamespaces": '["a","b"]',
    "operatorWorkers": "7",
    "operatorGraceSeconds": "12",
    "operatorNamespace": "elsewhere",
    "operatorLeaderElection": "true",
    "deliveryTimeoutSeconds": "3",
    "channelsConsoleEnabled": "false",
    "channelsFileEnabled": "true",
    "channelsFileDirectory": "/data",
    "channelsSlackEnabled": "true",
    "channelsSlackWebhookUrl": "http://hooks.example.com/x",
    "channelsSlackConnections": "3",
    "breakerFailureThreshold": "4",
    "breakerOpenSeconds": "5",
    "breakerProbes": "6",
    "channelsPlugins": '{"sms": {"factory": "acme.sms:make", "options": {"region": "eu"}}}',
    "sanitizerEmails": "false",
    "sanitizerIpAddresses": "false",
    "auditUrl": "http://store.example.com:8080/audit",
    "auditBatchSize": "7",
    "auditFlushSeconds": "600",
    "eventsLevel": "all",
    "logLevel": "debug",
    "logFormat": "text",
}


def as_the_operator_reads_it(tmp_path: Path, values: dict[str, str]) -> operator_settings.Settings:
    """What the operator makes of the file that the program writes."""
    file = tmp_path / names.CONFIG_KEY
    file.write_text(operator_config.render(parse(values)))
    return operator_settings.load(file)


def test_the_operator_understands_what_the_program_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(names.SLACK_URL_VARIABLE, UNUSUAL["channelsSlackWebhookUrl"])
    read = as_the_operator_reads_it(tmp_path, UNUSUAL)
    assert read.watch.namespaces == ("a", "b")
    assert read.queue.workers == 7
    assert read.shutdown.grace_seconds == 12
    assert read.leader_election.enabled is True
    assert read.leader_election.namespace == "elsewhere"
    assert read.delivery.timeout_seconds == 3
    assert read.channels.console.enabled is False
    assert str(read.channels.file.directory) == "/data"
    slack = read.channels.slack
    assert slack.webhook_url is not None
    assert slack.webhook_url.get_secret_value() == "http://hooks.example.com/x"
    assert (slack.enabled, slack.connections) == (True, 3)
    breaker = operator_sections.Breaker(failure_threshold=4, open_seconds=5, probes=6)
    assert read.breaker == breaker
    assert read.channels.plugins["sms"].factory == "acme.sms:make"
    assert (read.sanitizer.emails, read.sanitizer.ip_addresses) == (False, False)
    assert read.audit.url == "http://store.example.com:8080/audit"
    assert (read.audit.batch_size, read.audit.flush_seconds) == (7, 600)
    assert read.events.level == "all"
    assert read.routing.namespace == "elsewhere"
    assert (read.log.level, read.log.format) == ("debug", "text")


def test_a_selector_reaches_the_operator(tmp_path: Path) -> None:
    read = as_the_operator_reads_it(tmp_path, {"watchNamespaceSelector": "team=web"})
    assert read.watch.namespace_selector == "team=web"


def test_the_defaults_of_both_sides_agree(tmp_path: Path) -> None:
    written = as_the_operator_reads_it(tmp_path, {})
    assert written.watch == operator_sections.Watch()
    assert written.queue == operator_sections.Queue()
    assert written.delivery == operator_sections.Delivery()
    assert written.breaker == operator_sections.Breaker()
    assert written.channels == operator_sections.Channels()
    assert written.sanitizer == operator_sections.Sanitizer()
    assert written.audit == operator_sections.Audit()
    assert written.server == operator_sections.Server()
    own = operator_sections.Routing(namespace=Settings().operator.namespace)
    assert (written.routing, written.events) == (own, operator_sections.Events())
    assert written.log == operator_sections.Log()
    assert written.shutdown == operator_sections.Shutdown()


def test_the_ports_and_the_file_are_the_same_on_both_sides(record: Record) -> None:
    recording = record()
    ports = {port["name"]: port["containerPort"] for port in recording.container["ports"]}
    server = operator_sections.Server()
    assert ports == {"health": server.health_port, "metrics": server.metrics_port}
    assert recording.container["args"] == ["run", "--config", str(operator_settings.DEFAULT_CONFIG_FILE)]


def test_the_mounted_file_is_the_one_that_is_named(record: Record) -> None:
    recording = record()
    (mount,) = [entry for entry in recording.container["volumeMounts"] if entry["name"] == "config"]
    (volume,) = [entry for entry in recording.pod["volumes"] if entry["name"] == "config"]
    config = recording.one("ConfigMap").inputs
    assert operator_settings.DEFAULT_CONFIG_FILE.parent.as_posix() == mount["mountPath"]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    assert list(config["data"]) == [operator_settings.DEFAULT_CONFIG_FILE.name]
    assert yaml.safe_load(config["data"][names.CONFIG_KEY])["server"]["health_port"] == names.HEALTH_PORT


def test_both_sides_know_the_same_levels_and_formats() -> None:
    assert {level.value for level in LogLevel} == {level.value for level in operator_sections.LogLevel}
    assert {form.value for form in LogFormat} == {form.value for form in operator_sections.LogFormat}
    assert {level.value for level in EventLevel} == {level.value for level in operator_sections.EventLevel}


def test_the_image_pins_all_that_the_operator_needs_and_no_index() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    lock = (ROOT / "operator" / "requirements.lock").read_text()
    for requirement in wanted:
        assert f"\n{requirement.split('>=')[0]}==" in lock
    assert "://" not in lock
    assert "--index-url" not in lock
