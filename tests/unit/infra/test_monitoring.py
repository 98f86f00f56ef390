"""Monitoring: the objects for each cluster and mode, and the content of rules and panels."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pulumi
import pytest
from pulumi.runtime import rpc

from notification_gateway.metrics import Outcome
from notification_operator.controller.retention import FailureReason
from notification_runtime.telemetry.metrics import Metrics
from platform_infra.monitoring import discovery
from platform_infra.monitoring.alert import Alert, Severity
from platform_infra.monitoring.collection import monitoring_kinds
from platform_infra.monitoring.dashboard import LABEL, VIEWER, document
from platform_infra.monitoring.discovery import discover
from platform_infra.monitoring.panels import gateway_panels, panels
from platform_infra.monitoring.queries import Scope, duration
from platform_infra.monitoring.rules import REJECTED, SOURCES, Limits, alerts, gateway_alerts, limits
from platform_infra.settings.reader import SettingsError, parse
from platform_infra.settings.sections.monitoring import MonitoringMode
from tests.kit.http_server import QuietHandler, running
from tests.kit.kubeconfig import kubeconfig
from tests.kit.recording import engine_loop, record_bundle
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kit.recording import Recording
    from tests.unit.infra.conftest import Record

BOTH = [discovery.POD_MONITOR, discovery.PROMETHEUS_RULE]
RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTS = (
    *alerts("any", Limits(has_external_heartbeat=True)),
    *gateway_alerts("any", Limits()),
)
GATEWAY = {"gatewayEnabled": "true", "monitoringMode": "crds"}


@pytest.fixture
def cluster_serves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds that the cluster serves; a test adds them."""
    kinds: list[str] = []
    monkeypatch.setattr(discovery, "discover", lambda _kubeconfig, _context: kinds)
    return kinds


def monitoring_of(recording: Recording) -> set[str]:
    """Return the monitoring objects, and `annotations` if the pods have them."""
    objects = {kind for kind in BOTH if recording.of(kind)}
    objects |= (
        {"dashboard"} if any(entry.part == "dashboard" for entry in recording.of("ConfigMap")) else set()
    )
    return objects | ({"annotations"} if "prometheus.io/port" in pod_annotations(recording) else set())


def pod_annotations(recording: Recording) -> dict[str, str]:
    pod: dict[str, str] = recording.spec("Deployment")["template"]["metadata"].get("annotations", {})
    assert not rpc.is_rpc_secret(pod)
    return pod


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("crds", {*BOTH, "dashboard"}), ("annotations", {"annotations"}), ("none", set())],
)
def test_explicit_mode_does_not_ask_the_cluster(
    monkeypatch: pytest.MonkeyPatch, mode: str, expected: set[str]
) -> None:
    monkeypatch.delattr(discovery, "discover")
    assert monitoring_of(record_bundle(monitoringMode=mode)) == expected


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        ([], {"annotations"}),
        (BOTH, {*BOTH, "dashboard"}),
        (BOTH[:1], {BOTH[0], "dashboard"}),
        (BOTH[1:], {BOTH[1], "dashboard", "annotations"}),
    ],
)
def test_auto_mode_creates_served_kinds_or_annotates_pods(
    cluster_serves: list[str], served: list[str], expected: set[str]
) -> None:
    cluster_serves.extend(served)
    assert monitoring_of(record_bundle()) == expected


def test_unknown_kubeconfig_of_a_preview_means_no_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(discovery, "discover")
    loop = engine_loop()
    unknown, known = (asyncio.ensure_future(asyncio.sleep(0, value), loop=loop) for value in (False, True))
    kubeconfig = pulumi.Output(set(), asyncio.ensure_future(asyncio.sleep(0, ""), loop=loop), unknown)
    context = pulumi.Output(set(), asyncio.ensure_future(asyncio.sleep(0, "there"), loop=loop), known)
    assert monitoring_kinds(MonitoringMode.AUTO, Mock(kubeconfig=kubeconfig, context=context)) == ()


