"""A stack's configuration: how it is read, and which problems are reported."""

from __future__ import annotations

import pytest

from platform_infra.settings.model import Settings
from platform_infra.settings.reader import SettingsError, parse

CONTENT = "apiVersion: v1\nkind: Config\n"


def problems_of(values: dict[str, str], **more: list[str]) -> list[str]:
    """The problems that these values have, one text each."""
    with pytest.raises(SettingsError) as caught:
        parse(values, **more)
    return [str(problem) for problem in caught.value.problems]


def test_empty_configuration_is_the_defaults() -> None:
    assert parse({}) == Settings()


def test_values_are_decoded_from_the_text_of_the_engine() -> None:
    settings = parse(
        {
            "operatorReplicas": "2",
            "channelsFileEnabled": "true",
            "networkEgressPorts": "[443]",
            "channelsPlugins": '{"sms": {"factory": "acme.sms:make", "options": {"region": "eu"}}}',
        }
    )
    assert settings.operator.replicas == 2
    assert settings.channels.file.enabled is True
    assert settings.network.egress_ports == (443,)
    assert settings.channels.plugins["sms"].options == {"region": "eu"}


def test_three_mistakes_are_three_problems_at_once() -> None:
    problems = problems_of({"operatorReplicas": "0", "logLevel": "loud", "operatorNamspace": "x"})
    assert len(problems) == 3
    for key, value in (("operatorReplicas", "'0'"), ("logLevel", "'loud'")):
        (problem,) = [text for text in problems if text.startswith(key)]
        assert value in problem
        assert f"pulumi config set {key}" in problem


def test_unknown_key_is_rejected_with_the_likely_one() -> None:
    (problem,) = problems_of({"operatorNamspace": "x"})
    assert problem.startswith("operatorNamspace is not a setting; did you mean operatorNamespace?")


def test_broken_rule_is_reported_together_with_an_invalid_value() -> None:
    problems = problems_of({"logLevel": "loud", "operatorReplicas": "2", "operatorLeaderElection": "false"})
    assert [text.split()[0] for text in problems] == ["logLevel", "operatorReplicas"]


def test_rule_over_an_invalid_value_is_not_checked() -> None:
    problems = problems_of({"operatorReplicas": "many", "operatorLeaderElection": "false"})
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"clusterKind": "existing", "clusterContext": "c", "operatorImage": "i"}, "clusterKubeconfig"),
        ({"clusterKind": "existing", "clusterKubeconfig": "/k", "operatorImage": "i"}, "clusterContext"),
        ({"deployWave": "1"}, "deployWave"),
        ({"clusterContext": "c"}, "clusterKubeconfig"),
        ({"operatorReplicas": "2", "operatorLeaderElection": "false"}, "operatorReplicas"),
        ({"operatorShards": "2", "operatorLeaderElection": "false"}, "operatorShards"),
        ({"watchNamespaces": '["a"]', "watchNamespaceSelector": "a=b"}, "watchNamespaces"),
        ({"watchNamespaces": '["a", "a"]'}, "watchNamespaces"),
        ({"channelsSlackEnabled": "true"}, "channelsSlackWebhookUrl"),
        ({"operatorEnv": '{"SLACK_WEBHOOK_URL": "http://x/y"}'}, "operatorEnv"),
        ({"operatorEnv": '{"POD_NAME": "me"}'}, "operatorEnv"),
        ({"operatorEnv": '{"not a name": "x"}'}, "operatorEnv"),
        ({"auditFile": "/tmp/trail.jsonl"}, "auditFile"),
        ({"auditFile": "/var/lib/notifications/trail.jsonl"}, "auditFile"),
        ({"auditFile": "/etc/notification-ca/trail.jsonl"}, "auditFile"),
        ({"auditFile": "/trail.jsonl"}, "auditFile"),
        ({"auditFileClaim": "trail"}, "auditFileClaim"),
        ({"auditFile": "/a/t.jsonl", "auditFileClaim": "trail", "operatorShards": "2"}, "auditFileClaim"),
        ({"auditFile": "trail.jsonl"}, "auditFile"),
        ({"serverHealthPort": "9090"}, "serverHealthPort"),
        ({"serverMetricsPort": "0"}, "serverHealthPort"),
    ],
)
def test_broken_rule_is_reported_for_its_first_key(values: dict[str, str], key: str) -> None:
    (problem,) = problems_of(values)
    assert problem.startswith(key)


