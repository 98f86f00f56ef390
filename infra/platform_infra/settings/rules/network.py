"""Rules for the network policy: it must permit every destination that the operator needs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_contract.kinds.channel_names import SHARED
from platform_infra.settings.inputs import ENCRYPTED, PLACEHOLDERS, SLACK_URL
from platform_infra.settings.rules.receivers import closed_port, port_of, proxies, uses_proxy
from platform_infra.settings.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_infra.settings.model import Settings
    from platform_infra.settings.problem import Problem

SLACK_PORT_KEYS = frozenset({SLACK_URL, "channelsSlackEnabled", "networkEgressPorts", "operatorEnv"})
PROXY_PORT_KEYS = frozenset({"networkEgressPorts", "operatorEnv"})


def _has_receivers(settings: Settings) -> bool:
    """Return whether the operator sends to receivers over the network, or to the dead man's switch."""
    elsewhere = {*settings.receivers_elsewhere, *settings.receivers_types_elsewhere} - SHARED
    return bool(
        settings.channels.slack.enabled
        or settings.channels.plugins
        or settings.receivers
        or elsewhere
        or settings.monitoring.external_heartbeat.secret
    )


NETWORK_RULES = (
    Rule(
        keys=("networkApiServerCidrs", "networkReceiverCidrs", "networkAuditCidrs"),
        is_broken=lambda s: s.network.restricts_destinations and not s.network.api_server_cidrs,
        what="is empty, but networkReceiverCidrs or networkAuditCidrs is set, so the API server would be unreachable",
        hint="set it to the addresses of the API server and the cluster IP of the Service `kubernetes`, or remove all lists of destinations",
    ),
    Rule(
        keys=(
            "networkReceiverCidrs",
            "networkApiServerCidrs",
            "networkAuditCidrs",
            "channelsSlackEnabled",
            "channelsPlugins",
            "receivers",
            "receiversElsewhere",
            "receiversTypesElsewhere",
            "monitoringExternalHeartbeatSecret",
        ),
        is_broken=lambda s: (
            s.network.restricts_destinations and not s.network.receiver_cidrs and _has_receivers(s)
        ),
        what="is empty, but destinations are listed for the network policy, so messages would reach no receiver",
        hint="set it to the addresses of the receivers or of their proxy, such as 0.0.0.0/0 for all",
    ),
    Rule(
        keys=("networkAuditCidrs", "networkApiServerCidrs", "networkReceiverCidrs", "auditUrl"),
        is_broken=lambda s: (
            s.network.restricts_destinations and not s.network.audit_cidrs and bool(s.audit.url)
        ),
        what="is empty, but destinations are listed for the network policy, so the audit store would be unreachable",
        hint="set it to the addresses of the audit store or of its proxy",
    ),
)


def closed_slack_port(settings: Settings) -> Iterator[Problem]:
    """Yield the port of the Slack URL if the network policy of the operator's pods does not permit it."""
    slack = settings.channels.slack
    if not slack.enabled or slack.url == PLACEHOLDERS[SLACK_URL] or uses_proxy(settings):
        return
    yield from closed_port(SLACK_URL, port_of(slack.url), settings.network.egress_ports)


def closed_proxy_ports(settings: Settings) -> Iterator[Problem]:
    """Yield the port of each proxy that the network policy of the operator's pods does not permit."""
    for name, proxy in proxies(settings).items():
        if proxy == ENCRYPTED or "$(" in proxy:
            continue  # Neither an encrypted value nor a reference to another variable is known here.
        url = proxy if "://" in proxy else f"http://{proxy}"
        yield from closed_port(f"operatorEnv.{name}", port_of(url), settings.network.egress_ports)