def test_auto_mode_asks_the_cluster_once_with_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[tuple[str, str]] = []

    def discover(kubeconfig: str, context: str) -> list[str]:
        requests.append((kubeconfig, context))
        return list(BOTH)

    monkeypatch.setattr(discovery, "discover", discover)
    assert monitoring_of(record_bundle()) == {*BOTH, "dashboard"}
    assert requests == [("apiVersion: v1\nkind: Config\n", "notification-platform")]


def test_disabled_operator_has_no_monitoring_objects(record: Record) -> None:
    recording = record(operatorEnabled="false", monitoringMode="crds")
    assert not any(recording.of(kind) for kind in (*BOTH, "Observability"))


def test_pod_monitor_selects_the_pods_and_an_existing_port(record: Record) -> None:
    recording = record(monitoringMode="crds", operatorNamespace="elsewhere")
    spec = recording.spec(discovery.POD_MONITOR)
    labels = recording.spec("Deployment")["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = spec["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in recording.container["ports"]}
    assert recording.one(discovery.POD_MONITOR).inputs["metadata"]["namespace"] == "elsewhere"


def test_pod_monitor_and_rules_have_the_configured_labels(record: Record) -> None:
    recording = record(monitoringMode="crds", monitoringLabels='{"release": "prometheus"}')
    for kind in BOTH:
        assert recording.one(kind).inputs["metadata"]["labels"]["release"] == "prometheus"


def test_dashboard_is_found_by_grafana_and_left_as_it_is_by_flux(record: Record) -> None:
    config_map = record(monitoringMode="crds").named("ConfigMap", "dashboard").inputs
    assert config_map["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/substitute"] == "disabled"
    assert config_map["metadata"]["labels"][LABEL] == "1"
    assert [json.loads(text) for text in config_map["data"].values()] == [document()]


def test_rules_use_namespace_and_limits_of_the_stack(record: Record) -> None:
    recording = record(
        monitoringMode="crds",
        operatorNamespace="elsewhere",
        monitoringFailurePercent="25",
        monitoringAlertSeconds="90",
        monitoringRunbooks="https://wiki.example.com/runbooks/",
    )
    (group,) = recording.spec(discovery.PROMETHEUS_RULE)["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    failing = rules["NotificationOperatorDeliveryFailureRateHigh"]
    assert failing["expr"].endswith("> 0.25")
    # A rate of a shorter range has too few samples.
    assert "[5m]" in failing["expr"]
    # The last failure counts for the whole range.
    assert failing["for"] == "390s"
    assert rules["NotificationReceiverUnhealthy"]["for"] == "90s"
    assert (
        failing["annotations"]["runbook_url"]
        == "https://wiki.example.com/runbooks/NotificationOperatorDeliveryFailureRateHigh.md"
    )
    assert all('namespace="elsewhere"' in rule["expr"] for rule in rules.values())


def test_alerts_without_a_base_of_runbooks_name_the_page_and_have_no_url(record: Record) -> None:
    (group,) = record(monitoringMode="crds").spec(discovery.PROMETHEUS_RULE)["groups"]
    pages = {alert.name: f"docs/runbooks/{alert.name}.md" for alert in alerts("any", Limits())}
    for rule in group["rules"]:
        annotations = rule["annotations"]
        assert set(annotations) == {"summary", "description"}
        assert annotations["description"].endswith(f" Runbook: {pages[rule['alert']]}")


@pytest.mark.parametrize(
    "base",
    [
        *(
            "docs/runbooks",
            "/docs/runbooks",
            "wiki.example.com/runbooks",
            "ftp://wiki.example.com",
            "https://",
        ),
        *(
            "https://wiki.example.com/a?page=",
            "https://wiki.example.com/#runbooks",
            "https://wiki.example.com/a b",
        ),
        *("https://wiki.example.com:port/", "https://[::1/runbooks"),
    ],
)
def test_base_of_runbooks_is_refused_unless_it_is_a_web_address(base: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"monitoringRunbooks": base})
    (problem,) = caught.value.problems
    assert problem.key == "monitoringRunbooks"
    assert "must be an absolute URL such as https://wiki.example.com/runbooks" in problem.what


