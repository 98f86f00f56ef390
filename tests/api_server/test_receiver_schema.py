"""The schema of NotificationReceivers on a real API server: what is refused, with which message, and what it sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.channel_names import ReceiverType
from notification_contract.kinds.receiver import ReceiverSpecError, parse_spec
from platform_infra import names
from tests.api_server.conftest import KIND, NAMESPACE
from tests.api_server.receivers import receiver
from tests.harness.notifications import notification
from tests.unit.operator.contract.kinds.specs import REF, spec

if TYPE_CHECKING:
    from tests.api_server.conftest import Answer, ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
BOUND = {"type": "log"}
LONGEST = ("30d", "720h", "29d23h59m59s1000ms", "2592000000ms", "1d695h3600s", "0d")
TOO_LONG = ("31d", "721h", "30d1ms", "2592000001ms", "9999999999999d", "99999999999999999999999999999ms")


def created(api_server: ApiServer, fields: dict[str, Any], **metadata: object) -> Answer:
    """Create a receiver in the operator's namespace, where the admission policy restricts least."""
    return api_server.create(receiver(NAMESPACE, fields, **metadata))


@pytest.mark.parametrize("type_", ReceiverType)
def test_type_with_its_block_is_accepted(api_server: ApiServer, type_: ReceiverType) -> None:
    answer = created(api_server, spec(type_))
    assert answer.code == 201, answer.message
    assert parse_spec(answer.document["spec"]).type is type_


def test_defaults_are_stored(api_server: ApiServer) -> None:
    stored = created(api_server, spec("teams", urlSecretRef={"name": "s"})).document["spec"]
    assert stored == {
        "type": "teams",
        "teams": {"urlSecretRef": {"name": "s", "key": "url"}},
        "allowedNamespaces": {"from": "Same"},
        "onReceiverError": "Fail",
        "timeout": "10s",
    }


@pytest.mark.parametrize("duration", LONGEST)
def test_longest_durations_are_accepted(api_server: ApiServer, duration: str) -> None:
    period = duration if duration != "0d" else "1d"
    fields = spec("webhook") | {
        "fallback": {"name": "x", "after": duration},
        "rateLimit": {"count": 1, "period": period},
    }
    answer = created(api_server, fields)
    assert answer.code == 201, answer.message
    assert parse_spec(answer.document["spec"]).rate_limit


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            spec("slack", webhookUrlSecretRef=None),
            "set exactly one of slack.webhookUrlSecretRef and slack.bot",
        ),
        (
            spec("slack", botTokenSecretRef=REF, channel="C1"),
            "set exactly one of slack.webhookUrlSecretRef and",
        ),
        (spec("slack", channel="C1"), "set slack.channel with slack.botTokenSecretRef, and only then"),
        (
            {"type": "slack", "webhook": {"url": "https://example.com"}},
            "set spec.slack, because spec.type is slack, and no block of another type",
        ),
        (
            BOUND | {"webhook": {"url": "https://example.com"}},
            "spec.type log has no block; remove the block of another type",
        ),
        (spec("webhook", urlSecretRef=REF), "set exactly one of webhook.url and webhook.urlSecretRef"),
        (spec("webhook", url=None), "set exactly one of webhook.url and webhook.urlSecretRef"),
        (spec("sms", messagingServiceSid="MG1"), "set exactly one of sms.from and sms.messagingServiceSid"),
        (spec("sms", to=[]), "set spec.sms.to, or spec.recipients.allow so that notifications can name"),
        (
            spec("email", to=None),
            "set spec.email.to, or spec.recipients.allow so that notifications can name",
        ),
        (spec("email", allowedNetworks=["10.0.0.0"]), "allowedNetworks[0] in body must be of type cidr"),
        (BOUND | {"allowedNamespaces": {"from": "Selector"}}, "set allowedNamespaces.selector with"),
        (
            BOUND | {"allowedNamespaces": {"selector": {"matchLabels": {}}}},
            "set allowedNamespaces.selector with",
        ),
        (
            BOUND
            | {"allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"n" * 318: "v"}}}},
            "a name in matchLabels has more than 317 characters; use the name of a label",
        ),
        (BOUND | {"template": {}}, "set exactly one of template.inline and template.configMapRef"),
        (
            spec("webhook") | {"rateLimit": {"count": 1, "period": "0m0s"}},
            "rateLimit.period must be longer than 0s",
        ),
        *(
            (spec("webhook") | {"rateLimit": {"count": 1, "period": period}}, message)
            for period in TOO_LONG
            for message in ("rateLimit.period must be at most 30d; write it like 1m",)
        ),
        *(
            (spec("webhook") | {"fallback": {"name": "x", "after": after}}, message)
            for after in TOO_LONG
            for message in ("fallback.after must be at most 30d; write it like 15m",)
        ),
        (
            BOUND | {"rateLimit": {"count": 1, "period": "1m"}},
            "spec.rateLimit has no effect for type log; remove it",
        ),
        (
            spec("apprise") | {"tls": {"serverName": "a"}},
            "spec.tls has no effect for type apprise; remove it",
        ),
        (
            spec("email") | {"proxySecretRef": REF},
            "spec.proxySecretRef has no effect for type email; remove it",
        ),
        *(
            (
                BOUND | {"timeout": timeout},
                "timeout must be longer than 0s and at most 120s; write it like 30s",
            )
            for timeout in ("0s", "121s", "1d", "99999999999h")
        ),
        (BOUND | {"timeout": "soon"}, "spec.timeout in body should match"),
        (BOUND | {"priorities": ["urgent"]}, "spec.priorities[0]: Unsupported value"),
        ({"type": "pigeon"}, 'spec.type: Unsupported value: "pigeon"'),
        (
            spec("webhook", headersSecretRef={"name": "s"}),
            "spec.webhook.headersSecretRef.keys: Required value",
        ),
        (
            spec("webhook", headersSecretRef={"name": "s", "keys": []}),
            "spec.webhook.headersSecretRef.keys: Invalid value",
        ),
        (
            spec("webhook", headersSecretRef={"name": "s", "keys": ["X-A"] * 17}),
            "spec.webhook.headersSecretRef.keys: Too many",
        ),
        (spec("webhook", signingSecretRefs=[REF] * 5), "spec.webhook.signingSecretRefs: Too many"),
        (spec("email", host="h" * 254), "spec.email.host: Too long"),
    ],
)
def test_refusal_names_the_field_and_what_to_do(
    api_server: ApiServer, fields: dict[str, Any], message: str
) -> None:
    answer = created(api_server, fields)
    assert answer.code == 422
    assert message in answer.message
    with pytest.raises(ReceiverSpecError):
        parse_spec(fields)


