"""Receivers and sources of examples/demo: valid, without a Secret in a file, and what `make demo` says of them is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_contract.kinds.channel_types.email import Email
from notification_contract.kinds.channel_types.webhook import Webhook
from notification_contract.kinds.receiver import ReceiverSpec, parse_spec
from notification_contract.sources.source import SourceSpec, SourceType
from tools.platform.demo import alerting, sources
from tools.platform.demo.cluster import DemoCluster, Object
from tools.platform.demo.demonstration import SUSPENDED, addressed_to, show_sources
from tools.platform.demo.inbox import AUTHORITY, FOLDER, HOST, MAIL, MANIFESTS, WEBHOOK, new_secrets

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = sorted(sources.FOLDER.glob("*.yaml"))
RECEIVERS = sorted(FOLDER.glob("*.yaml"))
NOTIFICATIONS = sorted((FOLDER.parent / "notifications").glob("*.yaml"))
SECRETS = {AUTHORITY: {"ca.crt"}, WEBHOOK: {"signing-key"}, MAIL: {"username", "password"}}
"""The Secrets that the demonstration creates, with their keys."""


def read(file: Path) -> dict[str, Any]:
    (obj,) = yaml.safe_load_all(file.read_text("utf-8"))
    assert isinstance(obj, dict)
    return obj


def spec(name: str) -> ReceiverSpec:
    return parse_spec(read(FOLDER / f"{name}.yaml")["spec"])


@pytest.mark.parametrize("file", RECEIVERS, ids=lambda file: file.stem)
def test_receiver_is_valid_and_its_secrets_are_those_of_the_demonstration(file: Path) -> None:
    obj = read(file)
    assert (obj["kind"], obj["metadata"]["namespace"]) == ("NotificationReceiver", "notification-system")
    missing = {
        use.name for use in parse_spec(obj["spec"]).secret_uses() if use.key not in SECRETS.get(use.name, ())
    }
    assert missing == ({"demo-slack"} if file.stem == "broken" else set())


def test_receivers_lead_to_the_inbox() -> None:
    webhook, mail, fallback = (
        spec("webhook").block_as(Webhook),
        spec("email").block_as(Email),
        spec("fallback"),
    )
    assert webhook.url == f"https://{HOST}/webhook"
    service, _ = yaml.safe_load_all(MANIFESTS.read_text("utf-8"))
    assert mail.host == HOST
    assert {"name": "submissions", "port": mail.port, "targetPort": "submissions"} in service["spec"]["ports"]
    assert fallback.fallback is not None
    assert fallback.fallback.name == read(FOLDER / "email.yaml")["metadata"]["name"]
    assert spec("suspended").suspend


@pytest.mark.parametrize("file", NOTIFICATIONS, ids=lambda file: file.stem)
def test_notification_names_receivers_of_the_examples(file: Path) -> None:
    known = {read(each)["metadata"]["name"]: each.stem for each in RECEIVERS}
    obj = read(file)
    named = [known[ref["name"]] for ref in obj["spec"]["receiverRefs"]]
    assert obj["metadata"]["name"] == file.stem
    assert (file.stem in SUSPENDED) == ("suspended" in named)
    moved = addressed_to(obj, "elsewhere")["spec"]["receiverRefs"]
    assert {ref["namespace"] for ref in moved} == {"elsewhere"}


def test_secrets_of_the_inbox_are_new_each_time() -> None:
    first, second = new_secrets(), new_secrets()
    for key in ("signing-key", "password", "tls.key"):
        assert first[key] != second[key]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.stem)
def test_source_has_the_secret_and_the_receiver_of_the_demonstration(file: Path) -> None:
    obj = read(file)
    spec = SourceSpec.model_validate(obj["spec"])
    assert (obj["kind"], obj["metadata"]["namespace"]) == ("NotificationSource", "notification-system")
    secret = spec.auth.bearer_secret_ref
    assert secret is not None
    assert secret.name == sources.SECRET
    (ref,) = spec.receiver_refs
    assert (ref.name, ref.namespace) == (read(FOLDER / "webhook.yaml")["metadata"]["name"], None)


def test_heartbeat_is_missed_within_the_time_of_the_demonstration() -> None:
    (obj,) = (each for each in map(read, SOURCES) if each["spec"]["type"] == SourceType.HEARTBEAT)
    heartbeat = SourceSpec.model_validate(obj["spec"]).heartbeat
    assert heartbeat is not None
    assert obj["metadata"]["name"] == sources.HEARTBEAT
    assert heartbeat.subject == sources.MISSED
    assert heartbeat.every_seconds + heartbeat.grace_seconds + 10 < sources.ARRIVAL_SECONDS


def test_alertmanager_posts_to_the_source_of_its_type() -> None:
    (obj,) = (each for each in map(read, SOURCES) if each["spec"]["type"] == SourceType.ALERTMANAGER)
    (receiver,) = read(alerting.FOLDER / "alertmanager.yml")["receivers"]
    (webhook,) = receiver["webhook_configs"]
    assert webhook["url"] == f"{alerting.GATEWAY_URL}/hook/{obj['metadata']['name']}"
    assert webhook["http_config"]["authorization"] == {"credentials_file": "token"}
    (group,) = read(alerting.FOLDER / "rules.yml")["groups"]
    assert f"Firing: {group['rules'][0]['alert']}" == sources.FIRING


def test_prometheus_has_the_addresses_that_the_demonstration_replaces() -> None:
    text = (alerting.FOLDER / "prometheus.yml").read_text("utf-8")
    assert all(text.count(f'"{address}"') == 1 for address in (alerting.ALERTMANAGER, alerting.EXPORTER))


class WithoutGateway(DemoCluster):
    def __init__(self) -> None:
        pass

    def get(self, obj: Object) -> None:
        assert obj["metadata"] == {"namespace": "home", "name": "notification-gateway"}


def test_stack_without_a_gateway_says_how_to_turn_it_on(capsys: pytest.CaptureFixture[str]) -> None:
    show_sources(WithoutGateway(), {"metadata": {"namespace": "home"}}, "prod")
    shown = capsys.readouterr().out
    assert "tools/notif-platform pulumi config set gatewayEnabled true -s prod" in shown
    assert "tools/notif-platform up prod" in shown
