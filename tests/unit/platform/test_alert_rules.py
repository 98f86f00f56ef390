"""The alert rules as a file, and the tests that promtool runs."""

from __future__ import annotations

import json

import yaml
from typer.testing import CliRunner

from platform_infra.monitoring.collection import SCRAPE_ANNOTATIONS
from platform_infra.monitoring.rules import Limits, alerts, gateway_alerts
from tests.harness.prometheus_in_cluster import documented
from tools.platform.cli import app
from tools.platform.deployment import alert_rules
from tools.platform.errors import ExitCode
from tools.platform.pulumi.environment import ROOT

TESTS = sorted(alert_rules.TESTS.glob("*.yaml"))


def test_rules_of_a_stack_select_its_operator() -> None:
    result = CliRunner().invoke(app, ["alerts", "prod"])
    assert result.exit_code == 0
    (group,) = yaml.safe_load(result.stdout)["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [alert.name for alert in alerts("any", Limits())]
    assert all('namespace="notification-system"' in rule["expr"] for rule in group["rules"])


def test_rules_of_an_unknown_stack_are_an_error() -> None:
    result = CliRunner().invoke(app, ["alerts", "prd"])
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.startswith("error: there is no stack prd: stacks/Pulumi.prd.yaml does not exist")


def test_every_alert_has_a_firing_and_a_silent_test() -> None:
    cases = [
        case
        for file in TESTS
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]
    for alert in (*alerts("any", Limits()), *gateway_alerts("any", Limits())):
        outcomes = {bool(case.get("exp_alerts")) for case in cases if case["alertname"] == alert.name}
        assert outcomes == {True, False}, alert.name


def test_check_includes_the_alert_rules() -> None:
    checks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    (local,) = checks["repos"]
    (hook,) = [each for each in local["hooks"] if each["entry"] == "tools/notif-platform alerts --check"]
    assert hook["stages"] == ["manual"]


def test_documented_configuration_uses_the_pod_annotations() -> None:
    text = json.dumps(documented())
    for name in SCRAPE_ANNOTATIONS:
        assert f"__meta_kubernetes_pod_annotation_{name.replace('.', '_').replace('/', '_')}" in text