@pytest.mark.parametrize(
    "base", ["https://wiki.example.com/runbooks", "http://10.0.0.8:8080", "https://[fd00::1]/a/"]
)
def test_base_of_runbooks_precedes_the_page_of_each_alert(base: str) -> None:
    monitoring = parse({"monitoringRunbooks": base}).monitoring
    for alert in ALERTS:
        annotations = alert.document(monitoring.runbooks)["annotations"]
        assert annotations["runbook_url"] == f"{base.rstrip('/')}/{alert.name}.md"
        assert annotations["description"] == alert.description


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_alert_about_messages_has_the_command_that_explains_one(alert: Alert) -> None:
    named = "deploy/notification-operator -- notif why NAME -n NAMESPACE" in alert.description
    about_messages = {
        "DeliveryFailureRateHigh",
        "CircuitBreakerOpen",
        "Suppressing",
        "Stuck",
        "Grow",
        "OnlyLogged",
    }
    assert named is alert.name.endswith(tuple(about_messages))


def test_default_limits_match_the_default_settings() -> None:
    assert limits(parse({}).monitoring) == Limits()


def test_alert_about_the_external_heartbeat_exists_with_it_only() -> None:
    def names(values: dict[str, str]) -> set[str]:
        return {alert.name for alert in alerts("any", limits(parse(values).monitoring))}

    without = names({})
    with_it = names({"drillSchedule": "@weekly", "monitoringExternalHeartbeatSecret": "switch"})
    assert with_it - without == {"NotificationExternalHeartbeatFailing"}
    assert without < with_it


@pytest.mark.parametrize(("seconds", "text"), [(300, "5m"), (90, "90s"), (1, "1s"), (60, "1m")])
def test_duration_uses_minutes_for_whole_minutes(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_every_alert_has_a_runbook_of_its_name_and_vice_versa() -> None:
    names = [alert.name for alert in ALERTS]
    assert len(set(names)) == len(names)
    assert set(names) == {page.stem for page in RUNBOOKS.glob("*.md")}
    assert all(alert.severity in Severity for alert in ALERTS)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_runbook_is_severity_command_or_query_diagnosis_and_mitigation(alert: Alert) -> None:
    page = (RUNBOOKS / f"{alert.name}.md").read_text("utf-8")
    assert re.findall(r"^#+ (.+)$", page, re.MULTILINE) == [alert.name, "Diagnosis", "Mitigation"]
    head, language, first = re.split(r"```(sh|promql)\n", page, maxsplit=1)
    assert head.startswith(f"# {alert.name}\n\n{alert.severity.capitalize()}: ")
    assert head.count("\n\n") == 2
    assert first.startswith(
        ("kubectl ", "notif ") if language == "sh" else ("max by (pod) ", "sum by (pod) ")
    )


TIMES = {
    "0s": "within three times `monitoringAlertSeconds`",
    "1m": "for one minute",
    "5m": "for `monitoringAlertSeconds`",
    "10m": "for longer than `monitoringAlertSeconds`",
    "15m": "for three times `monitoringAlertSeconds`",
    "180m": "for three hours",
}
"""How a runbook states for how long the condition of its alert holds; the time of `0s` is in the expression."""
OWN_TIMES = {
    "NotificationsStuck": "for more than ten minutes",
    "NotificationDrillOverdue": "for `monitoringDrillHours`",
    "NotificationSourceSilent": "for `monitoringSourceHours`",
}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_runbook_states_the_limits_of_its_alert(alert: Alert) -> None:
    page = " ".join((RUNBOOKS / f"{alert.name}.md").read_text("utf-8").partition("```sh")[0].split())
    assert OWN_TIMES.get(alert.name, TIMES[alert.hold]) in page
    assert (alert.hold == "0s") == (f"[{Limits().loss_window}]" in alert.expression)
    shares = [float(share) for share in re.findall(r"> (0\.\d+)$", alert.expression)]
    assert all(f"{share * 100:g} %" in page for share in shares)
    assert duration(Limits().waiting_seconds) == "10m"


def rendering_failures() -> set[str]:
    samples = (sample for family in Metrics().registry.collect() for sample in family.samples)
    return {each.labels["reason"] for each in samples if each.name.endswith("rendering_failures_total")}


@pytest.mark.parametrize(
    ("alert", "reasons"),
    [
        ("NotificationOperatorRenderingFailing", rendering_failures()),
        ("NotificationOperatorRetentionOverdue", set(FailureReason)),
        ("NotificationSourceRejecting", set(REJECTED.split("|"))),
    ],
)
def test_runbook_has_an_action_for_each_reason(alert: str, reasons: set[str]) -> None:
    page = (RUNBOOKS / f"{alert}.md").read_text("utf-8")
    cells = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", page, re.MULTILINE)
    assert {word for cell in cells for word in re.findall(r"\w+", cell)} - {"reason"} == reasons


@pytest.mark.parametrize("gateway", [False, True])
def test_panels_do_not_overlap_and_use_the_variables(*, gateway: bool) -> None:
    shown = document(gateway=gateway)["panels"]
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in shown}) == len(shown)
    expected = (*panels(VIEWER), *(gateway_panels(VIEWER) if gateway else ()))
    assert [panel["title"] for panel in shown] == [panel.title for panel in expected]
    for panel in shown:
        for target in panel["targets"]:
            assert 'namespace="$namespace"' in target["expr"]