def test_name_fits_into_the_key_of_a_target(api_server: ApiServer) -> None:
    assert created(api_server, BOUND, name="n" * 63).code == 201
    answer = created(api_server, BOUND, name="n" * 64)
    assert (answer.code, "metadata.name has more than 63 characters" in answer.message) == (422, True)


def test_fallback_joins_after_five_minutes_unless_it_says_otherwise(api_server: ApiServer) -> None:
    for fields, after in (({}, "5m"), ({"after": "Never"}, "Never"), ({"after": "15m"}, "15m")):
        answer = created(api_server, BOUND | {"fallback": {"name": "mail", **fields}})
        assert answer.code == 201, answer.message
        assert answer.document["spec"]["fallback"] == {"name": "mail", "after": after}


@pytest.mark.parametrize(
    ("fallback", "message"),
    [
        ("self", "spec.fallback.name names this receiver itself; name another one"),
        ("ns/r2", "spec.fallback.name in body should match"),
    ],
)
def test_fallback_is_another_receiver_of_the_namespace(
    api_server: ApiServer, fallback: str, message: str
) -> None:
    answer = created(api_server, BOUND | {"fallback": {"name": fallback}}, name="self")
    assert answer.code == 422
    assert message in answer.message


def test_largest_receiver_is_accepted(api_server: ApiServer) -> None:
    fields = spec(
        "email",
        to=[f"{'a' * 300}{number:02}@example.com" for number in range(20)],
        allowedNetworks=["10.0.0.0/8"] * 16,
    ) | {
        "description": "d" * 1024,
        "template": {"inline": {"subject": "s" * 4096, "body": "b" * 65_536}},
        "recipients": {"allow": ["*" * 320] * 32},
        "allowedNamespaces": {
            "from": "Selector",
            "selector": {"matchLabels": {f"{number}-{'n' * 300}": "v" * 63 for number in range(16)}},
        },
    }
    assert created(api_server, fields).code == 201
    parse_spec(fields)


