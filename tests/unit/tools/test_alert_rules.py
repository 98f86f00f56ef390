"""The alert rules as a file, the tests that promtool runs, and the picture of the dashboard."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import yaml

from platform_infra.monitoring.collection import SCRAPE_ANNOTATIONS
from platform_infra.monitoring.rules import Limits, alerts
from tests.harness.prometheus_in_cluster import documented
from tools.dashboard_picture import draw, legend
from tools.platform.commands import alerts as alert_rules
from tools.platform.commands.check import STEPS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TESTS = sorted(alert_rules.TESTS.glob("*.yaml"))


def test_a_stack_s_rules_are_printed_for_its_own_operator(capsys: pytest.CaptureFixture[str]) -> None:
    assert alert_rules.main(["prod"]) == 0
    (group,) = yaml.safe_load(capsys.readouterr().out)["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [alert.name for alert in alerts("any", Limits())]
    assert all('namespace="notification-system"' in rule["expr"] for rule in group["rules"])


def test_a_stack_that_does_not_exist_has_no_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert alert_rules.main(["prd"]) == 1
    assert "prd" in capsys.readouterr().err


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    looks = [
        look
        for file in TESTS
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]
        for look in test["alert_rule_test"]
    ]
    for alert in alerts("any", Limits()):
        outcomes = {bool(look.get("exp_alerts")) for look in looks if look["alertname"] == alert.name}
        assert outcomes == {True, False}, alert.name


def test_the_rules_are_part_of_what_every_commit_is_held_against() -> None:
    assert [sys.executable, "-m", "tools.platform.commands.alerts", "--check"] in STEPS.values()


def test_the_documented_configuration_goes_by_the_annotations_that_the_pods_get() -> None:
    text = json.dumps(documented())
    for name in SCRAPE_ANNOTATIONS:
        assert f"__meta_kubernetes_pod_annotation_{name.replace('.', '_').replace('/', '_')}" in text


def test_a_series_is_named_as_grafana_names_it() -> None:
    assert legend("{{channel}} {{status}}", {"channel": "slack", "status": "failure"}) == "slack failure"
    assert legend("{{pod}}", {}) == ""


def test_the_same_run_gives_the_same_picture(tmp_path: Path) -> None:
    series = {"metric": {"channel": "slack"}, "values": [[10, "0"], [11, "1"]]}
    panel = {"title": "Tries", "unit": "ops", "curves": [{"legend": "{{channel}}", "series": [series]}]}
    run = {
        "panels": [panel],
        "firing": [{"alert": "NotificationOperatorDeliveryFailureRateHigh", "times": [10.5, 11]}],
    }
    for name in ("first", "second"):
        draw(run, tmp_path / f"{name}.svg")
    first, second = ((tmp_path / f"{name}.svg").read_text("utf-8") for name in ("first", "second"))
    assert first == second
    assert "slack" in first
