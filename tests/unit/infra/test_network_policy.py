"""The network policy: who reaches the operator, what the operator reaches, and settings that would cut it off.

DD-NETWORK-001 has the reasons.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra.settings.reader import SettingsError, parse

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

API_SERVER = {"networkApiServerCidrs": '["10.96.0.1/32", "fd00::1/128"]'}
RECEIVERS = {"networkReceiverCidrs": '["0.0.0.0/0"]'}
SLACK = {"channelsSlackEnabled": "true", "channelsSlackWebhookUrl": "http://relay.chat.svc:443/x"}


def ports(rule: dict[str, Any]) -> list[int]:
    return [port["port"] for port in rule["ports"]]


def blocks(rule: dict[str, Any]) -> list[str]:
    return [peer["ipBlock"]["cidr"] for peer in rule["to"]]


def keys_of_problems(values: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    return [problem.key for problem in caught.value.problems]


def test_default_policy_permits_probes_scrapes_and_egress_by_port(record: Record) -> None:
    policy = record(networkEgressPorts="[443,8443]").spec("NetworkPolicy")
    (ingress,) = policy["ingress"]
    assert ports(ingress) == [8081, 9090]
    assert "from" not in ingress
    assert [ports(rule) for rule in policy["egress"]] == [[53, 53], [443, 8443]]
    assert not any("to" in rule for rule in policy["egress"])
    assert policy["policyTypes"] == ["Ingress", "Egress"]


@pytest.mark.parametrize(
    ("values", "scraper"),
    [
        (
            {"networkScrapeNamespaceLabels": '{"team": "metrics"}'},
            {"namespaceSelector": {"matchLabels": {"team": "metrics"}}},
        ),
        (
            {"networkScrapePodLabels": '{"app": "prometheus"}'},
            {"podSelector": {"matchLabels": {"app": "prometheus"}}},
        ),
        (
            {
                "networkScrapeNamespaceLabels": '{"team": "metrics"}',
                "networkScrapePodLabels": '{"app": "prometheus"}',
            },
            {
                "namespaceSelector": {"matchLabels": {"team": "metrics"}},
                "podSelector": {"matchLabels": {"app": "prometheus"}},
            },
        ),
    ],
)
def test_scrapes_are_limited_to_selected_pods_and_probes_are_not(
    record: Record, values: dict[str, str], scraper: dict[str, Any]
) -> None:
    probes, scrapes = record(**values).spec("NetworkPolicy")["ingress"]
    assert (ports(probes), "from" in probes) == ([8081], False)
    assert (ports(scrapes), scrapes["from"]) == ([9090], [scraper])


def test_listed_destinations_are_the_only_ones(record: Record) -> None:
    policy = record(
        **API_SERVER,
        **RECEIVERS,
        **SLACK,
        networkAuditCidrs='["10.1.0.0/16"]',
        auditUrl="http://audit.example:8080",
    ).spec("NetworkPolicy")
    _dns, *rules = policy["egress"]
    assert [(blocks(rule), ports(rule)) for rule in rules] == [
        (["10.96.0.1/32", "fd00::1/128"], [443, 6443]),
        (["0.0.0.0/0"], [443, 6443]),
        (["10.1.0.0/16"], [443, 6443, 8080]),
    ]


def test_destination_without_a_list_has_no_rule(record: Record) -> None:
    _dns, rule = record(**API_SERVER).spec("NetworkPolicy")["egress"]
    assert blocks(rule) == ["10.96.0.1/32", "fd00::1/128"]


def test_audit_store_is_reachable_where_no_destinations_are_listed(record: Record) -> None:
    policy = record(auditUrl="http://audit.audit.svc:8080/events").spec("NetworkPolicy")
    assert [ports(rule) for rule in policy["egress"]] == [[53, 53], [443, 6443, 8080]]


@pytest.mark.parametrize(("url", "port"), [("https://audit.example", 443), ("http://audit.example/a", 80)])
def test_audit_store_is_reachable_on_the_default_port_of_its_scheme(
    record: Record, url: str, port: int
) -> None:
    cidrs = {"networkAuditCidrs": '["10.1.0.0/16"]', "networkEgressPorts": "[6443]"}
    policy = record(**API_SERVER, **cidrs, auditUrl=url).spec("NetworkPolicy")
    assert ports(policy["egress"][-1]) == [6443, port]


def test_dns_is_limited_to_selected_servers(record: Record) -> None:
    labels = {"kubernetes.io/metadata.name": "kube-system"}
    values = {
        "networkDnsCidrs": '["169.254.20.10/32"]',
        "networkDnsNamespaceLabels": json.dumps(labels),
    }
    dns, _ports = record(**values).spec("NetworkPolicy")["egress"]
    assert dns["to"] == [
        {"ipBlock": {"cidr": "169.254.20.10/32"}},
        {"namespaceSelector": {"matchLabels": labels}},
    ]


@pytest.mark.parametrize(
    ("values", "key"),
    [
        (RECEIVERS, "networkApiServerCidrs"),
        ({"networkAuditCidrs": '["10.0.0.0/8"]', "auditUrl": "http://a"}, "networkApiServerCidrs"),
        (API_SERVER | SLACK, "networkReceiverCidrs"),
        (
            API_SERVER | {"channelsPlugins": '{"sms": {"factory": "acme.sms:make", "options": {}}}'},
            "networkReceiverCidrs",
        ),
        (API_SERVER | {"receiversElsewhere": '["log", "webhook"]'}, "networkReceiverCidrs"),
        (API_SERVER | {"receiversTypesElsewhere": '["webhook"]'}, "networkReceiverCidrs"),
        (
            API_SERVER
            | {"drillSchedule": "0 9 * * 1", "monitoringExternalHeartbeatSecret": "dead-mans-switch"},
            "networkReceiverCidrs",
        ),
        (API_SERVER | {"auditUrl": "https://audit.example"}, "networkAuditCidrs"),
    ],
)
def test_list_that_cuts_off_a_needed_destination_is_rejected(values: dict[str, str], key: str) -> None:
    assert keys_of_problems(values) == [key]


def test_types_that_send_nothing_over_the_network_need_no_destination() -> None:
    parse(API_SERVER | {"receiversElsewhere": '["console", "file", "log"]', "receiversTypesElsewhere": "[]"})


SLACK_ON_8080 = SLACK | {"channelsSlackWebhookUrl": "http://relay.chat.svc:8080/x"}


def test_closed_port_of_the_slack_url_is_rejected() -> None:
    with pytest.raises(SettingsError) as caught:
        parse(SLACK_ON_8080)
    (problem,) = caught.value.problems
    assert str(problem) == (
        "channelsSlackWebhookUrl leads to the port 8080, which the network policy does not permit; add 8080 to "
        "networkEgressPorts"
    )


@pytest.mark.parametrize(
    "more",
    [
        {"networkEgressPorts": "[443, 6443, 8080]"},
        {"operatorEnv": '{"HTTPS_PROXY": "http://proxy.example:443"}'},
        {"channelsSlackEnabled": "false"},
        {"channelsSlackWebhookUrl": "http://relay.chat.svc:443/x"},
    ],
)
def test_port_of_the_slack_url_that_needs_no_permission_is_accepted(more: dict[str, str]) -> None:
    parse(SLACK_ON_8080 | more)


@pytest.mark.parametrize(
    ("proxy", "port"),
    [("http://proxy.example:3128", 3128), ("proxy.example:3128", 3128), ("http://proxy.example", 80)],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy"])
def test_closed_port_of_a_proxy_is_rejected(name: str, proxy: str, port: int) -> None:
    values = {"operatorEnv": json.dumps({name: proxy})}
    with pytest.raises(SettingsError) as caught:
        parse(values)
    (problem,) = caught.value.problems
    assert str(problem) == (
        f"operatorEnv.{name} leads to the port {port}, which the network policy does not permit; add {port} to "
        "networkEgressPorts"
    )
    parse(values | {"networkEgressPorts": f"[443, 6443, {port}]"})


@pytest.mark.parametrize(
    "env",
    [
        {"HTTPS_PROXY": ""},
        {"HTTPS_PROXY": "http://$(PROXY)"},
        {"NO_PROXY": "http://proxy.example:3128"},
    ],
)
def test_variable_without_a_known_proxy_needs_no_port(env: dict[str, str]) -> None:
    parse({"operatorEnv": json.dumps(env)})


def test_port_of_a_slack_url_that_cannot_be_read_here_is_trusted() -> None:
    parse(
        {"channelsSlackEnabled": "true", "networkEgressPorts": "[6443]"},
        hidden_keys=["channelsSlackWebhookUrl"],
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("10.0.0.1/8", "has host bits set"),
        ("10.0.0.1", "for the address alone, use 10.0.0.1/32"),
        ("example.com", "must be a CIDR block such as 10.0.0.0/8"),
    ],
)
def test_invalid_block_is_rejected_with_the_reason(value: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"networkApiServerCidrs": json.dumps([value])})
    (problem,) = caught.value.problems
    assert problem.key.startswith("networkApiServerCidrs")
    assert reason in str(problem)