CLAIMED = {"channelsFileEnabled": "true", "channelsFileVolume": "pvc", "operatorReplicas": "2"}


def test_claim_of_the_file_channel_fits_one_replica_of_a_cluster() -> None:
    there = {
        "clusterKind": "existing",
        "clusterKubeconfig": "/k",
        "clusterContext": "c",
        "operatorImage": "i",
    }
    (problem,) = problems_of(there | CLAIMED)
    assert problem == (
        "channelsFileVolume is pvc, but operatorReplicas is greater than 1, and pods on several nodes cannot mount a "
        "ReadWriteOnce volume; set operatorReplicas to 1, or channelsFileVolume to emptyDir"
    )
    parse(there | CLAIMED | {"operatorReplicas": "1"})
    parse(there | CLAIMED | {"channelsFileVolume": "emptyDir"})
    parse(CLAIMED)


def test_content_of_a_kubeconfig_must_be_a_secret() -> None:
    values = {
        "clusterKind": "existing",
        "clusterKubeconfig": CONTENT,
        "clusterContext": "c",
        "operatorImage": "i",
    }
    assert parse(values, secret_keys=["clusterKubeconfig"]).cluster.kubeconfig == CONTENT
    (problem,) = problems_of(values)
    assert "--secret" in problem
    assert CONTENT not in problem


WEBHOOK = "https://hooks.slack.com/services/T0/B0/token"


def test_slack_url_must_be_a_secret_unless_it_is_sent_unencrypted() -> None:
    values = {"channelsSlackEnabled": "true", "channelsSlackWebhookUrl": WEBHOOK}
    assert parse(values, secret_keys=["channelsSlackWebhookUrl"]).channels.slack.url == WEBHOOK
    (problem,) = problems_of(values)
    assert "--secret" in problem
    assert "token" not in problem
    parse(values | {"channelsSlackWebhookUrl": "http://relay.chat.svc:443/x"})


@pytest.mark.parametrize(
    "url", ["hooks.slack.com/token", "ftp://x/token", "https://x/to ken", '{"token": 1}']
)
def test_invalid_slack_url_is_rejected_and_not_shown(url: str) -> None:
    values = {"channelsSlackEnabled": "true", "channelsSlackWebhookUrl": url}
    (problem,) = problems_of(values, secret_keys=["channelsSlackWebhookUrl"])
    assert problem.startswith("channelsSlackWebhookUrl")
    assert "ken" not in problem.replace("pulumi config set --secret", "")


def test_slack_url_is_not_shown_with_the_settings() -> None:
    settings = parse({"channelsSlackWebhookUrl": WEBHOOK}, secret_keys=["channelsSlackWebhookUrl"])
    assert "services/T0/B0" not in repr(settings)


def test_url_that_cannot_be_read_here_is_trusted() -> None:
    parse({"channelsSlackEnabled": "true"}, hidden_keys=["channelsSlackWebhookUrl"])


def test_hidden_values_are_trusted_and_their_keys_are_checked() -> None:
    values = {"clusterKind": "existing", "clusterContext": "c", "operatorImage": "i"}
    assert parse(values, hidden_keys=["clusterKubeconfig"]).cluster.kind == "existing"
    assert len(problems_of(values, hidden_keys=["clusterKubeconfig", "clusterTokn"])) == 1


def test_message_lists_every_problem_on_its_own_line() -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"logLevel": "loud", "logFormat": "xml"})
    assert str(caught.value).count("\n  - ") == 2


def test_empty_text_means_no_value() -> None:
    assert parse({"watchNamespaceSelector": "", "channelsSlackWebhookUrl": ""}) == Settings()


def test_fraction_of_a_second_is_accepted() -> None:
    assert parse({"deliveryVisibleAfterSeconds": "0.5"}).delivery.visible_after_seconds == 0.5
    assert parse({"deliveryTimeoutSeconds": 2.5}).delivery.timeout_seconds == 2.5


def test_problem_shows_the_default_as_a_stack_writes_it() -> None:
    (problem,) = problems_of({"deliveryTimeoutSeconds": "0"})
    assert "is '0', but should be greater than 0; the default is 10;" in problem