def test_status_is_written_apart_from_the_spec(api_server: ApiServer) -> None:
    obj = created(api_server, BOUND).document
    path = f"{KIND}/{NAMESPACE}/{names.RECEIVER_PLURAL}/{obj['metadata']['name']}"
    operator = f"system:serviceaccount:{NAMESPACE}:{names.OPERATOR}"
    at = "2026-03-01T12:00:00Z"
    replica = {"name": "pod-1", "updated": at, "circuit": {"state": "Open", "until": at}}
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Accepted",
        "message": "",
        "lastTransitionTime": at,
    }
    status = {
        "conditions": [condition],
        "replicas": [replica],
        "lastTest": {"requestedAt": at, "outcome": "Failed"},
    }
    answer = api_server.send("PUT", f"{path}/status", {**obj, "status": status}, user=operator)
    assert (answer.code, answer.document["status"]) == (200, status)
    twice = {**answer.document, "status": {"replicas": [replica, replica]}}
    repeated = api_server.send("PUT", f"{path}/status", twice, user=operator)
    assert (repeated.code, "Duplicate value" in repeated.message) == (422, True)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"channels": ["discord"] * 15, "receiverRefs": [{"name": "r"}] * 6},
            "spec.channels and spec.receiverRefs have more than 20 entries together; leave entries out",
        ),
        ({"receiverRefs": [{"name": "r"}] * 21}, "spec.receiverRefs: Too many"),
        (
            {"notBefore": "2026-03-01T12:00:00Z", "deliverBefore": "2026-03-01T12:00:00Z"},
            "spec.deliverBefore is not after spec.notBefore; set it to a later time",
        ),
        (
            {"notBefore": "2026-03-01T12:00:00Z", "deliverBefore": "2026-03-01T12:30:00+01:00"},
            "spec.deliverBefore is not after spec.notBefore; set it to a later time",
        ),
        *(
            ({field: time}, f"spec.{field} in body should match")
            for field in ("notBefore", "deliverBefore")
            for time in ("2026-03-01T12:00:00+25:00", "2026-03-01T12:00:00-01:60", "0000-03-01T12:00:00Z")
        ),
        ({"deliverBefore": "tomorrow"}, "spec.deliverBefore in body must be of type date-time"),
        ({"receiverRefs": [{"name": "a/b"}]}, "spec.receiverRefs[0].name in body should match"),
        (
            {"receiverRefs": [{"name": "r", "namespace": "A"}]},
            "spec.receiverRefs[0].namespace in body should",
        ),
        ({"event": "Begin"}, 'spec.event: Unsupported value: "Begin"'),
        ({"format": "HTML"}, 'spec.format: Unsupported value: "HTML"'),
        ({"dedupKey": "k" * 256}, "spec.dedupKey: Too long"),
    ],
)
def test_request_that_contradicts_itself_is_refused(
    api_server: ApiServer, fields: dict[str, Any], message: str
) -> None:
    answer = api_server.create(notification(NAMESPACE, **fields))
    assert (answer.code, message in answer.message) == (422, True), answer.message


def test_request_with_every_new_field_is_accepted_and_immutable(api_server: ApiServer) -> None:
    obj = notification(
        NAMESPACE,
        channels=["pagerduty", "discord", "mattermost", *["console"] * 16],
        receiverRefs=[{"name": "on-call", "namespace": "platform"}],
        format="Markdown",
        event="Resolve",
        dedupKey="k" * 255,
        notBefore="2026-03-01T12:00:00Z",
        deliverBefore="2026-03-01T12:30:00Z",
    )
    answer = api_server.create(obj)
    assert answer.code == 201, answer.message
    path = f"{KIND}/{NAMESPACE}/{names.PLURAL}/{obj['metadata']['name']}"
    changed = {**answer.document, "spec": {**answer.document["spec"], "event": "Trigger"}}
    refused = api_server.send("PUT", path, changed)
    assert (refused.code, "spec is immutable after creation" in refused.message) == (422, True)


def test_channels_alone_can_repeat_beyond_the_number_of_targets(api_server: ApiServer) -> None:
    assert api_server.create(notification(NAMESPACE, channels=["console"] * 64, receiverRefs=[])).code == 201


def test_event_is_not_added_to_a_notification_without_one(api_server: ApiServer) -> None:
    assert "event" not in api_server.create(notification(NAMESPACE)).document["spec"]


def test_status_has_one_entry_per_target(api_server: ApiServer) -> None:
    obj = notification(NAMESPACE)
    api_server.create(obj)
    target = {"name": "email/platform/smtp#1f3a9c20", "state": "Refused", "attempts": 1, "reason": "Expired"}
    assert api_server.write_status(obj, phase="Sending", targets=[target]).code == 200
    forged = api_server.write_status(obj, phase="Sending", targets=[target, target])
    assert (forged.code, "Duplicate value" in forged.message) == (422, True)
    unknown = api_server.write_status(obj, phase="Sending", targets=[target | {"state": "Lost"}])
    assert (unknown.code, "Unsupported value" in unknown.message) == (422, True)
