"""The receivers of a stack: which problems are reported before any resource, and which resources there are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pulumi.runtime import rpc

from platform_infra import names
from platform_infra.component import _parse
from platform_infra.settings.reader import SettingsError, parse
from tests.kit.recording import record_settings
from tools.platform.pulumi.stack_file import StackFileError, check_stack_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kit.recording import Recording, Registration

PAGERDUTY: dict[str, Any] = {"type": "pagerduty", "pagerduty": {"routingKeySecretRef": {"name": "pd"}}}
ON_CALL: dict[str, Any] = {"name": "on-call", "spec": PAGERDUTY, "secrets": {"pd": {"routing-key": "s3cr3t"}}}
MAIL: dict[str, Any] = {
    "name": "mail",
    "spec": {
        "type": "email",
        "email": {"host": "mail.example.com", "port": "443", "from": "a@b.example", "to": ["c@d.example"]},
    },
}
LOG: dict[str, Any] = {"name": "log", "spec": {"type": "log"}}


def problems(*receivers: Any, **values: str) -> list[str]:
    """Return the problems of receivers whose secrets are encrypted, one text each."""
    with pytest.raises(SettingsError) as caught:
        parse({"receivers": json.dumps(receivers), **values}, secret_keys=["receivers"])
    return [str(problem) for problem in caught.value.problems]


def recorded(*receivers: Any, **values: str) -> Recording:
    settings = parse({"receivers": json.dumps(receivers), **values}, secret_keys=["receivers"])
    return record_settings(settings)


def test_receiver_and_its_secret_share_the_operators_namespace() -> None:
    recording = recorded(ON_CALL | {"default": True}, operatorNamespace="elsewhere")
    receiver = recording.one("NotificationReceiver")
    assert receiver.part == receiver.inputs["metadata"]["name"] == "on-call"
    assert receiver.inputs["metadata"]["namespace"] == "elsewhere"
    assert without_owner(receiver) == {
        "pulumi.com/waitFor": "condition=Ready",
        "kubernaut.ai/is-default-receiver": "true",
    }
    assert receiver.inputs["spec"] == PAGERDUTY
    secret = recording.named("Secret", "on-call-pd")
    assert secret.inputs["metadata"]["name"] == "pd"
    assert secret.inputs["metadata"]["namespace"] == "elsewhere"
    assert secret.inputs["metadata"]["labels"]["kubernaut.ai/receivers"] == "true"
    assert rpc.is_rpc_secret(secret.inputs["stringData"])
    assert rpc.unwrap_rpc_secret(secret.inputs["stringData"]) == {"routing-key": "s3cr3t"}


def test_receiver_is_created_after_crd_operator_and_secret() -> None:
    recording = recorded(ON_CALL)
    parts = recording.parts(recording.one("NotificationReceiver").dependencies)
    assert {"notificationreceivers", "operator", "on-call-pd"} <= parts
    kinds = {
        urn.rpartition("::")[0].rpartition(":")[2]
        for urn in recording.one("NotificationReceiver").dependencies
    }
    assert "Deployment" in kinds


def without_owner(entry: Registration) -> dict[str, str]:
    annotations: dict[str, str] = entry.inputs["metadata"]["annotations"]
    return {key: value for key, value in annotations.items() if key != names.CRD_OWNER}


def test_only_a_default_receiver_has_the_annotation() -> None:
    assert without_owner(recorded(LOG).one("NotificationReceiver")) == {
        "pulumi.com/waitFor": "condition=Ready"
    }


def test_values_become_those_of_the_schema() -> None:
    assert recorded(MAIL).one("NotificationReceiver").inputs["spec"]["email"]["port"] == 443


def test_stack_without_receivers_has_no_resource_for_them() -> None:
    recording = recorded()
    assert recording.of("Receivers") == recording.of("Secret") == recording.of("NotificationReceiver") == []


def test_receiver_may_refer_to_the_secret_of_another_one() -> None:
    recording = recorded(ON_CALL, {"name": "other", "spec": PAGERDUTY})
    other = recording.named("NotificationReceiver", "other")
    assert "on-call-pd" in recording.parts(other.dependencies)


def test_existing_secret_is_not_created() -> None:
    existing = {"name": "on-call", "spec": PAGERDUTY, "existingSecrets": ["pd"]}
    assert recorded(existing).of("Secret") == []


@pytest.mark.parametrize(
    ("receivers", "expected"),
    [
        (
            [{"name": "a", "spec": {"type": "log", "timeout": "soon"}}],
            "receivers[0].spec.timeout is 'soon', but String should match pattern",
        ),
        (
            [LOG, {"name": "a", "spec": {"type": "slack"}}],
            "receivers[1].spec is invalid: slack is missing although type is slack; set exactly the block",
        ),
        (
            [
                MAIL
                | {"spec": MAIL["spec"] | {"email": MAIL["spec"]["email"] | {"to": ["c@d.example", "x@@y"]}}}
            ],
            "receivers[0].spec.email.to.1 is 'x@@y', but String should match pattern",
        ),
        (
            [
                ON_CALL
                | {"spec": PAGERDUTY | {"pagerduty": PAGERDUTY["pagerduty"] | {"routingKey": "s3cr3t"}}}
            ],
            "receivers[0].spec.pagerduty.routingKey is invalid: Extra inputs are not permitted",
        ),
        (
            [{"name": "a", "spec": {"type": "webhook", "webhook": {"url": "https://s3cr3t" * 300}}}],
            "receivers[0].spec.webhook.url is invalid: String should have at most 2048 characters",
        ),
        (
            [{"name": "a", "spec": {"type": "log", "rateLimit": {"count": 0, "period": "1m"}}}],
            "receivers[0].spec.rateLimit.count is 0, but Input should be greater than or equal to 1",
        ),
        ([LOG, LOG], "receivers[1].name is 'log', and so is receivers[0].name; choose another name"),
        (
            [{"name": "A", "spec": {}}],
            "receivers[0].name is 'A', but String should match pattern",
        ),
        (
            [{"name": "a", "secrts": {"pd": "s3cr3t"}, "spec": {}}],
            "receivers[0].secrts is not shown, but Extra inputs are not permitted",
        ),
        (
            [ON_CALL | {"secrets": {"pd": {"routing-key": 5}}}],
            'receivers[0].secrets.pd["routing-key"] is not shown, but should be a valid string',
        ),
        (
            [LOG | {"default": True}, {"name": "other", "spec": {"type": "log"}, "default": True}],
            "receivers[1].default is true, but receivers[0] is the default receiver of the type log already; set it",
        ),
        (
            [LOG | {"spec": {"type": "log", "fallback": {"name": "mail"}}}],
            "receivers[0].spec.fallback.name is 'mail', which is no other receiver of the stack; there is no other",
        ),
        (
            [LOG | {"spec": {"type": "log", "fallback": {"name": "log"}}}, MAIL],
            "receivers[0].spec.fallback.name is 'log', which is no other receiver of the stack; the others are mail",
        ),
        (
            [ON_CALL | {"secrets": {}}],
            (
                "receivers[0].spec.pagerduty.routingKeySecretRef refers to the Secret 'pd', which the stack does not "
                "create; add it to receivers[0].secrets, or, if others create it in the namespace notification-system, "
                "to receivers[0].existingSecrets"
            ),
        ),
        (
            [ON_CALL | {"secrets": {"pd": {"key": "s3cr3t", "b": "s3cr3t"}}}],
            (
                "receivers[0].spec.pagerduty.routingKeySecretRef needs the key 'routing-key' of the Secret 'pd', whose "
                "keys are: b, key; add the key to the Secret, or set `key` in the reference"
            ),
        ),
        (
            [ON_CALL | {"secrets": {"pd": {}}}],
            (
                "receivers[0].spec.pagerduty.routingKeySecretRef needs the key 'routing-key' of the Secret 'pd', whose "
                "keys are: none"
            ),
        ),
        (
            [ON_CALL, ON_CALL | {"name": "other"}],
            "receivers[1].secrets.pd is a Secret that receivers[0].secrets.pd creates, too; write each Secret once",
        ),
        (
            [ON_CALL | {"existingSecrets": ["pd"]}],
            "receivers[0].existingSecrets contains 'pd', which receivers[0].secrets.pd creates; remove it",
        ),
        (
            [LOG | {"secrets": {"pd": {"routing-key": "s3cr3t"}}}],
            "receivers[0].secrets.pd is a Secret that no receiver of the stack refers to; correct the reference",
        ),
    ],
)
def test_problem_names_field_value_and_hint(receivers: list[Any], expected: str) -> None:
    (problem,) = problems(*receivers)
    assert problem.startswith(expected)
    assert "s3cr3t" not in problem
    assert ";" in problem


def test_credentials_with_two_keys_are_one_problem() -> None:
    spec = MAIL["spec"] | {"email": MAIL["spec"]["email"] | {"authSecretRef": {"name": "smtp"}}}
    (problem,) = problems(MAIL | {"spec": spec})
    assert "receivers[0].spec.email.authSecretRef refers to the Secret 'smtp'" in problem


def test_all_problems_are_reported_at_once() -> None:
    lines = problems(
        {"name": "a", "spec": {"type": "log", "timeout": "soon", "suspend": "x"}}, ON_CALL | {"secrets": {}}
    )
    assert [line.split(" ")[0] for line in lines] == [
        "receivers[0].spec.timeout",
        "receivers[0].spec.suspend",
        "receivers[1].spec.pagerduty.routingKeySecretRef",
    ]


def test_secret_of_a_receiver_with_an_invalid_spec_counts_as_used() -> None:
    invalid = PAGERDUTY | {"timeout": "soon"}
    (problem,) = problems(ON_CALL | {"spec": invalid})
    assert problem.startswith("receivers[0].spec.timeout")


def test_secret_of_the_slack_channel_cannot_be_written_twice() -> None:
    spec = {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": "notification-slack-webhook"}}}
    receiver = {"name": "s", "spec": spec, "secrets": {"notification-slack-webhook": {"url": "s3cr3t"}}}
    slack = {"channelsSlackEnabled": "true", "channelsSlackWebhookUrl": "http://relay.chat.svc:443/x"}
    (problem,) = problems(receiver, **slack)
    assert "is a Secret that channelsSlackWebhookUrl creates, too" in problem
    recorded(receiver).named("Secret", "s-notification-slack-webhook")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"receiversEnabled": "false"}, "receivers is set, but receiversEnabled is false"),
        ({"operatorEnabled": "false"}, "receivers is set, but operatorEnabled is false"),
    ],
)
def test_receivers_need_an_operator_that_delivers_to_them(values: dict[str, str], expected: str) -> None:
    (problem,) = problems(LOG, **values)
    assert problem.startswith(expected)


def test_selector_of_namespaces_needs_permission_to_read_them() -> None:
    allowed = {"allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}}}
    receiver = LOG | {"spec": {"type": "log"} | allowed}
    (problem,) = problems(receiver, watchNamespaces='["a"]')
    assert "allowedNamespaces.from is Selector, but with watchNamespaces the operator cannot read" in problem
    assert (
        recorded(receiver).one("NotificationReceiver").inputs["spec"]["allowedNamespaces"]["from"]
        == "Selector"
    )


def test_value_in_plain_text_is_refused_with_its_path() -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"receivers": json.dumps([ON_CALL])})
    (problem,) = map(str, caught.value.problems)
    path = 'receivers[0].secrets["pd"]["routing-key"]'
    assert problem.startswith(f"{path} contains credentials in plain text")
    assert f"pulumi config set --secret --path '{path}' VALUE" in problem
    assert "s3cr3t" not in problem


def test_secrets_are_not_shown_with_the_settings() -> None:
    settings = parse({"receivers": json.dumps([ON_CALL])}, secret_keys=["receivers"])
    assert "s3cr3t" not in repr(settings)


def test_component_is_responsible_for_its_own_secrets() -> None:
    settings = _parse({"receivers": [ON_CALL]}, own_cluster=False)
    assert settings.receivers[0].name == "on-call"


def test_encrypted_parts_of_a_stack_file_are_trusted(tmp_path: Path) -> None:
    encrypted = ON_CALL | {"secrets": {"pd": {"routing-key": {"secure": "v1:abc"}}}}
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text(yaml.safe_dump({"config": {"notification-platform:receivers": [encrypted]}}))
    assert check_stack_file("x", tmp_path).receivers[0].name == "on-call"
    file.write_text(yaml.safe_dump({"config": {"notification-platform:receivers": [ON_CALL]}}))
    with pytest.raises(StackFileError, match="contains credentials in plain text"):
        check_stack_file("x", tmp_path)


def rules(*channels: str) -> str:
    """Return routing rules with one receiver per channel, of which the first belongs to the root."""
    names = [f"to-{channel}" for channel in channels]
    routes = [{"receiver": name, "matchers": ["a=b"]} for name in names[1:]]
    receivers = [{"name": name, "channels": [channel]} for name, channel in zip(names, channels, strict=True)]
    return json.dumps({"route": {"receiver": names[0], "routes": routes}, "receivers": receivers})


@pytest.mark.parametrize(
    ("channels", "receivers", "values"),
    [
        (("console", "log"), [], {}),
        (("file",), [], {"channelsFileEnabled": "true"}),
        (("sms",), [], {"channelsPlugins": '{"sms": {"factory": "acme.sms:make"}}'}),
        (("email",), [MAIL | {"default": True}], {}),
        (("email", "teams"), [], {"receiversElsewhere": '["email", "teams"]'}),
    ],
)
def test_rules_may_lead_to_every_channel_that_delivers(
    channels: tuple[str, ...], receivers: list[Any], values: dict[str, str]
) -> None:
    values = {"routing": rules(*channels), "receivers": json.dumps(receivers), **values}
    assert parse(values, secret_keys=["receivers"]).routing


@pytest.mark.parametrize(
    ("channels", "receivers", "values", "channel", "hint"),
    [
        (("email",), [MAIL], {}, "email", "add a receiver of the type email with `default: true`"),
        (("console", "slack"), [], {}, "slack", "set channelsSlackEnabled to true, or add a receiver of the"),
        (
            ("console",),
            [],
            {"channelsConsoleEnabled": "false"},
            "console",
            "set channelsConsoleEnabled to true",
        ),
        (
            ("log", "email"),
            [],
            {"receiversEnabled": "false", "receiversElsewhere": '["email"]'},
            "email",
            "if others create such receivers, add email to receiversElsewhere",
        ),
    ],
)
def test_rules_that_lead_to_no_channel_are_refused(
    channels: tuple[str, ...], receivers: list[Any], values: dict[str, str], channel: str, hint: str
) -> None:
    (problem,) = problems(*receivers, routing=rules(*channels), **values)
    assert problem.startswith(
        f"routing leads to the channel {channel} by its receiver 'to-{channel}', but nothing delivers to {channel}; "
    )
    assert hint in problem


def test_receiver_without_channels_leads_to_the_console() -> None:
    document = {"route": {"receiver": "r"}, "receivers": [{"name": "r"}]}
    (problem,) = problems(routing=json.dumps(document), channelsConsoleEnabled="false")
    assert "routing leads to the channel console" in problem


def test_channel_that_two_rules_share_is_one_problem() -> None:
    document = json.loads(rules("email"))
    document["route"]["routes"] = [{"matchers": ["a=b"]}, {"matchers": ["c=d"]}]
    assert len(problems(routing=json.dumps(document))) == 1


def test_rules_are_not_judged_by_receivers_that_cannot_be_read() -> None:
    assert parse({"routing": rules("email")}, hidden_keys=["receivers"]).receivers == ()


def test_invalid_document_is_reported_once() -> None:
    (problem,) = problems(routing='{"route": {"receiver": "x"}, "receivers": [{"name": "r"}]}')
    assert problem.startswith("routing is invalid")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"type": "email", "email": {"host": "m.example", "from": "a@b.example", "to": ["c@d.example"]}},
            (
                "receivers[0].spec.email.port leads to the port 587, which the network policy does not permit; add 587 "
                "to networkEgressPorts"
            ),
        ),
        (
            {"type": "webhook", "webhook": {"url": "https://s3cr3t.example:8443/x"}},
            "receivers[0].spec.webhook.url leads to the port 8443, which the network policy does not permit; add",
        ),
        (
            {"type": "webhook", "webhook": {"url": "http://s3cr3t.example/x", "insecure": True}},
            "receivers[0].spec.webhook.url leads to the port 80, which",
        ),
    ],
)
def test_port_that_the_network_policy_closes_is_refused(spec: dict[str, Any], expected: str) -> None:
    receiver = {"name": "a", "spec": spec}
    (problem,) = problems(receiver)
    assert problem.startswith(expected)
    proxy = {"operatorEnv": '{"HTTPS_PROXY": "http://proxy.example:443"}'}
    if spec["type"] == "email":
        assert problems(receiver, **proxy) == [problem]
    else:
        recorded(receiver, **proxy).one("NotificationReceiver")
        proxied = {"spec": spec | {"proxySecretRef": {"name": "p"}}, "existingSecrets": ["p"]}
        recorded(receiver | proxied).one("NotificationReceiver")
    recorded(receiver, networkEgressPorts="[443, 6443, 80, 587, 8443]").one("NotificationReceiver")


@pytest.mark.parametrize("url", ["https://example.com/x", "https://example.com:port/x", "nowhere"])
def test_url_without_a_closed_port_is_left_to_the_api_server(url: str) -> None:
    recorded({"name": "a", "spec": {"type": "webhook", "webhook": {"url": url}}})


def test_listed_destinations_must_include_receivers() -> None:
    listed = {"networkApiServerCidrs": '["10.0.0.1/32"]'}
    (problem,) = problems(LOG, **listed)
    assert problem.startswith("networkReceiverCidrs is empty, but destinations are listed")
    recorded(LOG, **listed, networkReceiverCidrs='["0.0.0.0/0"]')
