"""What tenants try and may not do, as data, each attempt with the reason that its author reads.

`{own}` is the namespace of the tenant, `{full}` another one of it whose quota is used up, `{other}` that of another tenant, and `{home}` that
of the operator. Secrets, receivers and notifications of these names are made by `tenant_place.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from notification_contract import bounds
from platform_infra import names

if TYPE_CHECKING:
    from collections.abc import Mapping

MERGE: Final = "application/merge-patch+json"
OURS: Final = f"/apis/{names.GROUP}/{names.VERSION}"
RBAC: Final = "/apis/rbac.authorization.k8s.io/v1/namespaces"
OPERATOR: Final = f"system:serviceaccount:{{home}}:{names.OPERATOR}"
IMPOSTOR: Final = f"system:serviceaccount:{{own}}:{names.OPERATOR}"
MOST_RECEIVERS: Final = 100
"""The receivers of a namespace that the operator of these tests uses."""


class Who(StrEnum):
    """The one ClusterRole that a tenant has, in its own namespaces."""

    SENDER = "notifications-sender"
    EDIT = "edit"
    RECEIVERS = "receivers-editor"
    SOURCES = "sources-editor"


class Aim(StrEnum):
    READ = "read"
    SEE = "see"
    REACH = "reach"
    IMPERSONATE = "impersonate"
    EXHAUST = "exhaust"


class By(StrEnum):
    """What refuses."""

    RBAC = "RBAC"
    SCHEMA = "schema"
    POLICY = "admission policy"
    QUOTA = "quota"
    OPERATOR = "operator"


CODES: Final = {By.RBAC: 403, By.SCHEMA: 422, By.POLICY: 422, By.QUOTA: 403}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A NotificationReceiver that is created. The operator refuses it, or the last of several, in a condition."""

    spec: Mapping[str, Any]
    namespace: str = "{own}"
    condition: str = ""
    """Type and reason of the condition."""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A NotificationRequest that is created. The operator refuses it in its status."""

    spec: Mapping[str, Any]
    namespace: str = "{own}"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """`reads` is a part of what its author reads."""

    who: Who
    aim: Aim
    tries: str
    does: Call | Receiver | Notification
    by: By
    reads: str


def get(path: str, **headers: str) -> Call:
    return Call(method="GET", path=path, headers=headers)


def secrets(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets"


def ours(namespace: str, plural: str) -> str:
    return f"{OURS}/namespaces/{namespace}/{plural}"


def notifications(namespace: str) -> str:
    return ours(namespace, names.PLURAL)


def receivers(namespace: str) -> str:
    return ours(namespace, names.RECEIVER_PLURAL)


def sources(namespace: str) -> str:
    return ours(namespace, names.SOURCE_PLURAL)


def post(path: str, body: Mapping[str, Any] | None = None) -> Call:
    return Call(method="POST", path=path, body=body or {})


def patch(path: str, body: Mapping[str, Any]) -> Call:
    return Call(method="PATCH", path=path, body=body, headers={"Content-Type": MERGE})


def forged(path: str, **headers: str) -> Call:
    """Return the request that writes a status."""
    return Call(method="PUT", path=f"{path}/status", body={"status": {"phase": "Sent"}}, headers=headers)


def webhook(url: str = "https://example.com/hook", **fields: Any) -> dict[str, Any]:
    return {"type": "webhook", "webhook": {"url": url, **fields}}


def sends_secret(name: str, *keys: str) -> dict[str, Any]:
    """Return the spec of a receiver that sends values of a Secret as headers."""
    return webhook(headersSecretRef={"name": name, "keys": list(keys)})


def named(name: str, namespace: str) -> dict[str, Any]:
    """Return the spec of a notification to one receiver."""
    return {"channels": None, "recipients": None, "receiverRefs": [{"name": name, "namespace": namespace}]}


def link(url: str) -> dict[str, str]:
    return {"service": "s", "label": "l", "url": url}


def binding(role: str) -> Call:
    """Return the request that gives the tenant's account `default` a role."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": "{own}"}
    body = {"metadata": {"name": "more"}, "roleRef": reference, "subjects": [subject]}
    return Call(method="POST", path=f"{RBAC}/{{own}}/rolebindings", body=body)


