"""How the operator is watched: what is asked for in which cluster, and what rules and panels look at."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
import yaml
from pulumi.runtime import rpc

from platform_infra.monitoring import discovery
from platform_infra.monitoring.alert import Severity
from platform_infra.monitoring.dashboard import LABEL, VIEWER, document
from platform_infra.monitoring.discovery import discover
from platform_infra.monitoring.panels import panels
from platform_infra.monitoring.queries import Scope, duration
from platform_infra.monitoring.rules import Limits, alerts, limits
from platform_infra.settings.reader import parse
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record
    from tests.unit.infra.recording import Recording

BOTH = [discovery.POD_MONITOR, discovery.PROMETHEUS_RULE]
RUNBOOKS = ROOT / "docs" / "runbooks"


@pytest.fixture
def cluster_serves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the cluster is said to serve; a test fills it in."""
    found: list[str] = []
    monkeypatch.setattr(discovery, "discover", lambda _kubeconfig, _context: found)
    return found


def watched(recording: Recording) -> set[str]:
    """How the operator is watched: kinds, and `marks` on its pods."""
    asked = {kind for kind in BOTH if recording.of(kind)}
    asked |= {"dashboard"} if any(entry.name == "dashboard" for entry in recording.of("ConfigMap")) else set()
    return asked | ({"marks"} if "prometheus.io/port" in marks(recording) else set())


def marks(recording: Recording) -> dict[str, str]:
    found: dict[str, str] = recording.spec("Deployment")["template"]["metadata"].get("annotations", {})
    assert not rpc.is_rpc_secret(found)
    return found


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("crds", {*BOTH, "dashboard"}), ("annotations", {"marks"}), ("none", set())],
)
def test_a_mode_that_is_set_is_kept_to_without_asking_the_cluster(
    record: Record, monkeypatch: pytest.MonkeyPatch, mode: str, expected: set[str]
) -> None:
    monkeypatch.delattr(discovery, "discover")
    assert watched(record(monitoringMode=mode)) == expected


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        ([], {"marks"}),
        (BOTH, {*BOTH, "dashboard"}),
        (BOTH[:1], {BOTH[0], "dashboard"}),
        (BOTH[1:], {BOTH[1], "dashboard", "marks"}),
    ],
)
def test_by_default_what_the_cluster_serves_is_made_and_the_pods_are_marked_where_no_monitor_finds_them(
    record: Record, cluster_serves: list[str], served: list[str], expected: set[str]
) -> None:
    cluster_serves.extend(served)
    assert watched(record()) == expected


def test_without_an_operator_there_is_nothing_to_watch(record: Record) -> None:
    recording = record(operatorEnabled="false", monitoringMode="crds")
    assert not any(recording.of(kind) for kind in (*BOTH, "Observability"))


def test_the_monitor_selects_the_operator_s_pods_and_a_port_that_they_have(record: Record) -> None:
    recording = record(monitoringMode="crds", operatorNamespace="elsewhere")
    spec = recording.spec(discovery.POD_MONITOR)
    labels = recording.spec("Deployment")["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = spec["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in recording.container["ports"]}
    assert recording.one(discovery.POD_MONITOR).inputs["metadata"]["namespace"] == "elsewhere"


def test_monitor_and_rules_carry_the_labels_that_a_team_s_prometheus_selects_by(record: Record) -> None:
    recording = record(monitoringMode="crds", monitoringLabels='{"release": "prometheus"}')
    for kind in BOTH:
        assert recording.one(kind).inputs["metadata"]["labels"]["release"] == "prometheus"


def test_the_dashboard_is_labelled_as_grafana_s_side_car_looks_for_it(record: Record) -> None:
    found = record(monitoringMode="crds").named("ConfigMap", "dashboard").inputs
    assert found["metadata"]["labels"][LABEL] == "1"
    assert [json.loads(text) for text in found["data"].values()] == [document()]


def test_the_rules_look_at_this_stack_s_operator_by_the_stack_s_limits(record: Record) -> None:
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
    assert "[90s]" in failing["expr"]
    assert failing["for"] == "90s"
    assert failing["annotations"]["runbook_url"] == "https://wiki.example.com/runbooks/delivery-failures.md"
    assert all('namespace="elsewhere"' in rule["expr"] for rule in rules.values())


def test_the_defaults_of_the_settings_are_those_of_the_rules() -> None:
    assert limits(parse({}).monitoring) == Limits()