def test_panel_expressions_accept_any_namespace_and_range() -> None:
    scope = Scope(namespace="shop", window="20s")
    shown = (*panels(scope), *gateway_panels(scope))
    text = json.dumps([curve.expression for panel in shown for curve in panel.curves])
    assert "$" not in text
    assert "[20s]" in text


@contextmanager
def api(code: int, kinds: list[str], paths: list[str] | None = None) -> Iterator[str]:
    """A server that answers a request for the group's kinds and records its path; gives a kubeconfig."""

    class Answer(QuietHandler, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if paths is not None:
                paths.append(self.path)
            version = f"{discovery.GROUP}/{discovery.VERSION}"
            resources = [
                {"kind": kind, "name": kind.lower(), "namespaced": True, "singularName": "", "verbs": []}
                for kind in kinds
            ]
            self.answer(json.dumps({"groupVersion": version, "resources": resources}).encode(), status=code)

    server = HTTPServer(("127.0.0.1", 0), Answer)
    with running(server):
        yield kubeconfig({"server": f"http://127.0.0.1:{server.server_port}"}, {"token": "t"})


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [(["Prometheus", *reversed(BOTH)], BOTH), (["Alertmanager"], []), ([BOTH[0]], [BOTH[0]])],
)
def test_served_returns_the_supported_kinds_of_the_cluster(kinds: list[str], expected: list[str]) -> None:
    paths: list[str] = []
    with api(200, kinds, paths) as text:
        assert discovery.served(text, "there") == expected
    assert paths == ["/apis/monitoring.coreos.com/v1"]


def test_unknown_api_group_means_no_kinds() -> None:
    with api(404, []) as text:
        assert discovery.served(text, "there") == []


def test_empty_kubeconfig_means_no_kinds() -> None:
    assert discovery.served("", "") == []


@pytest.mark.parametrize("code", [403, 500])
def test_rejected_discovery_names_the_setting_to_change(code: int) -> None:
    with (
        api(code, BOTH) as text,
        pytest.raises(discovery.DiscoveryError, match="set monitoringMode to `crds`"),
    ):
        discovery.served(text, "there")