def forbidden(verb: str, resource: str, namespace: str, group: str = "") -> str:
    """Return what the API server answers to a user without a right."""
    return f'cannot {verb} resource "{resource}" in API group "{group}" in the namespace "{namespace}"'


def not_ours(verb: str, plural: str, namespace: str) -> str:
    return forbidden(verb, plural, namespace, names.GROUP)


UNKNOWN_RECEIVER = (
    "ReceiverNotAllowed: receiver {other}/%s does not exist, or is not for notifications of namespace {own}"
)
OWN_NOTIFICATION = f"{notifications('{own}')}/stored"
OWN_RECEIVER = f"{receivers('{own}')}/team"


def _of(who: Who, *rows: tuple[Aim, str, Call | Receiver | Notification, By, str]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(who=who, aim=aim, tries=tries, does=does, by=by, reads=reads)
        for aim, tries, does, by, reads in rows
    )


SENDER: Final = _of(
    Who.SENDER,
    (
        Aim.READ,
        "read a Secret of the own namespace",
        get(f"{secrets('{own}')}/database"),
        By.RBAC,
        forbidden("get", "secrets", "{own}"),
    ),
    (
        Aim.READ,
        "list the Secrets that receivers may use",
        get(f"{secrets('{own}')}?labelSelector=kubernaut.ai/receivers%3Dtrue"),
        By.RBAC,
        forbidden("list", "secrets", "{own}"),
    ),
    (
        Aim.READ,
        "list the notifications of another tenant",
        get(notifications("{other}")),
        By.RBAC,
        not_ours("list", names.PLURAL, "{other}"),
    ),
    (
        Aim.READ,
        "list the notifications of all namespaces",
        get(f"{OURS}/{names.PLURAL}"),
        By.RBAC,
        f'cannot list resource "{names.PLURAL}" in API group "{names.GROUP}" at the cluster scope',
    ),
    (
        Aim.SEE,
        "list the receivers of the own namespace",
        get(receivers("{own}")),
        By.RBAC,
        not_ours("list", names.RECEIVER_PLURAL, "{own}"),
    ),
    (
        Aim.SEE,
        "read the address of a shared receiver",
        get(f"{receivers('{home}')}/shared"),
        By.RBAC,
        not_ours("get", names.RECEIVER_PLURAL, "{home}"),
    ),
    (
        Aim.SEE,
        "read the log of the operator",
        get("/api/v1/namespaces/{home}/pods/operator/log"),
        By.RBAC,
        forbidden("get", "pods/log", "{home}"),
    ),
    (Aim.SEE, "read the metrics of the API server", get("/metrics"), By.RBAC, 'cannot get path "/metrics"'),
    (
        Aim.REACH,
        "send as another tenant",
        Notification(spec={}, namespace="{other}"),
        By.RBAC,
        not_ours("create", names.PLURAL, "{other}"),
    ),
    (
        Aim.REACH,
        "send through a receiver of another tenant",
        Notification(spec=named("private", "{other}")),
        By.OPERATOR,
        UNKNOWN_RECEIVER % "private",
    ),
    (
        Aim.REACH,
        "send through an operator channel that is for other namespaces",
        Notification(spec={"channels": ["slack"], "recipients": None}),
        By.OPERATOR,
        "ChannelNotAllowed: the namespace '{own}' may not use the channel 'slack', which is for {home}",
    ),
    (
        Aim.REACH,
        "mail a person whom the shared receiver does not serve",
        Notification(spec={**named("mail", "{home}"), "recipients": [{"email": "ceo@example.org"}]}),
        By.OPERATOR,
        "ReceiverNotAllowed: a recipient of this notification is outside recipients.allow of receiver {home}/mail",
    ),
    (
        Aim.REACH,
        "put a script behind a link",
        Notification(spec={"actionLinks": [link("javascript:alert(1)")]}),
        By.POLICY,
        "spec.actionLinks contains the URL javascript:alert(1), but only the schemes https are accepted",
    ),
    (
        Aim.IMPERSONATE,
        "record a notification as sent",
        forged(OWN_NOTIFICATION),
        By.RBAC,
        not_ours("update", f"{names.PLURAL}/status", "{own}"),
    ),
    (
        Aim.IMPERSONATE,
        "act as the operator",
        get(secrets("{home}"), **{"Impersonate-User": OPERATOR}),
        By.RBAC,
        "cannot impersonate",
    ),
    (
        Aim.IMPERSONATE,
        "change a notification that was sent",
        patch(OWN_NOTIFICATION, {"spec": {"body": "another"}}),
        By.RBAC,
        not_ours("patch", names.PLURAL, "{own}"),
    ),
    (
        Aim.IMPERSONATE,
        "attach a notification to a remediation of another tenant",
        Notification(spec={"remediationRequestRef": {"name": "r", "namespace": "{other}"}}),
        By.POLICY,
        "spec.remediationRequestRef.namespace is {other}, but a notification can refer only to an object in its namespace",
    ),
    (
        Aim.EXHAUST,
        "send a body that is too long",
        Notification(spec={"body": "x" * (bounds.BODY + 1)}),
        By.SCHEMA,
        "spec.body: Too long",
    ),
    (
        Aim.EXHAUST,
        "add more labels than a notification can have",
        Notification(spec={}, labels={f"label-{number}": "" for number in range(65)}),
        By.POLICY,
        "metadata.labels has more than 64 entries; remove some",
    ),
    (
        Aim.EXHAUST,
        "store more notifications than the quota permits",
        Notification(spec={}, namespace="{full}"),
        By.QUOTA,
        "exceeded quota: notifications, requested: count/notificationrequests.kubernaut.ai=1",
    ),
)
EDIT: Final = _of(
    Who.EDIT,
    (
        Aim.READ,
        "read a Secret of another tenant",
        get(f"{secrets('{other}')}/database"),
        By.RBAC,
        forbidden("get", "secrets", "{other}"),
    ),
    (
        Aim.READ,
        "read the credential of a shared receiver",
        get(f"{secrets('{home}')}/shared"),
        By.RBAC,
        forbidden("get", "secrets", "{home}"),
    ),
    (
        Aim.READ,
        "read the routing document",
        get(f"/api/v1/namespaces/{{home}}/configmaps/{names.ROUTING_CONFIG_MAP}"),
        By.RBAC,
        forbidden("get", "configmaps", "{home}"),
    ),
    (
        Aim.READ,
        "watch the notifications of another tenant",
        get(f"{notifications('{other}')}?watch=true"),
        By.RBAC,
        not_ours("watch", names.PLURAL, "{other}"),
    ),
    (
        Aim.SEE,
        "list the receivers of the operator's namespace",
        get(receivers("{home}")),
        By.RBAC,
        not_ours("list", names.RECEIVER_PLURAL, "{home}"),
    ),
    (
        Aim.SEE,
        "find out by a notification which receivers another tenant has",
        Notification(spec=named("absent", "{other}")),
        By.OPERATOR,
        UNKNOWN_RECEIVER % "absent",
    ),
    (
        Aim.SEE,
        "list the replicas of the operator",
        get("/apis/coordination.k8s.io/v1/namespaces/{home}/leases"),
        By.RBAC,
        forbidden("list", "leases", "{home}", "coordination.k8s.io"),
    ),
    (
        Aim.SEE,
        "read the Events of another tenant",
        get("/apis/events.k8s.io/v1/namespaces/{other}/events"),
        By.RBAC,
        forbidden("list", "events", "{other}", "events.k8s.io"),
    ),
    (
        Aim.REACH,
        "create a receiver",
        Receiver(spec={"type": "console"}),
        By.RBAC,
        not_ours("create", names.RECEIVER_PLURAL, "{own}"),
    ),
    (
        Aim.REACH,
        "lead the team's receiver elsewhere",
        patch(OWN_RECEIVER, {"spec": webhook("https://example.org/")}),
        By.RBAC,
        not_ours("patch", names.RECEIVER_PLURAL, "{own}"),
    ),
    (
        Aim.REACH,
        "give the namespace the label by which a receiver selects",
        patch("/api/v1/namespaces/{own}", {"metadata": {"labels": {"tier": "prod"}}}),
        By.RBAC,
        forbidden("patch", "namespaces", "{own}"),
    ),
    (
        Aim.REACH,
        "delete the team's receiver",
        Call(method="DELETE", path=OWN_RECEIVER),
        By.RBAC,
        not_ours("delete", names.RECEIVER_PLURAL, "{own}"),
    ),
    (
        Aim.IMPERSONATE,
        "take the right to change receivers",
        binding("receivers-editor"),
        By.RBAC,
        forbidden("create", "rolebindings", "{own}", "rbac.authorization.k8s.io"),
    ),
    (
        Aim.IMPERSONATE,
        "request a token of the operator's account",
        Call(
            method="POST", path=f"/api/v1/namespaces/{{home}}/serviceaccounts/{names.OPERATOR}/token", body={}
        ),
        By.RBAC,
        forbidden("create", "serviceaccounts/token", "{home}"),
    ),
    (
        Aim.IMPERSONATE,
        "write a status as an own account that is called like the operator's",
        forged(OWN_NOTIFICATION, **{"Impersonate-User": IMPOSTOR}),
        By.RBAC,
        f'User "{IMPOSTOR}" {not_ours("update", f"{names.PLURAL}/status", "{own}")}',
    ),
    (
        Aim.IMPERSONATE,
        "act as a member of system:masters",
        get(secrets("{home}"), **{"Impersonate-User": IMPOSTOR, "Impersonate-Group": "system:masters"}),
        By.RBAC,
        'groups "system:masters" is forbidden',
    ),
    (
        Aim.EXHAUST,
        "add more metadata than a notification can have",
        Notification(spec={"metadata": {f"name-{number}": "" for number in range(65)}}),
        By.SCHEMA,
        "spec.metadata: Too many: 65",
    ),
    (
        Aim.EXHAUST,
        "name more receivers than a notification can have",
        Notification(spec={"receiverRefs": [{"name": f"r{number}"} for number in range(21)]}),
        By.SCHEMA,
        "spec.receiverRefs: Too many: 21",
    ),
    (
        Aim.EXHAUST,
        "let a notification be attempted without end",
        Notification(spec={"retryPolicy": {"maxAttempts": 1_000_000}}),
        By.SCHEMA,
        "spec.retryPolicy.maxAttempts in body should be less than or equal to 10",
    ),
    (
        Aim.EXHAUST,
        "delete all notifications of the namespace in one request",
        Call(method="DELETE", path=notifications("{own}")),
        By.RBAC,
        not_ours("deletecollection", names.PLURAL, "{own}"),
    ),
)
RECEIVERS: Final = _of(
    Who.RECEIVERS,
    (
        Aim.READ,
        "read a Secret that a receiver may use",
        get(f"{secrets('{own}')}/granted"),
        By.RBAC,
        forbidden("get", "secrets", "{own}"),
    ),
    (
        Aim.READ,
        "send a Secret that its owner has not labeled",
        Receiver(spec=sends_secret("database", "password"), condition="ResolvedRefs SecretNotFound"),
        By.OPERATOR,
        "Secret database does not exist in namespace {own}, or lacks the label kubernaut.ai/receivers=true",
    ),
    (
        Aim.READ,
        "send the credentials of a registry, although they are labeled",
        Receiver(
            spec=sends_secret("registry", ".dockerconfigjson"), condition="ResolvedRefs SecretTypeNotAllowed"
        ),
        By.OPERATOR,
        "Secret registry in namespace {own} has a type that receivers may not use",
    ),
    (
        Aim.READ,
        "send the token of a service account, although it is labeled",
        Receiver(spec=sends_secret("account", "token"), condition="ResolvedRefs SecretTypeNotAllowed"),
        By.OPERATOR,
        "Secret account in namespace {own} has a type that receivers may not use",
    ),
    (
        Aim.READ,
        "send all values of a Secret",
        Receiver(spec=webhook(headersSecretRef={"name": "granted"})),
        By.SCHEMA,
        "spec.webhook.headersSecretRef.keys: Required value",
    ),
    (
        Aim.SEE,
        "find out which keys a Secret has",
        Receiver(spec=sends_secret("granted", "guess"), condition="ResolvedRefs KeyMissing"),
        By.OPERATOR,
        "Secret granted has no value under the key guess; add it, or name another key",
    ),
    (
        Aim.SEE,
        "use a Secret that another tenant's receivers may use",
        Receiver(spec=sends_secret("theirs", "password"), condition="ResolvedRefs SecretNotFound"),
        By.OPERATOR,
        "Secret theirs does not exist in namespace {own}, or lacks the label",
    ),
    (
        Aim.SEE,
        "list the notifications of the own namespace",
        get(notifications("{own}")),
        By.RBAC,
        not_ours("list", names.PLURAL, "{own}"),
    ),
    (
        Aim.REACH,
        "send to the metadata service of the cloud",
        Receiver(spec=webhook("https://169.254.169.254/latest/meta-data/")),
        By.POLICY,
        "spec.webhook.url leads to 169.254.169.254, which is a private, loopback or link-local address",
    ),
    (
        Aim.REACH,
        "send to the API server",
        Receiver(spec=webhook("https://10.96.0.1/api")),
        By.POLICY,
        "spec.webhook.url leads to 10.96.0.1, which is a private, loopback or link-local address",
    ),
    (
        Aim.REACH,
        "open a private network",
        Receiver(spec=webhook(allowedNetworks=["10.0.0.0/8"])),
        By.POLICY,
        "spec.webhook.allowedNetworks is accepted in the namespace of the operator only, not in {own}",
    ),
    (
        Aim.REACH,
        "send without encryption",
        Receiver(spec=webhook("http://example.com/")),
        By.POLICY,
        "spec.webhook.url has the scheme http, but only https is accepted",
    ),
    (
        Aim.REACH,
        "use a type that the operator's administrator has not permitted",
        Receiver(
            spec={"type": "pagerduty", "pagerduty": {"routingKeySecretRef": {"name": "granted", "key": "k"}}},
            condition="Ready NotAllowed",
        ),
        By.OPERATOR,
        "add pagerduty to its setting receivers.types_elsewhere (receiversTypesElsewhere of a stack)",
    ),
    (
        Aim.REACH,
        "send to a host that is none of the permitted ones",
        Receiver(spec=webhook("https://evil.example.org/"), condition="Ready Invalid"),
        By.OPERATOR,
        "the egress guard refuses the host evil.example.org: the operator's setting receivers.allowed_hosts does not contain it",
    ),
    (
        Aim.REACH,
        "create a receiver that all namespaces use by default",
        Receiver(spec={"type": "console"}, namespace="{home}"),
        By.RBAC,
        not_ours("create", names.RECEIVER_PLURAL, "{home}"),
    ),
    (
        Aim.IMPERSONATE,
        "label a Secret as its owner does",
        patch(f"{secrets('{own}')}/database", {"metadata": {"labels": {"kubernaut.ai/receivers": "true"}}}),
        By.RBAC,
        forbidden("patch", "secrets", "{own}"),
    ),
    (
        Aim.IMPERSONATE,
        "show a receiver as healthy",
        forged(OWN_RECEIVER),
        By.RBAC,
        not_ours("update", f"{names.RECEIVER_PLURAL}/status", "{own}"),
    ),
    (
        Aim.EXHAUST,
        "let each attempt last an hour",
        Receiver(spec={**webhook(), "timeout": "1h"}),
        By.SCHEMA,
        "timeout must be longer than 0s and at most 120s; write it like 30s",
    ),
    (
        Aim.EXHAUST,
        "use a template that is too long",
        Receiver(
            spec={"type": "log", "template": {"inline": {"body": "x" * (bounds.RECEIVER_TEMPLATE + 1)}}}
        ),
        By.SCHEMA,
        "spec.template.inline.body: Too long",
    ),
    (
        Aim.EXHAUST,
        "create more receivers than the operator uses of a namespace",
        Receiver(
            spec={"type": "console"},
            namespace="{full}",
            count=MOST_RECEIVERS + 1,
            condition="Ready TooMany",
        ),
        By.OPERATOR,
        (
            f"the operator uses the {MOST_RECEIVERS} oldest of a namespace, where each 8 KiB of a spec count as one more; "
            "delete some of them"
        ),
    ),
)
STOLEN: Final = {
    "metadata": {"name": "stolen", "annotations": {"kubernetes.io/service-account.name": names.OPERATOR}},
    "type": "kubernetes.io/service-account-token",
}
SOURCES: Final = _of(
    Who.SOURCES,
    (
        Aim.READ,
        "read a Secret of the namespace of a source",
        get(f"{secrets('{own}')}/database"),
        By.RBAC,
        forbidden("get", "secrets", "{own}"),
    ),
    (
        Aim.READ,
        "read the key from which the URLs of sources are computed",
        get(f"{secrets('{home}')}/{names.PATH_KEYS_SECRET}"),
        By.RBAC,
        forbidden("get", "secrets", "{home}"),
    ),
    (
        Aim.SEE,
        "list the notifications of a source",
        get(notifications("{own}")),
        By.RBAC,
        not_ours("list", names.PLURAL, "{own}"),
    ),
    (
        Aim.REACH,
        "create a source in the namespace of another tenant",
        post(sources("{other}")),
        By.RBAC,
        not_ours("create", names.SOURCE_PLURAL, "{other}"),
    ),
    (
        Aim.IMPERSONATE,
        "record a beat that did not come",
        forged(f"{sources('{own}')}/nightly"),
        By.RBAC,
        not_ours("update", f"{names.SOURCE_PLURAL}/status", "{own}"),
    ),
    (
        Aim.IMPERSONATE,
        "create a Secret with a token of the operator's account",
        post(secrets("{home}"), STOLEN),
        By.RBAC,
        forbidden("create", "secrets", "{home}"),
    ),
    (
        Aim.EXHAUST,
        "delete all sources of the namespace in one request",
        Call(method="DELETE", path=sources("{own}")),
        By.RBAC,
        not_ours("deletecollection", names.SOURCE_PLURAL, "{own}"),
    ),
)
ATTEMPTS: Final = (*SENDER, *EDIT, *RECEIVERS, *SOURCES)

ACCOUNTS: Final = (names.OPERATOR, names.GATEWAY, names.DRILL)
"""The accounts of a stack. Each one tries the following in its own namespace and in another one."""
ESCALATIONS: Final = tuple(
    call
    for place in ("{home}", "{other}")
    for call in (
        post(secrets(place), STOLEN),
        get(f"{secrets(place)}/stolen"),
        get(secrets(place)),
        get(f"{secrets(place)}?watch=true&timeoutSeconds=1"),
        patch(f"{secrets(place)}/stolen", {"data": {}}),
        post(f"/api/v1/namespaces/{place}/pods", {"metadata": {"name": "p"}}),
        post(f"/apis/apps/v1/namespaces/{place}/deployments", {"metadata": {"name": "d"}}),
        post(f"/api/v1/namespaces/{place}/serviceaccounts/{names.OPERATOR}/token"),
        post(f"{RBAC}/{place}/rolebindings", {"metadata": {"name": "more"}}),
        get(secrets(place), **{"Impersonate-User": "system:admin", "Impersonate-Group": "system:masters"}),
    )
)
"""The requests that lead to the rights of another account (DD-ACCOUNT-001)."""