@pytest.mark.parametrize(("seconds", "text"), [(300, "5m"), (90, "90s"), (1, "1s"), (60, "1m")])
def test_a_time_is_written_in_minutes_where_it_comes_out_even(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_every_alert_has_its_page_of_the_runbooks_and_every_page_its_alert() -> None:
    found = alerts("any", Limits())
    assert len({alert.name for alert in found}) == len(found)
    assert sorted(alert.runbook for alert in found) == sorted(
        page.stem for page in RUNBOOKS.glob("*.md") if page.stem != "README"
    )
    for alert in found:
        page = (RUNBOOKS / f"{alert.runbook}.md").read_text("utf-8")
        assert f"`{alert.name}`" in page
        assert alert.severity in Severity


def test_the_panels_do_not_overlap_and_ask_for_what_the_viewer_chooses() -> None:
    shown = document()["panels"]
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in shown}) == len(shown)
    assert [panel["title"] for panel in shown] == [panel.title for panel in panels(VIEWER)]
    for panel in shown:
        for target in panel["targets"]:
            assert 'namespace="$namespace"' in target["expr"]


def test_an_expression_of_a_panel_holds_for_any_operator_and_span() -> None:
    scope = Scope(namespace="shop", window="20s")
    text = json.dumps([curve.expression for panel in panels(scope) for curve in panel.curves])
    assert "$" not in text
    assert "[20s]" in text


class Api:
    """A server that answers a request for the group's kinds, and notes its path."""

    def __init__(self, code: int, kinds: list[str]) -> None:
        self.paths: list[str] = []
        outer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.paths.append(self.path)
                resources = [
                    {"kind": kind, "name": kind.lower(), "namespaced": True, "singularName": "", "verbs": []}
                    for kind in kinds
                ]
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                version = f"{discovery.GROUP}/{discovery.VERSION}"
                self.wfile.write(json.dumps({"groupVersion": version, "resources": resources}).encode())

            def log_message(self, *_args: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self.thread.start()
        return kubeconfig(f"http://127.0.0.1:{self.server.server_port}")

    def __exit__(self, *_error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def kubeconfig(server: str) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
    }
    return yaml.safe_dump(content)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [(["Prometheus", *reversed(BOTH)], BOTH), (["Alertmanager"], []), ([BOTH[0]], [BOTH[0]])],
)
def test_of_what_a_cluster_serves_the_kinds_that_are_of_use_are_found(
    kinds: list[str], expected: list[str]
) -> None:
    api = Api(200, kinds)
    with api as text:
        assert discovery.served(text, "there") == expected
    assert api.paths == ["/apis/monitoring.coreos.com/v1"]


def test_a_cluster_that_has_never_heard_of_them_serves_none() -> None:
    with Api(404, []) as text:
        assert discovery.served(text, "there") == []


def test_where_there_is_no_cluster_there_is_nothing_to_ask() -> None:
    assert discovery.served("", "") == []


@pytest.mark.parametrize("code", [403, 500])
def test_a_refusal_is_no_answer_and_says_what_to_set_instead(code: int) -> None:
    with (
        Api(code, BOTH) as text,
        pytest.raises(discovery.DiscoveryError, match="set monitoringMode to `crds`"),
    ):
        discovery.served(text, "there")


@pytest.mark.parametrize("text", [kubeconfig("http://127.0.0.1:1"), "apiVersion: v1\n"])
def test_a_cluster_that_cannot_be_asked_fails_a_change_and_only_warns_a_preview(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(discovery.DiscoveryError, match=r"context 'there'\) does not report"):
        discover(text, "there")
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert discover(text, "there") == []
    assert "none of the kinds" in said[0]


def test_every_metric_that_rules_and_panels_look_at_is_one_of_the_operator_s() -> None:
    scope = Scope(namespace="any", window="5m")
    expressions = [alert.expression for alert in alerts("any", Limits())]
    expressions += [curve.expression for panel in panels(scope) for curve in panel.curves]
    asked = {name for text in expressions for name in re.findall(r"(\w+)\{", text)}
    documented = set(
        re.findall(
            r"^\| `(\w+)` \| (?:counter|gauge|histogram) \|", OPERATIONS.read_text("utf-8"), re.MULTILINE
        )
    )
    plain = {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked} - {"process_resident_memory_bytes"}
    assert len(plain) > 10
    assert plain <= documented


OPERATIONS = ROOT / "docs" / "operations.md"
"""Its table of metrics is held against the operator's by another test."""