@pytest.mark.parametrize(
    "text", [kubeconfig({"server": "http://127.0.0.1:1"}, {"token": "t"}), "apiVersion: v1\n"]
)
def test_failed_discovery_fails_updates_and_warns_previews(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(discovery.DiscoveryError, match=r"context 'there'\) does not report"):
        discover(text, "there")
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert discover(text, "there") == []
    assert "none of the kinds" in warnings[0]


def test_rules_and_panels_use_documented_metrics_only() -> None:
    scope = Scope(namespace="any", window="5m")
    expressions = [alert.expression for alert in ALERTS]
    shown = (*panels(scope), *gateway_panels(scope))
    expressions += [curve.expression for panel in shown for curve in panel.curves]
    metrics = {name for text in expressions for name in re.findall(r"(\w+)\{", text)}
    names = {re.sub(r"_(bucket|count|sum)$", "", name) for name in metrics} - {
        "process_resident_memory_bytes"
    }
    assert len(names) > 10
    text = (ROOT / "docs" / "telemetry.md").read_text("utf-8")
    assert names <= set(re.findall(r"^\| `(\w+)` \| (?:counter|gauge|histogram) \|", text, re.MULTILINE))


def test_outcomes_of_the_gateway_are_taken_or_rejected() -> None:
    taken = {"created", "duplicate", "filtered", "beat", "read"}
    without_a_source = {"unauthenticated", "forbidden"}
    assert {*REJECTED.split("|"), *taken, *without_a_source} == set(Outcome)


@pytest.mark.parametrize(
    ("label", "is_source"), [("shop/alerts", True), ("notifications", False), ("", False), ("other", False)]
)
def test_alerts_select_the_messages_of_sources(label: str, *, is_source: bool) -> None:
    assert bool(re.fullmatch(SOURCES, label)) == is_source


def test_gateway_has_a_pod_monitor_rules_and_panels(record: Record) -> None:
    recording = record(**GATEWAY)
    monitors = {each.part: each.inputs for each in recording.of(discovery.POD_MONITOR)}
    assert monitors.keys() == {"monitor", "gateway-monitor"}
    own = monitors["gateway-monitor"]
    assert own["metadata"]["name"] == "notification-gateway"
    assert own["spec"]["selector"] == {"matchLabels": {"app.kubernetes.io/name": "notification-gateway"}}
    assert own["spec"]["podMetricsEndpoints"] == monitors["monitor"]["spec"]["podMetricsEndpoints"]
    _operator, gateway = recording.spec(discovery.PROMETHEUS_RULE)["groups"]
    assert gateway["name"] == "notification-gateway.notification-system"
    assert [rule["alert"] for rule in gateway["rules"]] == [
        "NotificationSourceRejecting",
        "NotificationSourceUnauthenticated",
        "NotificationSourceSilent",
    ]
    (dashboard,) = [each for each in recording.of("ConfigMap") if each.part == "dashboard"]
    assert "Messages by source" in dashboard.inputs["data"]["notification-platform.json"]


def test_stack_without_a_gateway_monitors_none(record: Record) -> None:
    recording = record(monitoringMode="crds")
    assert [each.part for each in recording.of(discovery.POD_MONITOR)] == ["monitor"]
    assert len(recording.spec(discovery.PROMETHEUS_RULE)["groups"]) == 1
    (dashboard,) = [each for each in recording.of("ConfigMap") if each.part == "dashboard"]
    assert json.loads(dashboard.inputs["data"]["notification-platform.json"]) == document()


def test_pods_of_the_gateway_have_annotations_without_a_pod_monitor(record: Record) -> None:
    recording = record(gatewayEnabled="true", monitoringMode="annotations", serverMetricsPort="9091")
    for each in recording.of("Deployment"):
        annotations = each.inputs["spec"]["template"]["metadata"]["annotations"]
        assert annotations["prometheus.io/port"] == "9091", each.name


def test_sources_may_be_silent_if_the_settings_say_so(record: Record) -> None:
    _operator, gateway = record(**GATEWAY, monitoringSourceHours="0").spec(discovery.PROMETHEUS_RULE)[
        "groups"
    ]
    assert "NotificationSourceSilent" not in [rule["alert"] for rule in gateway["rules"]]
    _operator, gateway = record(**GATEWAY, monitoringSourceHours="2").spec(discovery.PROMETHEUS_RULE)[
        "groups"
    ]
    assert gateway["rules"][-1]["expr"].endswith("> 7200")
