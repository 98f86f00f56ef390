"""The alert rules as a file, the tests that promtool runs, and the picture of the dashboard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml
from typer.testing import CliRunner

from platform_infra.monitoring.component import MARKS
from platform_infra.monitoring.rules import Limits, alerts
from tests.harness.prometheus_in_cluster import documented
from tools.dashboard_picture import draw, legend
from tools.platform.cli import app
from tools.platform.commands import alerts as alert_rules
from tools.platform.commands.check import PLATFORM, STEPS

if TYPE_CHECKING:
    from pathlib import Path

TESTS = sorted(alert_rules.TESTS.glob("*.yaml"))


def test_rules_of_a_stack_select_its_operator() -> None:
    result = CliRunner().invoke(app, ["alerts", "prod"])
    assert result.exit_code == 0
    (group,) = yaml.safe_load(result.stdout)["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [alert.name for alert in alerts("any", Limits())]
    assert all('namespace="notification-system"' in rule["expr"] for rule in group["rules"])


def test_rules_of_an_unknown_stack_are_an_error() -> None:
    result = CliRunner().invoke(app, ["alerts", "prd"])
    assert result.exit_code == 1
    assert result.stderr == "error: there is no stack prd: stacks/Pulumi.prd.yaml does not exist\n"


def test_every_alert_has_a_firing_and_a_silent_test() -> None:
    cases = [
        case
        for file in TESTS
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]
    for alert in alerts("any", Limits()):
        outcomes = {bool(case.get("exp_alerts")) for case in cases if case["alertname"] == alert.name}
        assert outcomes == {True, False}, alert.name


def test_check_includes_the_alert_rules() -> None:
    assert [*PLATFORM, "alerts", "--check"] in STEPS.values()


def test_documented_configuration_uses_the_pod_annotations() -> None:
    text = json.dumps(documented())
    for name in MARKS:
        assert f"__meta_kubernetes_pod_annotation_{name.replace('.', '_').replace('/', '_')}" in text


def test_legend_follows_grafana() -> None:
    assert legend("{{channel}} {{status}}", {"channel": "slack", "status": "failure"}) == "slack failure"
    assert legend("{{pod}}", {}) == ""


def test_same_run_gives_the_same_picture(tmp_path: Path) -> None:
    series = {"metric": {"channel": "slack"}, "values": [[10, "0"], [11, "1"]]}
    panel = {"title": "Attempts", "unit": "ops", "curves": [{"legend": "{{channel}}", "series": [series]}]}
    run = {"panels": [panel], "firing": [{"alert": "NotificationDeliveriesFail", "times": [10.5, 11]}]}
    for name in ("first", "second"):
        draw(run, tmp_path / f"{name}.svg")
    first, second = ((tmp_path / f"{name}.svg").read_text("utf-8") for name in ("first", "second"))
    assert first == second
    assert "slack" in first
